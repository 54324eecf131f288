package eventstoretest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// flawedTarget is a target of package memstore with another Advance.
type flawedTarget struct {
	*memstore.Target

	advance func(ctx context.Context, move eventstore.Move, work memstoreWork) error
}

type memstoreWork = func(ctx context.Context, tx *memstore.Tx) error

func (f flawedTarget) Advance(ctx context.Context, move eventstore.Move, work memstoreWork) error {
	return f.advance(ctx, move, work)
}

// TestTargetFlawsAreNoticed breaks Advance.
func TestTargetFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		flaw    string
		advance func(target *memstore.Target) func(ctx context.Context, move eventstore.Move, work memstoreWork) error
		notices []string
	}{
		{"work is committed by itself", workThenMove, []string{
			"advance/work of who is elsewhere or paused is not run",
			"advance/work of racing moves is run once",
		}},
		{"the move is made first", moveThenWork, []string{
			"advance/failed work leaves nothing",
			"advance/work that panics leaves nothing",
			"advance/another takes over after failed work",
		}},
		{"moves go from anywhere", fromAnywhere, []string{
			"checkpoints/a move from elsewhere is refused",
			"checkpoints/one of many racing moves wins",
			"checkpoints/a pause races a move",
			"advance/work of racing moves is run once",
		}},
		{"the paused move", evenPaused, []string{
			"checkpoints/a paused consumer does not move",
			"advance/work of who is elsewhere or paused is not run",
		}},
	} {
		for _, name := range f.notices {
			t.Run(f.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := memstoreTarget(f.advance)
				k := findClause(t, targetGuarantees[*memstore.Tx](), name)
				isNoticed(t, k, func(r reporter, check func(c *targetTrial[*memstore.Tx])) { runTargetTrial(r, h, check) })
			})
		}
	}
}

func memstoreTarget(
	advance func(target *memstore.Target) func(ctx context.Context, move eventstore.Move, work memstoreWork) error,
) TargetHarness[*memstore.Tx] {
	target := memstore.NewTarget(nil)
	marks := memstore.NewTable[string, int](target)
	return TargetHarness[*memstore.Tx]{
		Target: flawedTarget{target, advance(target)},
		Mark: func(_ context.Context, tx *memstore.Tx, name string) error {
			times, _ := marks.GetTx(tx, name)
			marks.PutTx(tx, name, times+1)
			return nil
		},
		Marks: func(_ context.Context, name string) (int, error) {
			times, _ := marks.Get(name)
			return times, nil
		},
		Patience: patience,
	}
}

// aside runs work in a transaction that has nothing to do with the consumer's checkpoint.
func aside(ctx context.Context, target *memstore.Target, work memstoreWork) error {
	for {
		at, err := target.Checkpoint(ctx, "aside")
		if err != nil {
			return err
		}
		err = target.Advance(ctx, eventstore.Move{Consumer: "aside", From: at.Position, To: at.Position + 1}, work)
		if !errors.Is(err, eventstore.ErrCheckpointMoved) {
			return err
		}
	}
}

func nothing(context.Context, *memstore.Tx) error { return nil }

func workThenMove(target *memstore.Target) func(context.Context, eventstore.Move, memstoreWork) error {
	return func(ctx context.Context, move eventstore.Move, work memstoreWork) error {
		if err := aside(ctx, target, work); err != nil {
			return err
		}
		return target.Advance(ctx, move, nothing)
	}
}

func moveThenWork(target *memstore.Target) func(context.Context, eventstore.Move, memstoreWork) error {
	return func(ctx context.Context, move eventstore.Move, work memstoreWork) error {
		if err := target.Advance(ctx, move, nothing); err != nil {
			return err
		}
		return aside(ctx, target, work)
	}
}

func fromAnywhere(target *memstore.Target) func(context.Context, eventstore.Move, memstoreWork) error {
	return func(ctx context.Context, move eventstore.Move, work memstoreWork) error {
		for {
			at, err := target.Checkpoint(ctx, move.Consumer)
			if err != nil {
				return err
			}
			move.From = at.Position
			if err := target.Advance(ctx, move, work); !errors.Is(err, eventstore.ErrCheckpointMoved) {
				return err
			}
		}
	}
}

func evenPaused(target *memstore.Target) func(context.Context, eventstore.Move, memstoreWork) error {
	return func(ctx context.Context, move eventstore.Move, work memstoreWork) error {
		if err := target.Resume(ctx, move.Consumer); err != nil {
			return err
		}
		return target.Advance(ctx, move, work)
	}
}

