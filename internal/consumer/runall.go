package consumer

import (
	"context"
	"errors"
	"sync"
)

// RunAll runs all runners, each in a goroutine, and returns when all have returned: with nil when ctx has ended and
// all stopped cleanly. When one returns an error the others are stopped; the errors of all are joined.
func RunAll[R interface{ Run(context.Context) error }](ctx context.Context, runners ...R) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(runners))
	var running sync.WaitGroup
	for i, runner := range runners {
		running.Go(func() {
			if errs[i] = runner.Run(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
