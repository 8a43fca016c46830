package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"godwit/experiments/study"
)

// Handler serves the report of a study's directory as it stands at each
// request, without writing anything. It has three addresses: the page, /state, a token
// that changes with it, and /table.tex; it opens no file that a request names. Requests that were meant for another host are
// refused, so that no page elsewhere can reach it by a name of its own.
func Handler(dir string) http.Handler {
	s := &server{dir: dir}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /state", s.state)
	mux.HandleFunc("GET /table.tex", s.table)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r.Host) {
			http.Error(w, "this server answers to localhost only", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		mux.ServeHTTP(w, r)
	})
}

// local says whether a Host header names this machine.
func local(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	return strings.EqualFold(name, "localhost") || name == "127.0.0.1" || name == "::1"
}

// server keeps the page of the state that it saw last.
type server struct {
	dir   string
	mutex sync.Mutex
	seen  string
	html  []byte
}

// now tells the state of the study: a token that changes when a stage is finished or the plan is another.
func (s *server) now() (string, error) {
	h := sha256.New()
	plan, err := os.Stat(filepath.Join(s.dir, "plan.json"))
	if err != nil {
		return "", err
	}
	fmt.Fprintln(h, plan.ModTime().UnixNano(), plan.Size())
	entries, err := os.ReadDir(filepath.Join(s.dir, "stages"))
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			fmt.Fprintln(h, e.Name())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func (s *server) state(w http.ResponseWriter, _ *http.Request) {
	state, err := s.now()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, state)
}

func (s *server) page(w http.ResponseWriter, _ *http.Request) {
	html, err := s.current()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(html)
}

// current renders the page if the study has moved on.
func (s *server) current() ([]byte, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	state, err := s.now() // before reading: what is finished in between shows next time
	if err != nil {
		return nil, err
	}
	if state == s.seen {
		return s.html, nil
	}
	r, err := study.Collect(s.dir)
	if err != nil {
		return nil, err
	}
	var html []byte
	if len(r.Records) == 0 {
		html, err = waiting(r, state)
	} else {
		html, err = render(r, options{Made: time.Now(), State: state})
	}
	if err != nil {
		return nil, err
	}
	s.seen, s.html = state, html
	return html, nil
}

func (s *server) table(w http.ResponseWriter, _ *http.Request) {
	r, err := study.Collect(s.dir)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-tex; charset=utf-8")
	w.Write(latex(r))
}

func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

var waitingPage = template.Must(template.New("waiting").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"><title>{{.Name}}: transfer study</title><style>{{.Style}}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript></head>
<body data-state="{{.State}}"><main><h1>{{.Name}}</h1><p class="lead">None of {{.Stages}} stages is finished yet. The page fills as they are.</p></main><script>{{.Script}}</script></body></html>
`))

// waiting is the page of a study that has nothing to show yet.
func waiting(r *study.Results, state string) ([]byte, error) {
	var b bytes.Buffer
	err := waitingPage.Execute(&b, pageView{Name: r.Name, Style: template.CSS(pageStyle), Script: template.JS(liveScript), State: state, Stages: len(r.Plan.Stages)})
	return b.Bytes(), err
}
