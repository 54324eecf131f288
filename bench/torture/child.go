package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// stopOrder is for a child whose writers are to stop.
const stopOrder = "stop"

// runChild is the second appending process. It writes its reports to out.
func runChild(ctx context.Context, a assignment, orders <-chan string, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports := reportTo(out, cancel)
	p, err := startProcess(ctx, a, reports)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-orders:
		p.finishing.Store(true)
		p.stopWriters()
		reports(report{Stopped: true})
		<-ctx.Done()
	case <-ctx.Done():
	}
	return p.close()
}

// reportTo writes each report with one call, so that a process that is killed leaves at most one line unfinished. When
// nobody reads any more, it calls ended.
func reportTo(out io.Writer, ended func()) reporter {
	var mu sync.Mutex
	return func(r report) {
		line, err := json.Marshal(r)
		if err != nil {
			panic(err) // numbers and valid strings
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := out.Write(append(line, '\n')); err != nil {
			ended()
		}
	}
}
