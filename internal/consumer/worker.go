package consumer

import (
	"context"
	"errors"

	"github.com/pasttense/pasttense/eventstore"
)

// worker works on one partition in one epoch, in a goroutine of its own.
type worker struct {
	at     eventstore.Checkpoint // as it began
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended by itself
}

// start starts a worker, which the member stops or, when it ends by itself, finds in ended.
func (m *member) start(ctx context.Context, at eventstore.Checkpoint) *worker {
	ctx, cancel := context.WithCancel(ctx)
	w := &worker{at: at, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = m.labor(ctx, at)
		select {
		case m.ended <- w:
		case <-ctx.Done():
		}
	}()
	return w
}

// stop returns when the worker has.
func (w *worker) stop() {
	w.cancel()
	<-w.done
}

// labor tries again when store or checkpoints cannot be reached, or the process is at fault. It returns errChanged, a
// hopeless error, or that of ctx.
func (m *member) labor(ctx context.Context, at eventstore.Checkpoint) error {
	for failures := 1; ; failures++ {
		s := &session{Config: m.Config, at: at, until: never, attempts: m.Retry.Attempts, giveUp: giveUp}
		err := s.run(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isNotHere(err): // whatever else it is
		case errors.Is(err, errChanged), isHopeless(err):
			return err
		case errors.Is(err, errStopped), errors.Is(err, eventstore.ErrPaused):
			<-ctx.Done() // the next epoch, or the end of all
			return ctx.Err()
		}
		if s.at.Position > at.Position {
			failures = 1
		}
		delay := m.Retry.Delay(failures)
		m.Logger.WarnContext(ctx, m.Kind+" cannot go on, trying again",
			"error", err, "partition", at.Partition, "failures", failures, "delay", delay)
		if err := Wait(ctx, delay); err != nil {
			return err
		}
		now, err := s.checkpoint(ctx)
		switch {
		case err != nil: // the session will say so too
		case now.Epoch != at.Epoch:
			return errChanged
		default:
			at = now
		}
	}
}
