package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
)

// Process is a child, seen from its parent.
type Process struct {
	command *exec.Cmd
	input   io.WriteCloser
	killed  atomic.Bool
	ended   chan struct{}
	err     error // of a process that has ended
}

// Start starts this program anew, gives it its assignment as JSON, and returns when it heeds signals. What the child writes
// is for read, until there is no more; nil is for a child that writes nothing. The child ends with Kill, Terminate or End,
// and with this process, however that ends.
func Start(assignment any, read func(out io.Reader) error) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:noctx // it is ended by its methods, in order
	command := exec.Command(program)
	command.Env = append(os.Environ(), env+"=1")
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
	p := &Process{command: command, input: input, ended: make(chan struct{})}
	err = json.NewEncoder(input).Encode(assignment)
	if err == nil {
		_, err = io.ReadFull(output, make([]byte, len(readyLine)))
	}
	go p.await(output, read)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("assign work to a child process: %w", err), p.Kill())
	}
	return p, nil
}

// await ends with the process, when all that it wrote was read.
func (p *Process) await(output io.Reader, read func(io.Reader) error) {
	defer close(p.ended)
	if read != nil {
		p.err = read(output)
	}
	_, _ = io.Copy(io.Discard, output) // ends with the process, however that ends
	if err := p.command.Wait(); !p.killed.Load() {
		p.err = errors.Join(p.err, err)
	}
}

// ID returns the ID of the process.
func (p *Process) ID() int { return p.command.Process.Pid }

// Ended returns a channel that is closed when the process has ended and all that it wrote was read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err returns what was wrong with a process that has ended: with what it wrote, or how it ended, unless it was killed.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Order sends a line to the process.
func (p *Process) Order(line string) error {
	if _, err := io.WriteString(p.input, line+"\n"); err != nil {
		return fmt.Errorf("give the order %q to a child process: %w", line, err)
	}
	return nil
}

// Signal sends a signal, such as [Stop]. It returns an error when the process has ended by itself.
func (p *Process) Signal(signal os.Signal) error {
	if signal == os.Kill {
		p.killed.Store(true)
	}
	if err := p.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("child process has ended by itself: %w", errors.Join(err, p.Err()))
	}
	return nil
}

// Kill ends the process with kill -9, also while it is stopped, and returns when it has ended.
func (p *Process) Kill() error {
	p.killed.Store(true)
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill a child process: %w", err)
	}
	return p.Err()
}

// Terminate terminates the process, which is to end cleanly within [wait.Patience], and tells how it did.
func (p *Process) Terminate(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	select {
	case <-p.ended:
		if p.err != nil {
			return fmt.Errorf("child process did not end cleanly when it was terminated: %w", p.err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a child process that was terminated: %w", ctx.Err())
	}
}

// End lets the process end by itself, which is to take no longer than [wait.Patience]. Then it is killed.
func (p *Process) End() error {
	p.input.Close()
	overdue := time.AfterFunc(wait.Patience, func() { _ = p.command.Process.Kill() })
	defer overdue.Stop()
	return p.Err()
}
