package report

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandlerAnswersThisMachineAlone(t *testing.T) {
	h := Handler(t.TempDir())
	for _, c := range []struct {
		host, path string
		status     int
	}{
		{"evil.example", "/", 421}, {"localhost.evil.example:80", "/state", 421},
		{"localhost:80", "/../../etc/passwd", 307}, {"127.0.0.1", "/plan.json", 404}, {"[::1]:8080", "/state", 500}, {"localhost", "/", 500}, // no study is there
	} {
		q := httptest.NewRequest("GET", "http://"+c.host+c.path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		if w.Code != c.status || strings.Contains(w.Body.String(), "root:") {
			t.Errorf("%s%s: status %d, want %d: %s", c.host, c.path, w.Code, c.status, w.Body)
		}
	}
}
