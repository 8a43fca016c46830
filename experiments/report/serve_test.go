package report

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/experiments/study"
)

// onDisk writes a study's plan and its first n stages, as a run leaves them.
func onDisk(t testing.TB, dir string, r *study.Results, n int) {
	t.Helper()
	write := func(path string, v any) {
		data, err := json.Marshal(v)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "plan.json")); err != nil {
		write(filepath.Join(dir, "plan.json"), r.Plan)
	}
	for _, s := range r.Plan.Stages[:n] {
		rec := r.Records[s.Key]
		if rec == nil {
			continue
		}
		write(filepath.Join(dir, "stages", s.Key, "stage.json"), map[string]any{
			"key": s.Key, "name": s.Name, "spec": map[string]any{"kind": s.Kind}, "losses": rec.Losses, "test": rec.Test, "text": rec.Text, "seconds": rec.Seconds,
		})
	}
}

func TestHandler(t *testing.T) {
	dir := t.TempDir()
	r := made(shape{models: []string{"m"}, arms: study.Arms, sizes: []int{9}, seeds: 2, intermediates: []string{"i"}, targets: []string{"g"}})
	onDisk(t, dir, r, 0)
	secret := filepath.Join(dir, "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := Handler(dir)
	get := func(method, path, host string) (int, string, http.Header) {
		req := httptest.NewRequest(method, "http://localhost/", nil)
		req.URL.Path, req.RequestURI = path, path
		req.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		body, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(body), w.Result().Header
	}
	const here = "127.0.0.1:8080"
	code, waiting, _ := get("GET", "/", here)
	if code != 200 || !strings.Contains(waiting, "None of 28 stages is finished yet") || !strings.Contains(waiting, "<main>") {
		t.Errorf("nothing finished: %d, %s", code, waiting)
	}
	_, before, _ := get("GET", "/state", here)
	onDisk(t, dir, r, 9)
	_, after, _ := get("GET", "/state", here)
	if before == after || before == "" {
		t.Errorf("the state is %q before and %q after stages were finished", before, after)
	}
	code, page, header := get("GET", "/", here)
	if code != 200 || !strings.Contains(page, `data-state="`+after+`"`) || !strings.Contains(page, "Not finished:") || !strings.Contains(page, `http-equiv="refresh"`) {
		t.Errorf("half-way: %d, %.300s", code, page)
	}
	if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers are %v", header)
	}
	onDisk(t, dir, r, len(r.Plan.Stages))
	if _, page, _ := get("GET", "/", here); strings.Contains(page, "Not finished:") {
		t.Error("the finished study is served as unfinished")
	}
	if code, tex, _ := get("GET", "/table.tex", here); code != 200 || !strings.Contains(tex, `\begin{tabular}`) {
		t.Errorf("table: %d, %s", code, tex)
	}
	for _, host := range []string{"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80", "[::1]"} {
		if code, _, _ := get("GET", "/state", host); code != 200 {
			t.Errorf("host %s: %d", host, code)
		}
	}
	for _, host := range []string{"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "0.0.0.0:80", "192.168.0.1", "[::2]:80", "localhost:80:80"} {
		if code, body, _ := get("GET", "/", host); code != http.StatusMisdirectedRequest || strings.Contains(body, "<main>") {
			t.Errorf("host %q: %d", host, code)
		}
	}
	for _, path := range []string{"/secret.txt", "/../secret.txt", "/stages/../secret.txt", "/plan.json", "/%2e%2e/secret.txt", "//secret.txt", "/stages/", "/report.html"} {
		if code, body, _ := get("GET", path, here); code == 200 || strings.Contains(body, "secret\n") {
			t.Errorf("path %s: %d %s", path, code, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if code, _, _ := get(method, "/", here); code != http.StatusMethodNotAllowed {
			t.Errorf("method %s: %d", method, code)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 3 { // plan.json, secret.txt, stages
		t.Errorf("serving left %v in the directory (%v)", names, err)
	}
	if err := os.Remove(filepath.Join(dir, "plan.json")); err != nil {
		t.Fatal(err)
	}
	if code, body, _ := get("GET", "/", here); code != http.StatusInternalServerError || !strings.Contains(body, "plan.json") {
		t.Errorf("a plan that is gone: %d %s", code, body)
	}
}
