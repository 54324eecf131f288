package projection

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// Status is how far a projection has come, and whether it goes on.
type Status struct {
	eventstore.Checkpoint
	// Head is the highest position in the store. A projection that has applied everything is there too, or a little
	// behind while appends are in flight. Positions have gaps, so the difference is not a number of events.
	Head eventstore.Position
}

// Status returns the projection's status, whoever runs it.
func (p *Projection[Tx]) Status(ctx context.Context) (Status, error) {
	checkpoint, err := p.target.Checkpoint(ctx, p.name)
	if err != nil {
		return Status{}, fmt.Errorf("status of projection %q: read the checkpoint: %w", p.name, err)
	}
	head, err := p.store.Head(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("status of projection %q: read the head: %w", p.name, err)
	}
	return Status{Checkpoint: checkpoint, Head: head}, nil
}
