package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// child is a process that runs the projection, seen from the main process.
type child struct {
	command *exec.Cmd
	input   io.WriteCloser
	exited  chan struct{} // closed when it has
	err     error         // that it exited with
}

// startChild starts this program anew, and returns when the process heeds signals. It ends with stop or kill, and with
// this process, however that ends.
func startChild(a assignment) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:noctx // it is ended by stop or kill, in order
	command := exec.Command(program)
	command.Env = append(os.Environ(), childEnv+"=1")
	command.Stderr = os.Stderr
	command.SysProcAttr = ownGroup()
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	err = json.NewEncoder(input).Encode(a)
	if err == nil {
		_, err = io.ReadFull(output, make([]byte, len(readyLine)))
	}
	c := &child{command: command, input: input, exited: make(chan struct{})}
	go func() {
		c.err = command.Wait()
		close(c.exited)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("assign work to a child process: %w", err), c.kill())
	}
	return c, nil
}

func (c *child) signal(signal os.Signal) error {
	if err := c.command.Process.Signal(signal); err != nil {
		<-c.exited
		return fmt.Errorf("child process has ended by itself: %w: %w", err, c.err)
	}
	return nil
}

// kill ends the process with kill -9, also while it is stopped.
func (c *child) kill() error {
	if err := c.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill a child process: %w", err)
	}
	<-c.exited
	return nil
}

// stop terminates the process, which is to end cleanly, and tells how it did.
func (c *child) stop(ctx context.Context) error {
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-c.exited:
		if c.err != nil {
			return fmt.Errorf("child process did not end cleanly when it was terminated: %w", c.err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a child process that was terminated: %w", ctx.Err())
	}
}

func (c *child) pid() string { return strconv.Itoa(c.command.Process.Pid) }

// is reports whether the process is the member of a name.
func (c *child) is(member string) bool { return processOf(member) == c.pid() }

// processOf returns the process of a member, whose name has it between the host and a random part.
func processOf(member string) string {
	parts := strings.Split(member, "/")
	if len(parts) != 3 {
		return ""
	}
	return parts[1]
}

// fleet is the processes that run the projection.
type fleet struct {
	assignment assignment
	children   []*child
	away       []bool // which an incident is about; guarded by its one user
}

func startFleet(a assignment, size int) (*fleet, error) {
	f := &fleet{assignment: a, children: make([]*child, size), away: make([]bool, size)}
	for i := range f.children {
		if err := f.restart(i); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *fleet) restart(index int) (err error) {
	f.children[index], err = startChild(f.assignment)
	return err
}

// stop terminates all processes and waits for them.
func (f *fleet) stop(ctx context.Context) error {
	var errs []error
	for _, c := range f.children {
		errs = append(errs, c.stop(ctx))
	}
	return errors.Join(errs...)
}

// kill ends what still runs.
func (f *fleet) kill() error {
	var errs []error
	for _, c := range f.children {
		if c != nil {
			errs = append(errs, c.kill())
		}
	}
	return errors.Join(errs...)
}
