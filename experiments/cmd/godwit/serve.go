package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"godwit/experiments/report"
	"godwit/experiments/study"
)

type serveCommand struct {
	Dir  string `arg:"" help:"Directory of a study, as --output of godwit study names it."`
	Port uint16 `help:"Port; by default any that is free." placeholder:"N"`
}

func (serveCommand) Help() string {
	return `Example: godwit serve runs/embedded

Shows the report in a browser on this machine, and keeps it up to date while
the study runs. It writes nothing, and other machines cannot reach it. Ctrl-C ends it.`
}

func (c *serveCommand) Run(ctx context.Context) error {
	if _, err := study.Collect(c.Dir); err != nil {
		return err
	}
	listeners, err := loopback(c.Port)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", listeners[0].Addr())
	fmt.Fprintln(os.Stderr, "Ctrl-C ends it.")
	return serve(ctx, report.Handler(c.Dir), listeners)
}

// serve answers requests until ctx is done.
func serve(ctx context.Context, h http.Handler, listeners []net.Listener) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- server.Serve(l) }()
	}
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	if closed := server.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// loopback listens on 127.0.0.1 and, where the machine has it, on the same port of ::1.
func loopback(port uint16) ([]net.Listener, error) {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{first}
	chosen := first.Addr().(*net.TCPAddr).Port
	if second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(chosen))); err == nil {
		listeners = append(listeners, second)
	}
	return listeners, nil
}
