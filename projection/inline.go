package projection

import (
	"context"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Inline returns a store whose appends keep some projections' read models too, in the transaction of the append: who
// reads after an append sees what it has led to, and when a handler fails, nothing was appended. For the rest it is the
// given store.
//
// It has a price. Such appends are not coalesced with others, each is a transaction of several round trips, and while
// handlers run the events hold back all subscriptions (see the guarantee S8). A handler that fails makes an append
// impossible, so a mistake in a read model stops the business. Use it for the few read models that must never lag, such
// as one that keeps something unique, and let [WaitFor] serve the rest.
//
// An inline projection keeps no checkpoint and handles only what is appended through this store: all programs that append
// what it listens to must append through it. To begin where there are events, stop those, let the projection [CatchUp]
// once, and then begin. An append that is repeated (S7) is not handled again. Handlers may be called again for an append
// that the store had to begin anew, after everything was rolled back. Retries, policy and partitions of the projections'
// options do not apply. Inline panics for a projection that is versioned: a mistake in the program.
//
// [CatchUp]: Projection.CatchUp
func Inline[Tx any](store eventstore.AppenderWith[Tx], projections ...*Projection[Tx]) eventstore.Store {
	inline := &inlineStore[Tx]{AppenderWith: store}
	for _, p := range projections {
		if p.version != nil {
			panic(fmt.Sprintf("projection.Inline: projection %q has versions, which an inline one cannot have", p.id))
		}
		inline.projections = append(inline.projections, p)
		p.mu.Lock()
		p.started = true
		p.mu.Unlock()
	}
	return inline
}

type inlineStore[Tx any] struct {
	eventstore.AppenderWith[Tx]

	projections []*Projection[Tx]
}

// Append implements [eventstore.Store].
func (s *inlineStore[Tx]) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	return s.AppendWith(ctx, s.handle, writes...)
}

func (s *inlineStore[Tx]) handle(ctx context.Context, tx Tx, events []eventstore.RecordedEvent) error {
	for _, p := range s.projections {
		var own []eventstore.RecordedEvent
		for _, event := range events {
			if p.families[event.Stream.Category] != nil {
				own = append(own, event)
			}
		}
		if err := p.applyTo(consumer.WithLive(ctx, true), tx, own); err != nil {
			return fmt.Errorf("inline projection %q: %w", p.id, err)
		}
	}
	return nil
}
