package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/experiments/report"
)

// begun writes the plan of a study of two stages, of which the first ones are finished.
func begun(t *testing.T, finished int) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("plan.json", `{"name":"s","config":{"name":"s"},"models":{"m":"01"},"datasets":{"t/g":"02"},"caveats":[],
		"stages":[{"key":"aa","name":"first","kind":"finetune"},{"key":"bb","name":"second","kind":"finetune"}],
		"cells":[{"task":"t","kind":"regression","model":"m","target":"g","setting":"domain","size":5,"arm":"direct","seed":0,"stages":["aa"],"chance":0.1},
			{"task":"t","kind":"regression","model":"m","target":"g","setting":"domain","size":5,"arm":"direct","seed":1,"stages":["bb"],"chance":0.1}]}`)
	for _, key := range []string{"aa", "bb"}[:finished] {
		write("stages/"+key+"/stage.json", `{"key":"`+key+`","name":"n","spec":{"kind":"finetune"},"losses":[2,1],"test":{"regression":{"pearson":0.5,"spearman":0.5,"mse":1,"mae":1}},"text":{"examples":5,"tokens":9},"seconds":2}`)
	}
	return dir
}

func TestReport(t *testing.T) {
	dir := begun(t, 1)
	var out reportOutput
	if err := json.Unmarshal([]byte(must(t, "", "report", dir, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	if out.Finished != 1 || out.Stages != 2 || out.Missing != 1 || out.Cells != 2 || len(out.Files) != 4 {
		t.Errorf("found %+v", out)
	}
	for _, f := range out.Files {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	if _, errs, status := godwit(t, "", "report", dir); status != 0 || !strings.Contains(errs, "1 of 2 cells are not finished") {
		t.Errorf("status %d: %s", status, errs)
	}
	for _, c := range []struct{ dir, says string }{
		{begun(t, 0), "found none of the study's 2 stages finished"}, {t.TempDir(), "plan.json"}, {filepath.Join(dir, "none"), "plan.json"},
	} {
		if _, errs, status := godwit(t, "", "report", c.dir); status != exitFailed || !strings.Contains(errs, c.says) {
			t.Errorf("status %d, want 1: %s", status, errs)
		}
	}
}

func TestServe(t *testing.T) {
	if _, errs, status := godwit(t, "", "serve", t.TempDir()); status != exitFailed || !strings.Contains(errs, "plan.json") {
		t.Errorf("no study: status %d: %s", status, errs)
	}
	if _, _, status := godwit(t, "", "serve", begun(t, 1), "--port", "70000"); status != exitUsage {
		t.Errorf("port 70000: status %d, want 2", status)
	}
	listeners, err := loopback(0)
	if err != nil {
		t.Fatal(err)
	}
	handler := report.Handler(begun(t, 1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, handler, listeners) }()
	for _, l := range listeners {
		if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("listens on %v", ip)
		}
		answer, err := http.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || !strings.Contains(string(body), "1 of 2 cells are missing") {
			t.Errorf("%v: status %d: %.200s (%v)", l.Addr(), answer.StatusCode, body, err)
		}
	}
	if _, err := loopback(uint16(listeners[0].Addr().(*net.TCPAddr).Port)); err == nil {
		t.Error("a port in use: no error")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ends with %v", err)
	}
}
