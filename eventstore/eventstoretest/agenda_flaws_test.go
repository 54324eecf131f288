package eventstoretest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// flawedAgenda is an agenda with other methods where they are not nil.
type flawedAgenda struct {
	*memstore.Target

	plan     func(ctx context.Context, move eventstore.Move, instances versions) error
	claim    func(ctx context.Context, process string, limit int, lease time.Duration) ([]eventstore.Task, error)
	done     func(ctx context.Context, task eventstore.Task) error
	postpone func(ctx context.Context, task eventstore.Task, delay time.Duration, reason string) error
	forget   func(ctx context.Context, consumer eventstore.ConsumerID) error
}

func (f flawedAgenda) Forget(ctx context.Context, consumer eventstore.ConsumerID) error {
	if f.forget == nil {
		return f.Target.Forget(ctx, consumer)
	}
	return f.forget(ctx, consumer)
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
		{"tasks outlive their process", func(*memstore.Target) flawedAgenda {
			return flawedAgenda{forget: func(context.Context, eventstore.ConsumerID) error { return nil }}
		}, []string{"plan/a forgotten process has no tasks", "forget/a forgotten consumer begins anew"}},
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
			if err := target.Resume(ctx, move.Consumer); err != nil {
				return err
			}
			all, err := target.Checkpoints(ctx, move.Consumer)
			if err != nil || len(all) == 0 {
				return errors.Join(err, target.Plan(ctx, move, nil))
			}
			here := leaving(all[0], all[0].Position)
			if err := target.Plan(ctx, here, instances); !errors.Is(err, eventstore.ErrCheckpointMoved) {
				return errors.Join(err, target.Plan(ctx, move, nil))
			}
		}
	}
}
