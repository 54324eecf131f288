package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/wait"
)

// childWriter is the second appending process, which is killed and started again.
type childWriter struct {
	process *child.Process
	stopped chan struct{} // closed when its writers have stopped
}

func startChild(a assignment, take reporter) (*childWriter, error) {
	c := &childWriter{stopped: make(chan struct{})}
	var err error
	c.process, err = child.Start(a, func(out io.Reader) error { return c.readReports(out, take) })
	return c, err
}

// readReports ends with the output; a last line that is not finished is none.
func (c *childWriter) readReports(out io.Reader, take reporter) error {
	lines := bufio.NewReaderSize(out, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil //nolint:nilerr // the end, however it came
		}
		var r report
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("report of the child process: %.200q: %w", line, err)
		}
		if r.Stopped {
			close(c.stopped)
		}
		take(r)
	}
}

// stopWriters has the writers stop and waits until they have.
func (c *childWriter) stopWriters(ctx context.Context) error {
	if err := c.process.Order(stopOrder); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*wait.Patience)
	defer cancel()
	select {
	case <-c.stopped:
		return nil
	case <-c.process.Ended():
		return errors.Join(errors.New("the child process has ended by itself"), c.process.Err())
	case <-ctx.Done():
		return fmt.Errorf("stop the writers of the child process: %w", ctx.Err())
	}
}

// childKiller kills the child now and then, and starts it again where its subscribers were.
type childKiller struct {
	assignment      assignment
	rng             *rand.Rand
	collector       *collector
	firstSubscriber int // index of the child's first

	child *childWriter // nil: there is none
	kills int
}

func (k *childKiller) start() error {
	k.assignment.Incarnation++
	k.assignment.Subscribers = k.collector.subscriptions(k.firstSubscriber)
	started, err := startChild(k.assignment, k.collector.add)
	if err != nil {
		return err
	}
	k.child = started
	return nil
}

// run ends with ctx. The last child goes on.
func (k *childKiller) run(ctx context.Context) error {
	for k.assignment.Incarnation < maxIncarnations {
		if !wait.For(ctx, time.Duration((0.3+k.rng.Float64())*float64(childLife))) {
			return nil
		}
		if err := k.child.process.Kill(); err != nil {
			return err
		}
		k.child = nil
		k.kills++
		if err := k.start(); err != nil {
			return err
		}
	}
	return nil
}

func (k *childKiller) close() error {
	if k.child == nil {
		return nil
	}
	return k.child.process.End()
}
