package eventstoretest

import (
	"context"
	"fmt"
	"sync"
)

// race runs f n times at once, with numbers from 0, waits for all, and ends the clause when any returns an error.
func (r *run) race(n int, f func(i int) error) {
	r.Helper()
	start := make(chan struct{})
	errs := make([]error, n)
	var racing sync.WaitGroup
	for i := range n {
		racing.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	racing.Wait()
	for i, err := range errs {
		if err != nil {
			r.Errorf("racer %d: %v", i, err)
		}
	}
	if r.Failed() {
		r.Fatalf("the race is lost")
	}
}

// pending is the result of something that goes on meanwhile.
type pending[R any] struct {
	run    *run
	what   string
	result R
	done   chan struct{}
}

// begin runs f in the background. The trial waits for it when it ends.
func begin[R any](r *run, what string, f func() R) *pending[R] {
	p := &pending[R]{run: r, what: what, done: make(chan struct{})}
	r.running.Go(func() {
		defer close(p.done)
		p.result = f()
	})
	return p
}

// wait returns the result, and ends the clause when it does not come.
func (p *pending[R]) wait() R {
	p.run.Helper()
	await(p.run.ctx, p.done)
	if !p.isOver() {
		p.run.Fatalf("waited in vain: %s", p.what)
	}
	return p.result
}

// isDone reports whether the result is there, after some time to let it come.
func (p *pending[R]) isDone() bool {
	p.run.quiet()
	return p.isOver()
}

// isOver reports whether the result is there.
func (p *pending[R]) isOver() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// await waits for a signal, or until ctx ends.
func await(ctx context.Context, signal <-chan struct{}) {
	select {
	case <-signal:
	case <-ctx.Done():
	}
}

// counted lets the i-th of many goroutines name its things.
func counted(name string, numbers ...int) string {
	for _, n := range numbers {
		name += fmt.Sprintf("-%d", n)
	}
	return name
}
