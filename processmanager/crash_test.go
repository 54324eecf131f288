package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

var errKilled = errors.New("the process was killed")

// killer kills a process at one of its steps: before the step is done, or right after.
type killer struct {
	at    int
	after bool
	steps int
}

// killed reports whether the process is dead already.
func (k *killer) killed() bool { return k.at > 0 && k.steps > k.at }

// step does a step of the process, unless that is dead.
func (k *killer) step(do func() error) error {
	k.steps++
	switch {
	case k.killed():
		return errKilled
	case k.steps != k.at:
		return do()
	case k.after:
		_ = do()
	}
	k.steps++
	return errKilled
}

type killedStore struct {
	eventstore.Store
	*killer
}

func (s killedStore) Append(
	ctx context.Context, writes ...eventstore.Write,
) (result eventstore.AppendResult, err error) {
	err = s.step(func() error {
		result, err = s.Store.Append(ctx, writes...)
		return err
	})
	return result, err
}

func (s killedStore) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		if err := s.step(func() error { return nil }); err != nil {
			yield(eventstore.RecordedEvent{}, err)
			return
		}
		s.Store.ReadStream(ctx, id, opts)(yield)
	}
}

func (s killedStore) Head(ctx context.Context) (head eventstore.Position, err error) {
	err = s.step(func() error {
		head, err = s.Store.Head(ctx)
		return err
	})
	return head, err
}

type killedAgenda struct {
	eventstore.Agenda
	*killer
}

func (a killedAgenda) Define(ctx context.Context, id eventstore.ConsumerID, d eventstore.Definition) error {
	return a.step(func() error { return a.Agenda.Define(ctx, id, d) })
}

func (a killedAgenda) Checkpoints(
	ctx context.Context, id eventstore.ConsumerID,
) (checkpoints []eventstore.Checkpoint, err error) {
	err = a.step(func() error {
		checkpoints, err = a.Agenda.Checkpoints(ctx, id)
		return err
	})
	return checkpoints, err
}

func (a killedAgenda) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) (parked []eventstore.Parked, err error) {
	err = a.step(func() error {
		parked, err = a.Agenda.Parked(ctx, id, query)
		return err
	})
	return parked, err
}

func (a killedAgenda) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	return a.step(func() error { return a.Agenda.Plan(ctx, move, entries) })
}

func (a killedAgenda) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) (tasks []eventstore.Task, err error) {
	err = a.step(func() error {
		tasks, err = a.Agenda.Claim(ctx, process, duty, now, limit, lease)
		return err
	})
	return tasks, err
}

func (a killedAgenda) Release(ctx context.Context, releases ...eventstore.Release) error {
	return a.step(func() error { return a.Agenda.Release(ctx, releases...) })
}

func (a killedAgenda) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) (entries []eventstore.Entry, err error) {
	err = a.step(func() error {
		entries, err = a.Agenda.Entries(ctx, process, query)
		return err
	})
	return entries, err
}

// mortal returns a manager in a process that may be killed.
func (p *place) mortal(k *killer) *manager {
	dispatch := func(ctx context.Context, c command) error {
		return k.step(func() error { return p.receive(ctx, c) })
	}
	return p.managerWith(killedStore{p.store, k}, killedAgenda{p.agenda, k}, dispatch)
}

// places are where the tests of M1 and M2 are played.
var places = map[string]func(t *testing.T) *place{"in memory": newPlace, "on Postgres": newPlaceOnPostgres}

// TestKillingTheProcessAtAnyStepLosesAndDoublesNothing is M1 and M2: the process is killed before and after each single
// step, and another takes over.
func TestKillingTheProcessAtAnyStepLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for name, newPlace := range places {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after the step: %v", name, after), func(t *testing.T) {
				t.Parallel()
				for step, dies := 1, true; dies; step++ {
					t.Run(fmt.Sprintf("step %d", step), func(t *testing.T) {
						dies = killedAtStep(newPlace(t), step, after)
					})
				}
			})
		}
	}
}

// killedAtStep returns false when the process had done its work before.
func killedAtStep(p *place, step int, after bool) (dies bool) {
	p.append("1", Placed{Amount: 10})
	p.append("2", Placed{Amount: tooMuch})

	killed := &killer{at: step, after: after}
	err := p.mortal(killed).CatchUp(p.t.Context())
	if dies = err != nil; dies {
		require.ErrorIs(p.t, err, errKilled)
	} else {
		require.Less(p.t, killed.steps, step, "a killed process does not catch up")
	}

	p.passLeases()
	m := p.manager()
	require.NoError(p.t, m.CatchUp(p.t.Context()))
	p.requireFulfilled("1")
	p.requireReleased("2")
	p.requireQuiet(m)
	return dies
}

// TestKillingOneProcessAfterTheOther kills each process a few steps after it began, as long as it takes.
func TestKillingOneProcessAfterTheOther(t *testing.T) {
	t.Parallel()
	for name, newPlace := range places {
		for _, life := range []int{10, 11, 12, 14, 17} {
			t.Run(fmt.Sprintf("%s, %d steps each", name, life), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				p.append("1", Placed{Amount: 10})
				p.append("2", Placed{Amount: tooMuch})
				for n := 0; ; n++ {
					require.Less(t, n, 100, "no progress")
					if p.mortal(&killer{at: life, after: n%2 == 0}).CatchUp(t.Context()) == nil {
						break
					}
					p.passLeases()
				}
				p.requireFulfilled("1")
				p.requireReleased("2")
				p.requireQuiet(p.manager())
			})
		}
	}
}
