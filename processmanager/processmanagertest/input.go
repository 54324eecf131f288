package processmanagertest

import (
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Input is something that a process reacts to. It is made by [Source.Event], [Together], [Elapsed], [TimerFired],
// [Refused] and [Dispatched].
type Input struct {
	// events are one or, together, several. Where there are none one of the others is set.
	events []event
	// elapsed and timer are those of Elapsed and TimerFired.
	elapsed *time.Duration
	timer   string
	// settled is the command of Refused and Dispatched.
	settled *settled
	// err is why the input cannot be played.
	err error
}

// event is one that is to be recorded.
type event struct {
	stream eventstore.StreamID
	data   eventstore.EventData
	// at is when it is recorded, zero for now.
	at time.Time
}

// settled is a command that has got to its receiver, which refuses it unless refusal is nil.
type settled struct {
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

// Event returns an event of the stream as an input. It is recorded when its turn comes, at the time that it is then,
// unless [Input.At] says otherwise. Each time that it is played it is another event.
func (s Source[E]) Event(e E) Input {
	data, err := s.codec.Encode(e)
	stream := eventstore.StreamID{Category: s.codec.Category(), Key: s.key}
	return Input{events: []event{{stream: stream, data: data}}, err: err}
}

// At returns the input with its events recorded at a time. If that is to come the clock moves there first, and timers fire
// that are due until then. If it has passed, the process gets to know of the events late.
//
// Where the very first input has a time, that is when time begins. Other inputs than events have no use for it.
func (i Input) At(recordedAt time.Time) Input {
	events := make([]event, len(i.events))
	for n, e := range i.events {
		e.at = recordedAt
		events[n] = e
	}
	i.events = events
	return i
}

// Together returns events as one input: all are recorded before the process gets to see the first. Other inputs cannot
// come together.
func Together(events ...Input) Input {
	var together Input
	for _, input := range events {
		if len(input.events) == 0 {
			return Input{err: errNotTogether}
		}
		if together.err == nil {
			together.err = input.err
		}
		together.events = append(together.events, input.events...)
	}
	return together
}

// Elapsed is that nothing happens for a while but time: the clock moves, and the timers that are due until then fire, each
// at its time.
func Elapsed(d time.Duration) Input { return Input{elapsed: &d} }

// TimerFired is that a timer fires, by its name: the clock moves to when it is due. Those that are due before fire first.
// It is an error when the timer is not set. Where several instances have set it, it is the one that is due first.
func TimerFired(name string) Input { return Input{timer: name} }

// Refused is the refusal of a command that the process has sent before, with the error that dispatch gives to
// [processmanager.Refuse]. The commands that its instance has sent before count as dispatched. Where equal commands are
// to be dispatched, it is the first of them.
func Refused(command any, err error) Input {
	if err == nil {
		return Input{err: errNoRefusal}
	}
	return Input{settled: &settled{command: command, refusal: err}}
}

// Dispatched is that a command was carried out, and those that its instance has sent before. The process decides nothing
// on that, but it matters for what is undone should the instance fail.
func Dispatched(command any) Input { return Input{settled: &settled{command: command}} }
