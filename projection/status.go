package projection

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Status returns how far the projection has come, who works on it, and whether it goes on, whoever runs it. On Postgres
// the view consumer_status tells the same of all.
func (p *Projection[Tx]) Status(ctx context.Context) (eventstore.ConsumerStatus, error) {
	p.mu.Lock()
	config := consumer.Config{ID: p.id, Store: p.store, Keeper: p.target, Parking: p.target, Filter: p.filter()}
	p.mu.Unlock()
	status, err := consumer.Status(ctx, config)
	if err != nil {
		return eventstore.ConsumerStatus{}, fmt.Errorf("status of projection %q: %w", p.ID(), err)
	}
	return status, nil
}
