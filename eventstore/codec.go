package eventstore

import (
	"time"

	"github.com/google/uuid"
)

// Codec turns the events of one family into stored bytes and back. A family is the events of one category: a sealed
// interface E with one struct for each event. [JSON] makes the usual codec, and [NewCodec] one for events that have
// changed or are stored in other formats.
//
// A codec is safe for concurrent use.
type Codec[E any] interface {
	// Category is that of the family's streams.
	Category() string

	// Encode returns the type, schema version, content type and data of an event, and no more. The same event always
	// gives the same bytes, as an append that is repeated is compared by them. An event that is not of the family is
	// an error.
	Encode(event E) (EventData, error)

	// Decode returns what a stored event means today: usually one event, none where the family has dropped it, or
	// several where it has split it. An event of a type or schema version that the codec does not know is an error
	// wrapping [ErrUnknownType].
	Decode(recorded RecordedEvent) ([]E, error)
}

// Envelope is a decoded event with where it stands and why it came about.
type Envelope[E any] struct {
	Event      E
	ID         uuid.UUID
	Stream     StreamID
	Version    Version
	Position   Position
	RecordedAt time.Time
	Metadata   Metadata
}

// Open decodes a stored event into envelopes: one for each event that the codec makes of it, all with the same ID,
// version and position. It returns the codec's error.
func Open[E any](codec Codec[E], recorded RecordedEvent) ([]Envelope[E], error) {
	events, err := codec.Decode(recorded)
	if err != nil {
		return nil, err
	}
	envelopes := make([]Envelope[E], len(events))
	for i, event := range events {
		envelopes[i] = Envelope[E]{
			Event:      event,
			ID:         recorded.ID,
			Stream:     recorded.Stream,
			Version:    recorded.Version,
			Position:   recorded.Position,
			RecordedAt: recorded.RecordedAt,
			Metadata:   recorded.Metadata,
		}
	}
	return envelopes, nil
}
