package eventstoretest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// claiming returns what makes an agenda claim as it is not asked to.
func claiming(change func(call *claimCall)) func(target *memstore.Target) flawedAgenda {
	return func(target *memstore.Target) flawedAgenda {
		return flawedAgenda{claim: func(ctx context.Context, call claimCall) ([]eventstore.Task, error) {
			change(&call)
			return call.of(ctx, target)
		}}
	}
}

func claimFlaws() []agendaFlaw {
	return []agendaFlaw{
		{"a lease is ignored", claiming(func(call *claimCall) { call.lease = time.Microsecond }), []string{
			"claim/a claimed task is not given again",
			"claim/racing claims share no task",
			"claim/racing claims get expired leases once",
			"claim/a claimed task is due again after the lease",
			"timers/timers are due by the given time",
		}},
		{"a lease never ends", claiming(func(call *claimCall) { call.lease = 10_000 * time.Hour }), []string{
			"claim/a claimed task is due again after the lease", "claim/racing claims get expired leases once",
			"timers/timers are due by the given time",
		}},
		{
			"a limit is ignored", claiming(func(call *claimCall) { call.limit = 1000 }),
			[]string{"claim/a limit is kept", "claim/the longest due come first"},
		},
		{"the longest due come last", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{claim: func(ctx context.Context, call claimCall) ([]eventstore.Task, error) {
				tasks, err := call.of(ctx, target)
				slices.Reverse(tasks)
				return tasks, err
			}}
		}, []string{"claim/the longest due come first", "timers/timers are due by the given time"}},
		{"the case of processes does not count", claiming(func(call *claimCall) {
			call.process = strings.ToUpper(call.process)
		}), []string{"claim/processes do not concern each other"}},
		{
			"timers are due by the clock alone", claiming(func(call *claimCall) { call.now = time.Time{} }),
			[]string{"timers/timers are due by the given time"},
		},
		{"timers are due by another clock", claiming(func(call *claimCall) {
			if call.now.IsZero() {
				call.now = noon()
			}
		}), []string{"timers/timers are due by the agenda's clock"}},
		{
			"duties are one", claiming(func(call *claimCall) { call.duty = eventstore.DutyCommands }),
			[]string{"timers/timers and commands are apart"},
		},
		{"an ended context is ignored", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{claim: func(ctx context.Context, call claimCall) ([]eventstore.Task, error) {
				return call.of(context.WithoutCancel(ctx), target)
			}}
		}, []string{"plan/an ended context ends every method"}},
	}
}

// releasing returns what makes an agenda release as it is not asked to.
func releasing(
	change func(target *memstore.Target, release *eventstore.Release),
) func(target *memstore.Target) flawedAgenda {
	return func(target *memstore.Target) flawedAgenda {
		return flawedAgenda{release: func(ctx context.Context, releases []eventstore.Release) error {
			releases = slices.Clone(releases)
			for i := range releases {
				change(target, &releases[i])
			}
			return target.Release(ctx, releases...)
		}}
	}
}

