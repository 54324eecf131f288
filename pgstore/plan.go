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

	// What the plan consists of is allocated at once: it is many small things.
	spareStreams []plannedStream
	spareWrites  []plannedWrite
}

// plannedStream is a stream in a batch.
type plannedStream struct {
	id       eventstore.StreamID
	requires eventstore.ExpectedVersion // how the batch must find it
	written  eventstore.Version         // how many events the batch adds to it
	checked  bool                       // some append requires it to be at a certain version
	first    *plannedWrite              // of those that add events, in order
	last     *plannedWrite
	givenIDs map[uuid.UUID]struct{} // that the events have
	place    int                    // in the plan's streams, from 0
	sent     int                    // its place among those that the statement is told of, from 1; 0 when it is not

	// believedNew says that the stream is not looked for, as the unique constraint would tell if it were there. That would
	// fail the whole batch, so appends that have failed once are not believed again.
	believedNew bool

	group     *plannedStream // towards the one that stands for the group
	lookedFor bool           // of the one that stands for the group: some stream of it is looked for, or some event
}

// plannedWrite is a write of an append to a stream of the plan.
type plannedWrite struct {
	stream   *plannedStream
	requires eventstore.ExpectedVersion // how the batch must find the stream
	events   []eventstore.EventData
	payloads []payload
	before   eventstore.Version // how many events the batch has added to the stream before
	number   int                // of the first event in the batch, from 1
	next     *plannedWrite      // of the stream
}

// plannedAppend is an append in a batch.
type plannedAppend struct {
	call    *call
	verdict verdict
	writes  []plannedWrite // up to that which refuses or postpones the append
}

type verdict int

const (
	accepted  verdict = iota
	refused           // its expectation is not met after the appends before it
	postponed         // it may repeat an append of the same batch
)

// newPlan plans a batch.
func newPlan(calls []*call) *plan {
	p := allocatePlan(calls)
	streams := make(map[eventstore.StreamID]*plannedStream, len(p.spareStreams))
	for i, c := range calls {
		p.appends[i].call = c
		p.add(streams, p.appends[i])
	}
	slices.SortFunc(p.streams, func(a, b *plannedStream) int {
		return cmp.Or(cmp.Compare(a.id.Category, b.id.Category), cmp.Compare(a.id.Key, b.id.Key))
	})
	trusting := !slices.ContainsFunc(calls, func(c *call) bool { return c.doubted })
	for i, stream := range p.streams {
		stream.place = i
		stream.believedNew = trusting && stream.requires == eventstore.NoStream && stream.written > 0
		root := stream.root()
		root.lookedFor = root.lookedFor || !stream.believedNew || len(stream.givenIDs) > 0
	}
	return p
}

func allocatePlan(calls []*call) *plan {
	writes := 0
	for _, c := range calls {
		writes += len(c.prepared.Writes)
	}
	p := &plan{
		streams:      make([]*plannedStream, 0, writes),
		appends:      make([]*plannedAppend, len(calls)),
		spareStreams: make([]plannedStream, writes),
		spareWrites:  make([]plannedWrite, writes),
	}
	appends := make([]plannedAppend, len(calls))
	for i := range appends {
		p.appends[i] = &appends[i]
	}
	return p
}

func (p *plan) add(streams map[eventstore.StreamID]*plannedStream, a *plannedAppend) {
	payloads := a.call.payloads
	writes := p.newWrites(len(a.call.prepared.Writes))
	for i, write := range a.call.prepared.Writes {
		stream := streams[write.Stream]
		if stream == nil {
			stream = p.newStream(write.Stream)
			streams[write.Stream] = stream
		}
		required, met := stream.required(write.Expected)
		writes[i] = plannedWrite{
			stream: stream, requires: required, events: write.Events, payloads: payloads, before: stream.written,
		}
		payloads = payloads[len(write.Events):]
		a.writes = writes[:i+1]
		if stream.has(write.Events) {
			a.verdict = postponed
			return
		}
		if !met {
			a.refuse()
			return
		}
	}
	for i := range a.writes {
		p.write(a, i)
	}
}

func (p *plan) newStream(id eventstore.StreamID) *plannedStream {
	stream := &p.spareStreams[len(p.streams)]
	*stream = plannedStream{id: id, requires: eventstore.AnyVersion, group: stream}
	p.streams = append(p.streams, stream)
	return stream
}

func (p *plan) newWrites(n int) []plannedWrite {
	writes := p.spareWrites[:n:n]
	p.spareWrites = p.spareWrites[n:]
	return writes
}

// refuse does not judge an append with given IDs: it may repeat one that was made before, whatever the version is now.
func (a *plannedAppend) refuse() {
	a.verdict = refused
	if a.call.prepared.GivenIDs {
		a.verdict = postponed
	}
}

// write adds an accepted append's write.
func (p *plan) write(a *plannedAppend, i int) {
	write, expected := &a.writes[i], a.call.prepared.Writes[i].Expected
	stream := write.stream
	stream.requires = write.requires
	stream.join(a.writes[0].stream)
	if len(write.events) == 0 {
		_, exact := expected.Exact()
		stream.checked = stream.checked || exact
		return
	}
	write.number = p.events + 1
	p.events += len(write.events)
	stream.written += eventstore.Version(len(write.events))
	if stream.last == nil {
		stream.first = write
	} else {
		stream.last.next = write
	}
	stream.last = write
	if a.call.prepared.GivenIDs {
		stream.giveIDs(write.events)
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