// flawedAgenda is an agenda with other methods where they are not nil.
type flawedAgenda struct {
	*memstore.Target

	plan     func(ctx context.Context, move eventstore.Move, instances versions) error
	claim    func(ctx context.Context, process string, limit int, lease time.Duration) ([]eventstore.Task, error)
	done     func(ctx context.Context, task eventstore.Task) error
	postpone func(ctx context.Context, task eventstore.Task, delay time.Duration, reason string) error
}

func (f flawedAgenda) Plan(ctx context.Context, move eventstore.Move, instances versions) error {
	if f.plan == nil {
		return f.Target.Plan(ctx, move, instances)
	}
	return f.plan(ctx, move, instances)
}

func (f flawedAgenda) Claim(
	ctx context.Context, process string, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	if f.claim == nil {
		return f.Target.Claim(ctx, process, limit, lease)
	}
	return f.claim(ctx, process, limit, lease)
}

func (f flawedAgenda) Done(ctx context.Context, task eventstore.Task) error {
	if f.done == nil {
		return f.Target.Done(ctx, task)
	}
	return f.done(ctx, task)
}

func (f flawedAgenda) Postpone(ctx context.Context, task eventstore.Task, delay time.Duration, reason string) error {
	if f.postpone == nil {
		return f.Target.Postpone(ctx, task, delay, reason)
	}
	return f.postpone(ctx, task, delay, reason)
}

// TestAgendaFlawsAreNoticed breaks the methods of an agenda.
func TestAgendaFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		flaw    string
		make    func(target *memstore.Target) flawedAgenda
		notices []string
	}{
		{"a lease is ignored", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{
				claim: func(ctx context.Context, process string, limit int, _ time.Duration) ([]eventstore.Task, error) {
					return target.Claim(ctx, process, limit, 0)
				},
			}
		}, []string{
			"claim/a claimed task is not given again",
			"claim/racing claims share no task",
			"claim/a claimed task is due again after the lease",
			"plan/a plan keeps the due time of a task",
		}},
		{"a lease never ends", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{
				claim: func(ctx context.Context, process string, limit int, _ time.Duration) ([]eventstore.Task, error) {
					return target.Claim(ctx, process, limit, 10_000*time.Hour)
				},
			}
		}, []string{"claim/a claimed task is due again after the lease"}},
		{"a limit is ignored", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{
				claim: func(ctx context.Context, process string, _ int, lease time.Duration) ([]eventstore.Task, error) {
					return target.Claim(ctx, process, 1000, lease)
				},
			}
		}, []string{"claim/a limit is kept", "claim/the longest due come first"}},
		{"done removes whatever was planned", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{done: func(ctx context.Context, task eventstore.Task) error {
				task.Version = 1 << 40
				return target.Done(ctx, task)
			}}
		}, []string{
			"done and postpone/done with a greater version planned leaves a task that is due",
		}},
		{"a postponed task is due at once", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{postpone: func(ctx context.Context, task eventstore.Task, _ time.Duration, reason string) error {
				return target.Postpone(ctx, task, 0, reason)
			}}
		}, []string{"done and postpone/postpone makes a task due after the delay", "claim/tasks are listed by due time"}},
		{"attempts are not counted", func(*memstore.Target) flawedAgenda {
			return flawedAgenda{postpone: func(context.Context, eventstore.Task, time.Duration, string) error { return nil }}
		}, []string{"done and postpone/postpone counts attempts"}},
		{"tasks are planned without the move", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{plan: planThenMove(target)}
		}, []string{"plan/a plan that is refused adds nothing", "plan/one of many racing plans wins"}},
	} {
		for _, name := range f.notices {
			t.Run(f.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				target := memstore.NewTarget(nil)
				agenda := f.make(target)
				agenda.Target = target
				h := AgendaHarness{Agenda: agenda, Patience: patience}
				k := findClause(t, agendaGuarantees(), name)
				isNoticed(t, k, func(r reporter, check func(c *agendaTrial)) { runAgendaTrial(r, h, check) })
			})
		}
	}
}

// planThenMove adds the tasks of a process in a transaction of their own.
func planThenMove(target *memstore.Target) func(ctx context.Context, move eventstore.Move, instances versions) error {
	return func(ctx context.Context, move eventstore.Move, instances versions) error {
		for {
			at, err := target.Checkpoint(ctx, move.Consumer)
			if err != nil {
				return err
			}
			here := eventstore.Move{Consumer: move.Consumer, From: at.Position, To: at.Position}
			if err := target.Resume(ctx, move.Consumer); err != nil {
				return err
			}
			if err := target.Plan(ctx, here, instances); !errors.Is(err, eventstore.ErrCheckpointMoved) {
				return errors.Join(err, target.Plan(ctx, move, nil))
			}
		}
	}
}
