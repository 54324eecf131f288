package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// The process of these tests books several things one after the other, each of which can be undone.

type Trip interface{ trip() }

type Book struct{ What string }

func (Book) trip() {}

func (b Book) Undo() Trip {
	if b.What == "" {
		panic("nothing is booked")
	}
	return Cancel(b)
}

type Cancel struct{ What string }

func (Cancel) trip() {}

type Tell struct{ Text string }

func (Tell) trip() {}

var trips = eventstore.JSON("trip", map[string]Trip{"trip.book": Book{}, "trip.cancel": Cancel{}, "trip.tell": Tell{}})

type (
	tripManager = processmanager.Manager[int, Trip]
	tripEffects = processmanager.Effects[Trip]
)

// agency carries out the commands of a trip, but for those that it refuses or cannot carry out.
type agency struct {
	got     []Trip
	undoes  map[uuid.UUID]uuid.UUID
	refuses map[string]bool
	fails   map[string]bool
}

func (a *agency) dispatch(_ context.Context, c processmanager.Command[Trip]) error {
	if book, isBook := c.Command.(Book); isBook {
		switch {
		case a.refuses[book.What]:
			return processmanager.Refuse(errors.New("sold out"))
		case a.fails[book.What]:
			return errDown
		}
	}
	if c.Undoes != nil {
		a.undoes[c.ID] = *c.Undoes
	}
	a.got = append(a.got, c.Command)
	return nil
}

func traveling(p *place, a *agency) *tripManager {
	a.undoes = make(map[uuid.UUID]uuid.UUID)
	opts := options()
	opts.Attempts = 1
	m := processmanager.New[int]("trip", p.store, p.agenda, trips, a.dispatch, opts)
	processmanager.On(m, orderEvents, processmanager.ByStream,
		func(s int, e eventstore.Envelope[OrderEvent]) (int, tripEffects) {
			if _, isPaid := e.Event.(Paid); isPaid {
				return s, tripEffects{Complete: true}
			}
			return s, tripEffects{Send: []Trip{Book{"flight"}, Book{"hotel"}, Tell{"soon"}, Book{"car"}, Book{"guide"}}}
		})
	processmanager.OnRefused(m, func(s int, refused processmanager.Refused[Trip]) (int, tripEffects) {
		return s, tripEffects{Fail: fmt.Sprintf("%v: %v", refused.Command.Command, refused.Err), Send: []Trip{Tell{"sorry"}}}
	})
	return m
}

// TestAnInstanceThatFailsUndoesWhatItHasDone is compensation: what was refused and what was never dispatched is not
// undone, the rest is, in reverse.
func TestAnInstanceThatFailsUndoesWhatItHasDone(t *testing.T) {
	p, a := newPlace(t), &agency{refuses: map[string]bool{"car": true}}
	m := traveling(p, a)
	p.append("1", Placed{})
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, []Trip{
		Book{"flight"}, Book{"hotel"}, Tell{"soon"}, Cancel{"hotel"}, Cancel{"flight"}, Tell{"sorry"},
	}, a.got)

	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, processmanager.StatusFailed, instance.Status)
	require.Equal(t, "{car}: sold out", instance.Reason)
	outcomes := make(map[string]processmanager.Outcome)
	for _, sent := range instance.Commands {
		outcomes[fmt.Sprintf("%T %v", sent.Command, sent.Command)] = sent.Outcome
		if _, undoes := sent.Command.(Cancel); undoes {
			require.Equal(t, a.undoes[sent.ID], *sent.Undoes)
		}
	}
	const pkg = "processmanager_test."
	require.Equal(t, map[string]processmanager.Outcome{
		pkg + "Book {flight}":   processmanager.OutcomeDispatched,
		pkg + "Book {hotel}":    processmanager.OutcomeDispatched,
		pkg + "Tell {soon}":     processmanager.OutcomeDispatched,
		pkg + "Book {car}":      processmanager.OutcomeRefused,
		pkg + "Book {guide}":    processmanager.OutcomeDropped,
		pkg + "Cancel {hotel}":  processmanager.OutcomeDispatched,
		pkg + "Cancel {flight}": processmanager.OutcomeDispatched,
		pkg + "Tell {sorry}":    processmanager.OutcomeDispatched,
	}, outcomes)
	require.Equal(t, instance.Commands[1].ID, *instance.Commands[5].Undoes)
	entries, err := m.Entries(t.Context(), eventstore.EntryQuery{})
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestWhatMayHaveBeenDoneIsUndone is an instance that somebody ends whose command was tried in vain.
func TestWhatMayHaveBeenDoneIsUndone(t *testing.T) {
	p, a := newPlace(t), &agency{fails: map[string]bool{"hotel": true}}
	m := traveling(p, a)
	p.append("1", Placed{})
	require.ErrorIs(t, m.CatchUp(t.Context()), errDown)
	require.NoError(t, m.Fail(t.Context(), "1", "the hotel has burnt down"))
	require.NoError(t, m.CatchUp(t.Context()))
	require.Equal(t, []Trip{Book{"flight"}, Cancel{"hotel"}, Cancel{"flight"}}, a.got)

	instance, err := m.Instance(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, "the hotel has burnt down", instance.Reason)
	require.Equal(t, processmanager.OutcomeInDoubt, instance.Commands[1].Outcome)
	require.ErrorIs(t, m.Fail(t.Context(), "1", "again"), eventstore.ErrInvalid)
	require.ErrorIs(t, m.Fail(t.Context(), "2", "nobody"), eventstore.ErrInvalid)
	require.ErrorIs(t, m.Fail(t.Context(), "1", ""), eventstore.ErrInvalid)
}

func TestACompleteInstanceUndoesNothing(t *testing.T) {
	p, a := newPlace(t), &agency{}
	m := traveling(p, a)
	p.append("1", Placed{}, Paid{})
	require.NoError(t, m.CatchUp(t.Context()))
	require.ErrorIs(t, m.Fail(t.Context(), "1", "too late"), eventstore.ErrInvalid)
	require.Len(t, a.got, 5)
}

// TestAPanicOfUndoParksItsInstance keeps a mistake in one command from ending the program.
func TestAPanicOfUndoParksItsInstance(t *testing.T) {
	p, a := newPlace(t), &agency{}
	m := processmanager.New[int]("trip", p.store, p.agenda, trips, a.dispatch, options())
	processmanager.On(m, orderEvents, processmanager.ByStream, func(s int, _ envelope) (int, tripEffects) {
		return s, tripEffects{Send: []Trip{Book{}}}
	})
	p.append("1", Placed{})
	require.NoError(t, m.CatchUp(t.Context()))
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	require.Contains(t, parked[0].Reason, "panic: nothing is booked")
	require.Empty(t, a.got)
}
