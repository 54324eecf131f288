package eventstoretest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// model is a store in memory whose appends can be in flight. It does all that a harness can be asked for, and keeps the
// guarantees as long as it has no faults.
type model struct {
	faults faults

	mu sync.Mutex
	// drawn is the highest position that was drawn, whether committed, in flight or rolled back.
	drawn eventstore.Position
	// log is what was committed, by position.
	log []eventstore.RecordedEvent
	// given has the positions of events whose appender gave their IDs.
	given   map[eventstore.Position]bool
	streams map[eventstore.StreamID]*modelStream
	open    map[*flight]struct{}
	// changed is closed and made anew when readers should look again.
	changed chan struct{}
}

// faults are what a model gets wrong.
type faults struct {
	showsInFlight    bool // readers do not wait for what is in flight
	throughIsDrawn   bool // Through may be a position that was rolled back
	rollbackIsQuiet  bool // nobody is woken by the end of an append that was rolled back
	commitIsQuiet    bool // nobody is woken by the commit of a held append
	allWritersWait   bool // an append waits for every other
	checksDoNotLock  bool // a stream that is only checked may change before the commit
	conflictsEarly   bool // what is in flight conflicts, although it may be rolled back
	headIsStable     bool // Head is held back by what is in flight
	findsInFlight    bool // what is in flight is found
	findsStable      bool // what is in flight holds back what is found
	unrelatedHolds   bool // an unrelated transaction holds readers back
	crashKeepsFlight bool // what is in flight is committed by a crash
	crashLosesLast   bool // a crash loses what was acknowledged last
}

// modelStream is a stream, and a gate that is held by the append that is in flight.
type modelStream struct {
	gate   chan struct{}
	events []eventstore.RecordedEvent
}

// flight is an append that was executed and has not ended. It implements Held.
type flight struct {
	model  *model
	floor  eventstore.Position // what was drawn before it
	gates  []chan struct{}
	events []eventstore.RecordedEvent
	held   bool
}

func newModel(faults faults) *model {
	return &model{
		faults:  faults,
		given:   make(map[eventstore.Position]bool),
		streams: make(map[eventstore.StreamID]*modelStream),
		open:    make(map[*flight]struct{}),
		changed: make(chan struct{}),
	}
}

