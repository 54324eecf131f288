package memstore

import "context"

// gate is a mutex that a context can give up waiting for.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits until the gate is free. It returns the error of a context that has ended, also when the gate is free.
func (g gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }
