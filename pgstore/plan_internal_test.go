package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/eventstore"
)

// Whatever appends share batches, each is answered as if they had been made one after the other.
func TestBatchesAreDecidedAsIfInTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := newModel(t)
		waiting := drawCalls(t)
		for rounds := 0; len(waiting) > 0; rounds++ {
			require.Less(t, rounds, 50, "the batches come to an end")
			batch, rest := nextBatch(waiting)
			waiting = slices.Concat(model.commit(t, batch), rest)
		}
	})
}

// nextBatch takes as the queue does.
func nextBatch(waiting []*call) (batch, rest []*call) {
	for i, c := range waiting {
		if i > 0 && (c.alone || waiting[0].alone) {
			return waiting[:i:i], waiting[i:]
		}
	}
	return waiting, nil
}

// model is the database as far as the insert is concerned: the versions of the streams and the given IDs that are there.
type model struct {
	versions map[eventstore.StreamID]eventstore.Version
	found    map[eventstore.StreamID]eventstore.Version // before the batch
	givenIDs map[uuid.UUID]eventstore.WriteResult
	start    eventstore.Position
}

func newModel(t *rapid.T) *model {
	m := &model{versions: make(map[eventstore.StreamID]eventstore.Version), givenIDs: make(map[uuid.UUID]eventstore.WriteResult)}
	for _, stream := range modelStreams {
		m.versions[stream] = eventstore.Version(rapid.IntRange(0, 2).Draw(t, "version"))
	}
	return m
}

var modelStreams = []eventstore.StreamID{{Category: "a", Key: "1"}, {Category: "a", Key: "2"}, {Category: "b", Key: "1"}}

func drawCalls(t *rapid.T) []*call {
	var calls []*call
	for n := range rapid.IntRange(1, 8).Draw(t, "calls") {
		if n > 0 && rapid.IntRange(0, 5).Draw(t, "repeat") == 0 {
			calls = append(calls, calls[rapid.IntRange(0, n-1).Draw(t, "of")].again(t))
			continue
		}
		calls = append(calls, drawCall(t))
	}
	return calls
}

// again returns the same append, made once more.
func (c *call) again(t *rapid.T) *call {
	again, err := newCall(c.original())
	require.NoError(t, err)
	return again
}

func drawCall(t *rapid.T) *call {
	given := rapid.Bool().Draw(t, "given IDs")
	var writes []eventstore.Write
	for _, stream := range rapid.Permutation(modelStreams).Draw(t, "streams")[:rapid.IntRange(1, 2).Draw(t, "writes")] {
		write := eventstore.Write{Stream: stream, Expected: eventstore.ExpectedVersion(rapid.IntRange(-2, 5).Draw(t, "expected"))}
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			event := eventstore.EventData{Type: "x", Data: []byte("{}")}
			if given {
				event.ID = uuid.New()
			}
			write.Events = append(write.Events, event)
		}
		writes = append(writes, write)
	}
	prepared, err := eventstore.Prepare(context.Background(), writes)
	require.NoError(t, err)
	c, err := newCall(prepared)
	require.NoError(t, err)
	return c
}

// commit does what the database does with a batch, and checks the answers against those of one append after the other.
func (m *model) commit(t *rapid.T, calls []*call) (undecided []*call) {
	m.found = maps.Clone(m.versions)
	p := newPlan(calls)
	in, violated := m.insert(p)
	if violated != nil {
		require.False(t, calls[0].alone, "who has failed once is looked for")
		return isolate(calls, violated)
	}
	before := len(calls)
	for _, a := range p.appends {
		answer, decided := a.judge(in)
		first, repeated := m.repeats(a.call.prepared)
		switch {
		case !decided && a.mayRepeat() && repeated:
			assert.NotEqual(t, accepted, acceptedBy(a, in), "a repeat writes nothing")
			assert.NotZero(t, first.Version)
		case !decided && a.mayRepeat() && a.conflict(in) != nil:
		case !decided:
			undecided = append(undecided, a.call)
		case answer.err == nil:
			assert.False(t, repeated && a.call.prepared.GivenIDs && a.call.prepared.Events > 0, "an append is not made twice")
			m.apply(t, a, answer)
		default:
			m.checkConflict(t, a, answer.err)
		}
	}
	require.True(t, len(undecided) < before || before > 1, "an append by itself is decided")
	m.start += 10_000
	return undecided
}

func acceptedBy(a *plannedAppend, in *insert) verdict {
	if a.group(in).failed {
		return refused
	}
	return a.verdict
}

// insert plays the statement's part: it finds out which groups are as they are required to be. Where a stream that was
// believed to be new is there, the unique constraint is violated.
func (m *model) insert(p *plan) (*insert, error) {
	in := newInsert(p)
	in.start = m.start
	failed := make(map[*plannedStream]bool)
	for _, stream := range p.streams {
		met := stream.believedNew || stream.requires.Allows(m.versions[stream.id])
		for id := range stream.givenIDs {
			_, there := m.givenIDs[id]
			met = met && !there
		}
		failed[stream.root()] = failed[stream.root()] || !met
	}
	for _, stream := range p.streams {
		state := streamState{m.versions[stream.id], failed[stream.root()]}
		if stream.believedNew {
			if state.version > 0 && !state.failed {
				return nil, &pgconn.PgError{
					Code:   codeUniqueViolation,
					Detail: fmt.Sprintf("Key (…)=(%s, %s, 1) already exists.", stream.id.Category, stream.id.Key),
				}
			}
			state.version = 0
		}
		in.states[stream.place] = state
	}
	return in, nil
}

func (m *model) repeats(prepared eventstore.Prepared) (first eventstore.WriteResult, found bool) {
	for _, write := range prepared.Writes {
		for _, event := range write.Events {
			if first, found = m.givenIDs[event.ID]; found {
				return first, true
			}
		}
	}
	return first, false
}

func (m *model) apply(t *rapid.T, a *plannedAppend, answer answer) {
	for i, write := range a.call.prepared.Writes {
		require.True(t, write.Expected.Allows(m.versions[write.Stream]), "%s at %d", write.Expected, m.versions[write.Stream])
		if len(write.Events) == 0 {
			continue
		}
		m.versions[write.Stream] += eventstore.Version(len(write.Events))
		require.Equal(t, m.versions[write.Stream], answer.result.Writes[i].Version)
		if a.call.prepared.GivenIDs {
			for _, event := range write.Events {
				m.givenIDs[event.ID] = answer.result.Writes[i]
			}
		}
	}
}

func (m *model) checkConflict(t *rapid.T, a *plannedAppend, err error) {
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.False(t, a.call.prepared.GivenIDs, "an append with given IDs is not refused unseen")
	// The appends of a batch are made at the same time: one that is refused may have come before all others, too.
	require.Contains(t, []eventstore.Version{m.versions[conflict.Stream], m.found[conflict.Stream]}, conflict.Actual)
	require.False(t, conflict.Expected.Allows(conflict.Actual), fmt.Sprint(err))
}