// harness returns a harness with all features.
func (m *model) harness() Harness {
	return Harness{
		Store: m.handle(),
		Open:  func(context.Context) (eventstore.Store, error) { return m.handle(), nil },
		Hold: func(ctx context.Context, writes ...eventstore.Write) (Held, error) {
			f, _, err := m.execute(ctx, writes, true)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
		OpenUnrelated: func(context.Context) (Held, error) { return m.openUnrelated(), nil },
		Kill:          func(context.Context) error { m.abortAll(false); return nil },
		Crash:         func(context.Context) error { m.abortAll(true); return nil },
		Parallel:      true,
	}
}

// openUnrelated is a flight without events, which only a faulty model waits for.
func (m *model) openUnrelated() *flight {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &flight{model: m, floor: m.drawn}
	if m.faults.unrelatedHolds {
		m.open[f] = struct{}{}
	}
	return f
}

// abortAll ends all flights. After a crash positions that were never committed are drawn again.
func (m *model) abortAll(crash bool) {
	m.mu.Lock()
	open := slices.Collect(maps.Keys(m.open))
	m.mu.Unlock()
	for _, f := range open {
		if crash && m.faults.crashKeepsFlight {
			_ = f.end(true)
		} else {
			_ = f.end(false)
		}
	}
	if !crash {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults.crashLosesLast && len(m.log) > 0 {
		last := m.log[len(m.log)-1]
		m.log = m.log[:len(m.log)-1]
		to := m.streams[last.Stream]
		to.events = to.events[:len(to.events)-1]
	}
	m.drawn = m.head()
}

// execute does all of an append but its commit.
func (m *model) execute(
	ctx context.Context, writes []eventstore.Write, held bool,
) (*flight, eventstore.AppendResult, error) {
	prepared, err := eventstore.Prepare(ctx, writes)
	if err != nil {
		return nil, eventstore.AppendResult{}, err
	}
	f := &flight{model: m, held: held}
	if err := m.enter(ctx, f, prepared); err != nil {
		f.leave()
		return nil, eventstore.AppendResult{}, fmt.Errorf("append to %q: %w", writes[0].Stream, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	result, repeat, err := m.judge(prepared)
	if err != nil || repeat {
		f.leave()
		return f, result, err
	}
	result = m.draw(f, prepared)
	m.open[f] = struct{}{}
	return f, result, nil
}

// enter waits for the streams of an append, in an order that all appends have in common.
func (m *model) enter(ctx context.Context, f *flight, prepared eventstore.Prepared) error {
	ids := make([]eventstore.StreamID, 0, len(prepared.Writes))
	for _, w := range prepared.Writes {
		if len(w.Events) > 0 || !m.faults.checksDoNotLock {
			ids = append(ids, w.Stream)
		}
	}
	if m.faults.allWritersWait {
		ids = []eventstore.StreamID{{Category: "all", Key: "writers"}}
	}
	slices.SortFunc(ids, func(a, b eventstore.StreamID) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Key, b.Key))
	})
	for _, id := range ids {
		gate := m.stream(id).gate
		if m.faults.conflictsEarly && len(gate) > 0 {
			return &eventstore.ConflictError{Stream: id, Expected: eventstore.NoStream, Actual: 1}
		}
		select {
		case gate <- struct{}{}:
			f.gates = append(f.gates, gate)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

func (m *model) stream(id eventstore.StreamID) *modelStream {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streams[id]
	if s == nil {
		s = &modelStream{gate: make(chan struct{}, 1)}
		m.streams[id] = s
	}
	return s
}

// judge returns the first result of a repeat, or a conflict. It is called with mu held.
func (m *model) judge(prepared eventstore.Prepared) (eventstore.AppendResult, bool, error) {
	if prepared.GivenIDs {
		var found []eventstore.RecordedEvent
		for _, w := range prepared.Writes {
			for _, e := range w.Events {
				if at := m.find(w.Stream, e); at >= 0 {
					found = append(found, m.streams[w.Stream].events[at])
				}
			}
		}
		if result, repeat, err := prepared.FirstResult(found); repeat || err != nil {
			return result, repeat, err
		}
	}
	for _, w := range prepared.Writes {
		if actual := m.version(w.Stream); !w.Expected.Allows(actual) {
			err := &eventstore.ConflictError{Stream: w.Stream, Expected: w.Expected, Actual: actual}
			return eventstore.AppendResult{}, false, err
		}
	}
	return eventstore.AppendResult{}, false, nil
}

func (m *model) find(id eventstore.StreamID, event eventstore.EventData) int {
	if m.streams[id] == nil {
		return -1
	}
	return slices.IndexFunc(m.streams[id].events, func(e eventstore.RecordedEvent) bool {
		return e.ID == event.ID && m.given[e.Position]
	})
}

func (m *model) version(id eventstore.StreamID) eventstore.Version {
	if m.streams[id] == nil {
		return 0
	}
	return eventstore.Version(len(m.streams[id].events))
}

// draw gives the events their places. It is called with mu held.
func (m *model) draw(f *flight, prepared eventstore.Prepared) eventstore.AppendResult {
	f.floor = m.drawn
	result := eventstore.AppendResult{Writes: make([]eventstore.WriteResult, len(prepared.Writes))}
	for i, w := range prepared.Writes {
		version := m.version(w.Stream)
		for _, e := range w.Events {
			m.drawn++
			m.given[m.drawn] = prepared.GivenIDs
			version++
			f.events = append(f.events, eventstore.RecordedEvent{
				ID: e.ID, Stream: w.Stream, Version: version, Position: m.drawn, Type: e.Type,
				SchemaVersion: e.SchemaVersion, ContentType: e.ContentType, Data: slices.Clone(e.Data),
				Metadata: e.Metadata, RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
			})
			result.Writes[i] = eventstore.WriteResult{Version: version, Position: m.drawn}
			result.Position = m.drawn
		}
	}
	return result
}

// Commit implements Held.
func (f *flight) Commit(context.Context) error { return f.end(true) }

// Rollback implements Held.
func (f *flight) Rollback(context.Context) error { return f.end(false) }

var errFlightEnded = errors.New("the connection is broken")

func (f *flight) end(commit bool) error {
	m := f.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.open[f]; !open && len(f.events) > 0 {
		return errFlightEnded
	}
	delete(m.open, f)
	if commit {
		m.record(f.events)
	}
	quiet := commit && f.held && m.faults.commitIsQuiet || !commit && m.faults.rollbackIsQuiet
	if !quiet {
		close(m.changed)
		m.changed = make(chan struct{})
	}
	f.leave()
	return nil
}

// leave opens the gates that the flight holds.
func (f *flight) leave() {
	for _, gate := range f.gates {
		<-gate
	}
	f.gates = nil
}

// record adds events to the log. It is called with mu held.
func (m *model) record(events []eventstore.RecordedEvent) {
	if len(events) == 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(m.log, events[0].Position, func(e eventstore.RecordedEvent, p eventstore.Position) int {
		return cmp.Compare(e.Position, p)
	})
	// A new slice, as readers keep the old one.
	m.log = slices.Concat(m.log[:at], events, m.log[at:])
	for _, e := range events {
		s := m.streams[e.Stream]
		s.events = append(s.events, e)
	}
}

// head is called with mu held.
func (m *model) head() eventstore.Position {
	if len(m.log) == 0 {
		return 0
	}
	return m.log[len(m.log)-1].Position
}
