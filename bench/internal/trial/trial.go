package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Trial is one run of a program.
type Trial interface {
	// Run makes trouble and then looks what is wrong.
	Run(ctx context.Context) error
	// Tell writes what was counted and found. It returns an error when anything is wrong.
	Tell(out io.Writer) error
	// Close ends everything that was started, and removes all files.
	Close() error
}

// Carry tells the seed, opens a trial, carries it out, and closes it. Where open fails nothing is left to close.
func Carry(ctx context.Context, seed uint64, open func() (Trial, error), out io.Writer) (err error) {
	fmt.Fprintf(out, "seed %d\n", seed)
	t, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.Run(ctx); err != nil {
		return err
	}
	return t.Tell(out)
}

// Log tells how a trial goes. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	out   io.Writer
	begun time.Time
}

// NewLog returns a log of what begins now.
func NewLog(out io.Writer) *Log { return &Log{out: out, begun: time.Now()} }

// Printf writes a line with the time since the beginning.
func (l *Log) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%6.1fs  %s\n", time.Since(l.begun).Seconds(), fmt.Sprintf(format, args...))
}
