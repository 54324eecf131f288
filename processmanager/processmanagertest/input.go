package processmanagertest

import (
	"cmp"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Input is something that a process reacts to. It is made by [Source.Event] or [Refused].
type Input struct {
	event eventstore.RecordedEvent
	// err is why the event cannot be stored.
	err error
	// command is one that was refused, nil for an event, and refusal why.
	command any
	refusal error
}

// Source makes the events of a stream. It is made by [Stream].
type Source[E any] struct {
	codec eventstore.Codec[E]
	key   string
}

// Stream returns the source of the events of the stream with a key, in the category of the codec.
func Stream[E any](codec eventstore.Codec[E], key string) Source[E] {
	return Source[E]{codec: codec, key: key}
}

// Event returns an event of the stream as an input. Version and position follow from the order of the inputs, and so
// does the time it was recorded at, unless [Input.At] sets it.
func (s Source[E]) Event(event E) Input {
	data, err := s.codec.Encode(event)
	return Input{err: err, event: eventstore.RecordedEvent{
		Stream:        eventstore.StreamID{Category: s.codec.Category(), Key: s.key},
		Type:          data.Type,
		SchemaVersion: max(data.SchemaVersion, 1),
		ContentType:   cmp.Or(data.ContentType, eventstore.ContentTypeJSON),
		Data:          data.Data,
	}}
}

// Refused is the refusal of a command that the process has sent before, with the error that dispatch gives to
// [processmanager.Refuse]. Where equal commands were sent it is the first that was not refused yet.
func Refused(command any, err error) Input { return Input{command: command, refusal: err} }

// At returns the event as it is when it was recorded at another time.
func (i Input) At(recordedAt time.Time) Input {
	i.event.RecordedAt = recordedAt
	return i
}
