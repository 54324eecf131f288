package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

// child is the second appending process, which is killed and started again.
type child struct {
	process *exec.Cmd
	orders  io.WriteCloser
	stopped chan struct{} // closed when its writers have stopped
	read    chan error    // gets a value when all it wrote was read
}

// startChild starts this program anew. It ends with close, and with this process, however that ends.
func startChild(a assignment, report reporter) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:noctx // it is ended by close, in order
	process := exec.Command(program)
	process.Env = append(os.Environ(), childEnv+"=1")
	process.Stderr = os.Stderr
	orders, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	c := &child{process: process, orders: orders, stopped: make(chan struct{}), read: make(chan error, 1)}
	go func() { c.read <- c.readReports(out, report) }()
	if err := json.NewEncoder(orders).Encode(a); err != nil {
		return nil, errors.Join(fmt.Errorf("assign work to the child process: %w", err), c.kill())
	}
	return c, nil
}

// readReports ends with the output; a last line that is not finished is none.
func (c *child) readReports(out io.Reader, take reporter) error {
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

// kill ends the process with kill -9, and returns when all it had reported was taken in.
func (c *child) kill() error {
	if err := c.process.Process.Kill(); err != nil {
		return fmt.Errorf("kill the child process: %w", err)
	}
	err := <-c.read
	_ = c.process.Wait() // killed
	return err
}

// stopWriters has the writers stop and waits until they have.
func (c *child) stopWriters(ctx context.Context) error {
	if _, err := io.WriteString(c.orders, stopLine+"\n"); err != nil {
		return fmt.Errorf("stop the child process: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	select {
	case <-c.stopped:
		return nil
	case err := <-c.read:
		c.read <- err
		return errors.Join(errors.New("the child process has ended by itself"), err)
	case <-ctx.Done():
		return fmt.Errorf("stop the writers of the child process: %w", ctx.Err())
	}
}

// close lets the process end by itself.
func (c *child) close() error {
	c.orders.Close()
	overdue := time.AfterFunc(patience, func() { _ = c.process.Process.Kill() })
	defer overdue.Stop()
	err := <-c.read
	return errors.Join(err, c.process.Wait())
}

// childKiller kills the child now and then, and starts it again where its subscribers were.
type childKiller struct {
	assignment      assignment
	rng             *rand.Rand
	collector       *collector
	firstSubscriber int // index of the child's first

	child *child
	kills int
}

func (k *childKiller) start() (err error) {
	k.assignment.Incarnation++
	k.assignment.Subscribers = k.collector.subscriptions(k.firstSubscriber)
	k.child, err = startChild(k.assignment, k.collector.add)
	return err
}

// run ends with ctx. The last child goes on.
func (k *childKiller) run(ctx context.Context) error {
	for k.assignment.Incarnation < maxIncarnations {
		if !pause(ctx, time.Duration((0.3+k.rng.Float64())*float64(childLife))) {
			return nil
		}
		if err := k.child.kill(); err != nil {
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
	return k.child.close()
}
