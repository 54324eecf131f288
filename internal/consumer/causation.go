package consumer

import (
	"context"

	"github.com/pasttense/pasttense/eventstore"
)

// CausedBy returns a context under which everything that is appended says that event caused it, and is part of what
// the event is part of.
func CausedBy(ctx context.Context, event eventstore.RecordedEvent) context.Context {
	return eventstore.WithMetadata(ctx, eventstore.Metadata{
		CorrelationID: event.Metadata.CorrelationID,
		CausationID:   event.ID.String(),
		TraceParent:   event.Metadata.TraceParent,
	})
}
