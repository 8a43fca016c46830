package report

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"godwit/experiments/study"
)

// browser returns the path of a Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("GODWIT_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium on the PATH, and GODWIT_CHROMIUM names none")
	return ""
}

// open has the browser read an address and returns the page as it then stands,
// with the addresses that were asked for.
func open(t *testing.T, address string, flags ...string) (page string, asked []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "net.json")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-component-update",
		"--disable-background-networking", "--disable-sync", "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--log-net-log=" + log, "--dump-dom"}, flags...)
	command := exec.CommandContext(ctx, browser(t), append(args, address)...)
	var errors strings.Builder
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errors.String())
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var events struct {
		Events []struct {
			Params struct {
				URL       string `json:"url"`
				Initiator string `json:"initiator"` // of a page; "not an origin" is the browser on its own account
			} `json:"params"`
		} `json:"events"`
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Events {
		if e.Params.URL != "" && e.Params.Initiator != "" && e.Params.Initiator != "not an origin" {
			asked = append(asked, e.Params.URL)
		}
	}
	return string(out), asked
}

func TestInBrowser(t *testing.T) {
	browser(t)
	dir := t.TempDir()
	r := withPredictors(made(everything))
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "report.html")
	page, asked := open(t, "file://"+path)
	if len(asked) > 0 {
		t.Errorf("the page asks for %q", asked)
	}
	for what, want := range map[string]int{
		`class="seed `:                   seedMarks(t, path),
		`aria-label="Gains of`:           2 * 4, // tasks, arms
		`aria-label="Scores by arm`:      2 * 2 * 3,
		`aria-label="Learning curves on`: 2 * 2 * 3 * 2,
		`aria-label="Training loss on`:   2 * 3 * 4,
		`against measured gain"`:         2,
		`class="point task-`:             2*2*3*2*2*3 + 2 + 2*2, // predictors, tasks, models, targets, ways, sizes; the legend; the correlations
	} {
		if n := strings.Count(page, what); n != want || n == 0 {
			t.Errorf("%d times %s in the browser, want %d", n, what, want)
		}
	}
	// A page that does ask shows that the log would have told.
	trap := filepath.Join(dir, "trap.html")
	if err := os.WriteFile(trap, []byte(`<img src="http://127.0.0.1:9/x.png">`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, asked := open(t, "file://"+trap); len(asked) == 0 {
		t.Error("the request of another page is not in the log")
	}
}

// TestNothingScrollsSideways lays the page out in frames as wide as a telephone
// and as a screen, with everything unfolded, and measures what it needs.
func TestNothingScrollsSideways(t *testing.T) {
	browser(t)
	r := withPredictors(withEvidence(made(everything)))
	html := strings.ReplaceAll(rendered(t, r), "<details>", "<details open>")
	frames := `<!DOCTYPE html><iframe src="/page" style="border:0;width:390px;height:800px"></iframe><iframe src="/page" style="border:0;width:1280px;height:800px"></iframe><script>
onload = () => { document.title = "needs " + [...document.querySelectorAll("iframe")].map(f => f.contentDocument.documentElement.scrollWidth).join(" and ") }
</script>`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if q.URL.Path == "/page" {
			io.WriteString(w, html)
		} else {
			io.WriteString(w, frames)
		}
	}))
	defer server.Close()
	page, _ := open(t, server.URL, "--virtual-time-budget=20000", "--hide-scrollbars")
	if want := "<title>needs 390 and 1280</title>"; !strings.Contains(page, want) {
		title := regexp.MustCompile("<title>[^<]*").FindString(page)
		t.Errorf("in frames 390 and 1280 pixels wide the page says %q, want %q", title, want)
	}
}

func seedMarks(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), `class="seed `)
}

// TestLiveInBrowser opens the served page, lets the study move on and sees the page follow.
func TestLiveInBrowser(t *testing.T) {
	browser(t)
	dir := t.TempDir()
	r := made(shape{models: []string{"m"}, arms: []string{study.Direct, study.Intermediate}, sizes: []int{9}, seeds: 1, intermediates: []string{"i"}, targets: []string{"g"}})
	onDisk(t, dir, r, 1)
	h := Handler(dir)
	first := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/state" { // the page stands and asks whether there is more
			onDisk(t, dir, r, len(r.Plan.Stages))
		} else if q.URL.Path == "/" && first == "" {
			record := httptest.NewRecorder()
			h.ServeHTTP(record, q)
			first = record.Body.String()
		}
		h.ServeHTTP(w, q)
	}))
	defer server.Close()
	page, _ := open(t, server.URL, "--virtual-time-budget=20000")
	if !strings.Contains(first, "Not finished:") {
		t.Fatal("the first page is of the finished study")
	}
	if !strings.Contains(page, `id="costs"`) || strings.Contains(page, "Not finished:") {
		t.Error("the page in the browser did not follow the study")
	}
}
