package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// On makes a projection listen to a family of events, which is to the category of its codec. A projection may listen to
// several families; it gets the events of all of them in the order of their positions. With several partitions that holds
// for each stream, and not between streams.
//
// Handle makes its changes through tx, which commits them together with the checkpoint: each event counts exactly once.
// It may be called again for an event whose transaction was rolled back, so it should do nothing else that matters. Its
// calls for one partition do not overlap within one Run or CatchUp; those for several do. A panic is an error like any other.
//
// What handle appends under its ctx has the metadata of [eventstore.CausedBy], where handle does not say otherwise. Such
// an append is outside the transaction, and needs event IDs of its own to happen once.
//
// Adding a family to a projection that has run already does not bring up what lies before its checkpoint: make it
// a new version, or give it a new name, for that.
//
// On panics when the projection listens to the category already, when the category is invalid, and when the projection
// was started: mistakes in the program.
func On[E, Tx any](
	p *Projection[Tx],
	codec eventstore.Codec[E],
	handle func(ctx context.Context, tx Tx, e eventstore.Envelope[E]) error,
) {
	category := codec.Category()
	p.listen(category, func(ctx context.Context, tx Tx, recorded eventstore.RecordedEvent) error {
		envelopes, err := open(codec, recorded, p.options.IgnoreTypes)
		if err != nil {
			return err
		}
		ctx = eventstore.WithMetadata(ctx, eventstore.CausedBy(recorded))
		for _, envelope := range envelopes {
			if err := handle(ctx, tx, envelope); err != nil {
				return err
			}
		}
		return nil
	})
}

// open decodes an event. There is nothing of one whose type is unknown and to be ignored.
func open[E any](
	codec eventstore.Codec[E], recorded eventstore.RecordedEvent, ignore []string,
) ([]eventstore.Envelope[E], error) {
	envelopes, err := eventstore.Open(codec, recorded)
	if errors.Is(err, eventstore.ErrUnknownType) && slices.Contains(ignore, recorded.Type) {
		return nil, nil
	}
	return envelopes, err
}

func (p *Projection[Tx]) listen(category string, apply family[Tx]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		panic(fmt.Sprintf("projection.On: projection %q was started before it listened to category %q", p.id, category))
	}
	if err := eventstore.ValidateCategory(category); err != nil {
		panic(fmt.Sprintf("projection.On: projection %q: %v", p.id, err))
	}
	if _, taken := p.families[category]; taken {
		panic(fmt.Sprintf("projection.On: projection %q listens to category %q twice", p.id, category))
	}
	p.families[category] = apply
}
