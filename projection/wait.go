package projection

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// WaitFor looks at the checkpoint at first after firstLook, and then ever less often, down to once in slowestLook.
const (
	firstLook   = time.Millisecond
	slowestLook = 50 * time.Millisecond
)

// WaitFor returns nil once the named projection has applied everything up to a position, in whatever process it runs.
// With the position of an append, what is read afterwards includes what was written.
//
// It returns an error wrapping [eventstore.ErrPaused], with the reason, when the projection is paused before that
// position; when ctx ends an error that wraps ctx's and says how far the projection has come; and that of checkpoints
// when it fails. It does not know whether the projection runs anywhere: give ctx a deadline.
func WaitFor(
	ctx context.Context, checkpoints eventstore.Checkpoints, name string, position eventstore.Position,
) error {
	var reached eventstore.Position
	for delay := firstLook; ; delay = min(2*delay, slowestLook) {
		checkpoint, err := checkpoints.Checkpoint(ctx, name)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("wait for projection %q: read the checkpoint: %w", name, err)
		}
		if err == nil {
			reached = checkpoint.Position
			if reached >= position {
				return nil
			}
			if checkpoint.Paused {
				return fmt.Errorf("wait for projection %q to reach position %d: %w at position %d: %s",
					name, position, eventstore.ErrPaused, reached, checkpoint.Reason)
			}
		}
		if err := consumer.Wait(ctx, delay); err != nil {
			return fmt.Errorf("wait for projection %q to reach position %d: it is at %d: %w", name, position, reached, err)
		}
	}
}
