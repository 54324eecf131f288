package pgstore

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// plan is how the appends of a batch go into one transaction. It is made before anything is read, and decides the
// appends in order, each on what those before it leave behind: as their callers mostly say at which version they expect
// a stream, that says how the batch expects to find it, too. The statement that inserts the events finds out whether it
// does. The streams whose appends hang together make up a group, of which all is inserted or nothing.
type plan struct {
	streams []*plannedStream // sorted, so that no two batches can wait for each other
	appends []*plannedAppend
	events  int
}

// plannedStream is a stream in a batch.
type plannedStream struct {
	id       eventstore.StreamID
	requires eventstore.ExpectedVersion // how the batch must find it
	written  eventstore.Version         // how many events the batch adds to it
	checked  bool                       // some append requires it to be at a certain version
	writes   []plannedWrite             // in order
	givenIDs map[uuid.UUID]struct{}     // that the events have
	place    int                        // in the plan's streams, from 0

	// believedNew says that the stream is not looked for, as the unique constraint would tell if it were there. That would
	// fail the whole batch, so appends that have failed once are not believed again.
	believedNew bool

	group *plannedStream // towards the one that stands for the group
}

type plannedWrite struct {
	events   []eventstore.EventData
	payloads []payload
	before   eventstore.Version // how many events the batch has added to the stream before
	number   int                // of the first event in the batch, from 1
}

// plannedAppend is an append in a batch.
type plannedAppend struct {
	call    *call
	verdict verdict
	writes  []placedWrite // of an accepted append
	refused placedWrite   // what refuses it, if the batch finds the streams as it requires
	write   int           // which of its writes that concerns
}

// placedWrite says where a write of an append is found in the plan.
type placedWrite struct {
	stream *plannedStream
	plannedWrite
}

type verdict int

const (
	accepted  verdict = iota
	refused           // its expectation is not met after the appends before it
	postponed         // it may repeat an append of the same batch
)

// newPlan plans a batch.
func newPlan(calls []*call) *plan {
	p := &plan{}
	streams := make(map[eventstore.StreamID]*plannedStream, len(calls))
	for _, c := range calls {
		p.appends = append(p.appends, p.add(streams, c))
	}
	slices.SortFunc(p.streams, func(a, b *plannedStream) int {
		return cmp.Or(cmp.Compare(a.id.Category, b.id.Category), cmp.Compare(a.id.Key, b.id.Key))
	})
	trusting := !slices.ContainsFunc(calls, func(c *call) bool { return c.doubted })
	for i, stream := range p.streams {
		stream.place = i
		stream.believedNew = trusting && stream.requires == eventstore.NoStream && stream.written > 0
	}
	return p
}

func (p *plan) add(streams map[eventstore.StreamID]*plannedStream, c *call) *plannedAppend {
	a := &plannedAppend{call: c}
	requirements := make([]eventstore.ExpectedVersion, len(c.prepared.Writes))
	for i, write := range c.prepared.Writes {
		stream := streams[write.Stream]
		if stream == nil {
			stream = &plannedStream{id: write.Stream, requires: eventstore.AnyVersion}
			stream.group = stream
			streams[write.Stream] = stream
			p.streams = append(p.streams, stream)
		}
		placed := placedWrite{stream, plannedWrite{events: write.Events, payloads: c.payloads[i], before: stream.written}}
		a.writes = append(a.writes, placed)
		if stream.has(write.Events) {
			a.verdict = postponed
			return a
		}
		required, met := stream.required(write.Expected)
		if !met {
			a.refuse(i, placed)
			return a
		}
		requirements[i] = required
	}
	for i := range a.writes {
		p.write(a, i, requirements[i])
	}
	return a
}

// refuse does not judge an append with given IDs: it may repeat one that was made before, whatever the version is now.
func (a *plannedAppend) refuse(write int, by placedWrite) {
	a.verdict, a.write, a.refused = refused, write, by
	if a.call.prepared.GivenIDs {
		a.verdict = postponed
	}
}

// write adds an accepted append's write.
func (p *plan) write(a *plannedAppend, i int, requires eventstore.ExpectedVersion) {
	stream, write := a.writes[i].stream, a.call.prepared.Writes[i]
	stream.requires = requires
	stream.join(a.writes[0].stream)
	if len(write.Events) == 0 {
		_, exact := write.Expected.Exact()
		stream.checked = stream.checked || exact
		return
	}
	a.writes[i].number = p.events + 1
	p.events += len(write.Events)
	stream.written += eventstore.Version(len(write.Events))
	stream.writes = append(stream.writes, a.writes[i].plannedWrite)
	if a.call.prepared.GivenIDs {
		stream.giveIDs(write.Events)
	}
}

// required returns how the batch must find the stream in order that, after the events that it has added so far, the
// stream meets an expectation; false when it cannot.
func (s *plannedStream) required(expected eventstore.ExpectedVersion) (eventstore.ExpectedVersion, bool) {
	version, exact := expected.Exact()
	found := eventstore.ExpectedVersion(version - s.written)
	switch {
	case expected == eventstore.AnyVersion, expected == eventstore.StreamExists && s.written > 0:
		return s.requires, true
	case expected == eventstore.StreamExists && s.requires == eventstore.AnyVersion:
		return eventstore.StreamExists, true
	case expected == eventstore.StreamExists:
		return s.requires, s.requires != eventstore.NoStream
	case !exact || found < 0:
		return 0, false
	case s.requires == eventstore.AnyVersion:
		return found, true
	case s.requires == eventstore.StreamExists:
		return found, found != eventstore.NoStream
	default:
		return found, found == s.requires
	}
}

// reserves reports whether the stream is to be held at its version although the batch does not write to it.
func (s *plannedStream) reserves() bool { return s.checked && s.written == 0 }

func (s *plannedStream) has(events []eventstore.EventData) bool {
	if len(s.givenIDs) == 0 {
		return false
	}
	return slices.ContainsFunc(events, func(event eventstore.EventData) bool {
		_, found := s.givenIDs[event.ID]
		return found
	})
}

func (s *plannedStream) giveIDs(events []eventstore.EventData) {
	if s.givenIDs == nil {
		s.givenIDs = make(map[uuid.UUID]struct{}, len(events))
	}
	for _, event := range events {
		s.givenIDs[event.ID] = struct{}{}
	}
}

// join puts two streams into one group.
func (s *plannedStream) join(other *plannedStream) { s.root().group = other.root() }

// root returns the stream that stands for the group.
func (s *plannedStream) root() *plannedStream {
	for s.group != s {
		s = s.group
	}
	return s
}