func releaseFlaws() []agendaFlaw {
	return []agendaFlaw{
		{"a release takes in nothing", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Entry = eventstore.Entry{
				Process: release.Task.Process, Instance: release.Task.Instance, Pending: true,
			}
		}), []string{
			"release/a release without commands leaves nothing to do",
			"release/a release tells of a greater version whose lease it is",
			"release/a release of what is gone takes in what is to be done",
			"racing/racing plans and releases lose no version",
		}},
		{"a release takes in any version", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Entry.Version += 100
		}), []string{
			"release/a release of an older version ends the lease", "timers/released timers are those planned meanwhile",
		}},
		{"a lease does not end", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Task.Until = time.Time{}
		}), []string{
			"release/a release makes commands due after the delay", "release/a release counts attempts",
			"release/a release of an older version ends the lease", "timers/released timers are those planned meanwhile",
		}},
		{"any lease ends", releasing(func(target *memstore.Target, release *eventstore.Release) {
			if release.Task.Duty == eventstore.DutyCommands {
				release.Task.Until = known(target, release.Entry).CommandsDueAt
			}
		}), []string{"release/a lease that was taken over is left alone"}},
		{"any lease on timers ends", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{release: func(ctx context.Context, releases []eventstore.Release) error {
				for _, release := range releases {
					if err := afresh(ctx, target, release.Entry); err != nil {
						return err
					}
				}
				return target.Release(ctx, releases...)
			}}
		}, []string{
			"timers/a lease on timers that was taken over is left alone", "timers/the same timers keep their lease",
		}},
		{
			"a delay is ignored", releasing(func(_ *memstore.Target, release *eventstore.Release) { release.Delay = 0 }),
			[]string{
				"release/a release makes commands due after the delay", "release/a release of an older version ends the lease",
			},
		},
		{"attempts are not counted", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Failed = false
		}), []string{
			"release/a release counts attempts", "release/a release that parks tells why",
			"timers/timers and commands are apart",
		}},
		{"progress is not counted", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Progress = false
		}), []string{"release/progress begins attempts anew"}},
		{"released timers are due as before", releasing(func(target *memstore.Target, release *eventstore.Release) {
			release.Entry.Timers = known(target, release.Entry).Timers
		}), []string{"timers/released timers are due when the next one is"}},
		{"only the first task is released", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{release: func(ctx context.Context, releases []eventstore.Release) error {
				return target.Release(ctx, releases[:min(len(releases), 1)]...)
			}}
		}, []string{"release/many releases in one call", "release/several releases of one instance in one call"}},
		{"a reason is cut", releasing(func(_ *memstore.Target, release *eventstore.Release) {
			release.Reason = release.Reason[:min(len(release.Reason), 10)]
		}), []string{"release/a reason of any bytes"}},
		{"instances are locked in any order", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{release: lockingInTurn(target)}
		}, []string{"racing/racing releases and notes wait for each other in one order"}},
	}
}

// lockingInTurn locks the instances of releases in the order in which they are given, and fails rather than waits.
func lockingInTurn(target *memstore.Target) func(ctx context.Context, releases []eventstore.Release) error {
	var locks sync.Map
	return func(ctx context.Context, releases []eventstore.Release) error {
		var held []string
		defer func() {
			for _, instance := range held {
				locks.Delete(instance)
			}
		}()
		for _, release := range releases {
			if _, locked := locks.LoadOrStore(release.Task.Instance, true); locked {
				return errors.New("deadlock detected")
			}
			held = append(held, release.Task.Instance)
			runtime.Gosched()
		}
		return target.Release(ctx, releases...)
	}
}

// refusalFlaws accept what makes no sense.
func refusalFlaws() []agendaFlaw {
	return []agendaFlaw{
		{"invalid entries are passed over", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{plan: func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
				return target.Plan(ctx, move, slices.DeleteFunc(slices.Clone(entries), func(entry eventstore.Entry) bool {
					return entry.Validate() != nil || entry.Process != move.Consumer.Name
				}))
			}}
		}, []string{"refused/entries that are invalid", "refused/entries of another process or instance"}},
		{"long keys are refused", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{note: func(ctx context.Context, entry eventstore.Entry) error {
				if len(entry.Instance) > 1000 {
					return eventstore.ErrInvalid
				}
				return target.Note(ctx, entry)
			}}
		}, []string{"refused/entries at their limits are taken in"}},
		{"invalid claims claim nothing", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{claim: func(ctx context.Context, call claimCall) ([]eventstore.Task, error) {
				tasks, err := call.of(ctx, target)
				return tasks, unless(err, eventstore.ErrInvalid)
			}}
		}, []string{"refused/claims that are invalid"}},
		{"invalid releases are passed over", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{release: func(ctx context.Context, releases []eventstore.Release) error {
				for _, release := range releases {
					if err := unless(target.Release(ctx, release), eventstore.ErrInvalid); err != nil {
						return err
					}
				}
				return nil
			}}
		}, []string{"refused/releases that are invalid", "refused/entries of another process or instance"}},
		{"invalid queries find nothing", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{entries: func(
				ctx context.Context, process string, query eventstore.EntryQuery,
			) ([]eventstore.Entry, error) {
				entries, err := target.Entries(ctx, process, query)
				return entries, unless(err, eventstore.ErrInvalid)
			}}
		}, []string{"refused/queries that are invalid"}},
	}
}
