// Package lifecycle starts the parts of a program in order, and stops them in reverse.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of what a client may take to ask, and of what the server may take to finish.
const (
	readTimeout  = 15 * time.Second
	idleTimeout  = time.Minute
	drainTimeout = 10 * time.Second
)

// Part is something that runs until its context ends, finishes what it has in hand, and returns nil.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// Run runs the parts until ctx ends or one of them does. Then it stops them one after the other, the last one first,
// so that each can still use those before it while it finishes. It returns the errors of the parts.
func Run(ctx context.Context, parts ...Part) error {
	ended := make(chan error, len(parts))
	stops := make([]func(), len(parts))
	for i, part := range parts {
		stops[len(parts)-1-i] = start(context.WithoutCancel(ctx), part, ended)
	}
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-ended:
		errs = append(errs, err)
	}
	for _, stop := range stops {
		stop()
	}
	close(ended)
	for err := range ended {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// start runs a part in a goroutine, and returns what stops it and waits for it. Its error goes to ended; a part that
// ends without being stopped is an error too.
func start(ctx context.Context, part Part, ended chan<- error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := part.Run(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("ended by itself")
		}
		if err != nil {
			ended <- fmt.Errorf("%s: %w", part.Name, err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// HTTP is a part that serves HTTP. To stop, it takes no new requests and finishes those it has, in at most ten seconds.
func HTTP(name string, listener net.Listener, handler http.Handler, log *slog.Logger) Part {
	server := &http.Server{
		Handler:     handler,
		ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return Part{Name: name, Run: func(ctx context.Context) error {
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err := server.Shutdown(draining)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}}
}
