package eventstoretest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// flawedAgenda is an agenda with other methods where they are not nil.
type flawedAgenda struct {
	*memstore.Target

	plan    func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error
	claim   func(ctx context.Context, call claimCall) ([]eventstore.Task, error)
	release func(ctx context.Context, releases []eventstore.Release) error
	note    func(ctx context.Context, entry eventstore.Entry) error
	entries func(ctx context.Context, process string, query eventstore.EntryQuery) ([]eventstore.Entry, error)
	summary func(ctx context.Context, process string) (eventstore.AgendaSummary, error)
	forget  func(ctx context.Context, consumer eventstore.ConsumerID) error
}

// claimCall is what Claim is called with.
type claimCall struct {
	process string
	duty    eventstore.Duty
	now     time.Time
	limit   int
	lease   time.Duration
}

func (call claimCall) of(ctx context.Context, target *memstore.Target) ([]eventstore.Task, error) {
	return target.Claim(ctx, call.process, call.duty, call.now, call.limit, call.lease)
}

func (f flawedAgenda) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	if f.plan == nil {
		return f.Target.Plan(ctx, move, entries)
	}
	return f.plan(ctx, move, entries)
}

func (f flawedAgenda) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	call := claimCall{process, duty, now, limit, lease}
	if f.claim == nil {
		return call.of(ctx, f.Target)
	}
	return f.claim(ctx, call)
}

func (f flawedAgenda) Release(ctx context.Context, releases ...eventstore.Release) error {
	if f.release == nil {
		return f.Target.Release(ctx, releases...)
	}
	return f.release(ctx, releases)
}

func (f flawedAgenda) Note(ctx context.Context, entry eventstore.Entry) error {
	if f.note == nil {
		return f.Target.Note(ctx, entry)
	}
	return f.note(ctx, entry)
}

func (f flawedAgenda) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) ([]eventstore.Entry, error) {
	if f.entries == nil {
		return f.Target.Entries(ctx, process, query)
	}
	return f.entries(ctx, process, query)
}

func (f flawedAgenda) Summary(ctx context.Context, process string) (eventstore.AgendaSummary, error) {
	if f.summary == nil {
		return f.Target.Summary(ctx, process)
	}
	return f.summary(ctx, process)
}

func (f flawedAgenda) Forget(ctx context.Context, consumer eventstore.ConsumerID) error {
	if f.forget == nil {
		return f.Target.Forget(ctx, consumer)
	}
	return f.forget(ctx, consumer)
}

// agendaFlaw is a broken agenda, and the clauses that must notice.
type agendaFlaw struct {
	flaw    string
	make    func(target *memstore.Target) flawedAgenda
	notices []string
}

// TestAgendaFlawsAreNoticed breaks the methods of an agenda. Each clause notices something.
func TestAgendaFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	unproven := make(map[string]bool)
	for _, g := range agendaGuarantees() {
		switch g.name {
		case "plan", "entries", "claim", "timers", "release", "racing", "note", "refused": // others are those of targets
			for _, k := range g.clauses {
				unproven[g.name+"/"+k.name] = true
			}
		}
	}
	for _, f := range slices.Concat(planFlaws(), entryFlaws(), claimFlaws(), releaseFlaws(), refusalFlaws()) {
		for _, name := range f.notices {
			delete(unproven, name)
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
	for name := range unproven {
		t.Errorf("no flaw is noticed by %q", name)
	}
}

// planning returns what makes an agenda plan other entries, or make another move.
func planning(
	change func(target *memstore.Target, move *eventstore.Move, entries []eventstore.Entry) []eventstore.Entry,
) func(target *memstore.Target) flawedAgenda {
	return func(target *memstore.Target) flawedAgenda {
		return flawedAgenda{plan: func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
			changed := change(target, &move, slices.Clone(entries))
			return target.Plan(ctx, move, changed)
		}}
	}
}

// each returns what makes an agenda plan other entries, one by one.
func each(change func(target *memstore.Target, entry *eventstore.Entry)) func(target *memstore.Target) flawedAgenda {
	return planning(func(target *memstore.Target, _ *eventstore.Move, entries []eventstore.Entry) []eventstore.Entry {
		for i := range entries {
			change(target, &entries[i])
		}
		return entries
	})
}

// keeping returns what makes an agenda plan only some of the entries.
func keeping(keeps func(i int, entry eventstore.Entry) bool) func(target *memstore.Target) flawedAgenda {
	return planning(func(_ *memstore.Target, _ *eventstore.Move, entries []eventstore.Entry) (kept []eventstore.Entry) {
		for i, entry := range entries {
			if keeps(i, entry) {
				kept = append(kept, entry)
			}
		}
		return kept
	})
}

// known returns what a target knows of an instance, the zero Entry where that is nothing.
func known(target *memstore.Target, of eventstore.Entry) eventstore.Entry {
	query := eventstore.EntryQuery{Instance: of.Instance}
	all, err := target.Entries(context.Background(), of.Process, query)
	if err != nil || len(all) == 0 {
		return eventstore.Entry{}
	}
	return all[0]
}

// afresh makes a target forget whatever is under way for an instance.
func afresh(ctx context.Context, target *memstore.Target, entry eventstore.Entry) error {
	if before := known(target, entry); before.Version <= entry.Version {
		if err := target.Note(ctx, openAt(entry.Instance, before.Version)); err != nil {
			return err
		}
	}
	return target.Note(ctx, entry)
}

func planFlaws() []agendaFlaw {
	var last atomic.Int64
	next := func() eventstore.Version { return eventstore.Version(last.Add(1) + 100) }
	return []agendaFlaw{
		{"entries are planned without the move", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{plan: planThenMove(target)}
		}, []string{"plan/a plan that is refused takes in nothing", "plan/one of many racing plans wins"}},
		{"only the first entry is planned", keeping(func(i int, _ eventstore.Entry) bool { return i == 0 }), []string{
			"plan/a plan takes in entries", "plan/many instances in one plan", "plan/odd instances are distinct",
			"plan/the greatest version in a plan counts", "plan/partitions plan at the same time",
		}},
		{
			"versions do not count", each(func(_ *memstore.Target, entry *eventstore.Entry) { entry.Version = next() }),
			[]string{"plan/a plan of an older version is ignored", "plan/the greatest version in a plan counts"},
		},
		{"a plan makes commands due at once", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{plan: func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
				for _, entry := range entries {
					if err := afresh(ctx, target, entry); err != nil {
						return err
					}
				}
				return target.Plan(ctx, move, entries)
			}}
		}, []string{
			"plan/a plan leaves commands as they are", "timers/the same timers keep their lease",
		}},
		{
			"instances with nothing to do are not planned",
			keeping(func(_ int, entry eventstore.Entry) bool { return entry.Pending }),
			[]string{
				"plan/a plan begins attempts anew when nothing is left", "plan/what is over has no entry",
				"entries/entries are listed by instance",
			},
		},
		{"a plan does not unpark", each(func(target *memstore.Target, entry *eventstore.Entry) {
			entry.Parked = entry.Parked || known(target, *entry).Parked
		}), []string{"plan/a plan that unparks makes commands due"}},
		{
			"what is over stays", each(func(_ *memstore.Target, entry *eventstore.Entry) { entry.Over = false }),
			[]string{"plan/what is over has no entry"},
		},
		{"what is over is removed with its commands", each(func(_ *memstore.Target, entry *eventstore.Entry) {
			entry.Pending = entry.Pending && !entry.Over
		}), []string{"plan/what is over with commands has an entry"}},
		{"a plan that parks has no entries", planning(func(
			_ *memstore.Target, move *eventstore.Move, entries []eventstore.Entry,
		) []eventstore.Entry {
			if len(move.Park) > 0 {
				return nil
			}
			return entries
		}), []string{"plan/a plan that parks a sequence takes in entries"}},
		{"a plan does not park", planning(func(
			_ *memstore.Target, move *eventstore.Move, entries []eventstore.Entry,
		) []eventstore.Entry {
			move.Park = nil
			return entries
		}), []string{"plan/a plan that parks a sequence takes in entries", "parking/sequences are parked with the move"}},
		{"entries outlive their process", func(*memstore.Target) flawedAgenda {
			return flawedAgenda{forget: func(context.Context, eventstore.ConsumerID) error { return nil }}
		}, []string{"plan/a forgotten process has no entries", "forget/a forgotten consumer begins anew"}},
		{"commands are due that are not there", each(func(_ *memstore.Target, entry *eventstore.Entry) {
			entry.Pending = true
		}), []string{"claim/nothing is due where nothing is to be done"}},
		{"timers of parked instances are lost", each(func(_ *memstore.Target, entry *eventstore.Entry) {
			if entry.Parked {
				entry.Timers = nil
			}
		}), []string{"timers/timers of parked instances fire"}},
		{"timers remain as they were set first", each(func(target *memstore.Target, entry *eventstore.Entry) {
			if before := known(target, *entry); before.Timers != nil {
				entry.Timers = before.Timers
			}
		}), []string{"timers/other timers are due at their time"}},
		{"a note is not taken in", func(*memstore.Target) flawedAgenda {
			return flawedAgenda{note: func(context.Context, eventstore.Entry) error { return nil }}
		}, []string{
			"note/a note takes in an entry", "note/a note parks commands, whoever works on them",
			"refused/entries at their limits are taken in",
		}},
		{"a note of any version is taken in", noting(func(_ *memstore.Target, entry *eventstore.Entry) {
			entry.Version = next()
		}), []string{"note/a note of an older version is ignored"}},
		{"a note does not unpark", noting(func(target *memstore.Target, entry *eventstore.Entry) {
			entry.Parked = entry.Parked || known(target, *entry).Parked
		}), []string{"note/a note makes parked commands due"}},
		{"a note makes commands due at once", func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{note: func(ctx context.Context, entry eventstore.Entry) error {
				return afresh(ctx, target, entry)
			}}
		}, []string{"note/a note leaves other commands as they are", "timers/the same timers keep their lease"}},
	}
}

// noting returns what makes an agenda note another entry.
func noting(change func(target *memstore.Target, entry *eventstore.Entry)) func(target *memstore.Target) flawedAgenda {
	return func(target *memstore.Target) flawedAgenda {
		return flawedAgenda{note: func(ctx context.Context, entry eventstore.Entry) error {
			change(target, &entry)
			return target.Note(ctx, entry)
		}}
	}
}

func entryFlaws() []agendaFlaw {
	listing := func(
		change func(query *eventstore.EntryQuery), after func(entries []eventstore.Entry),
	) func(target *memstore.Target) flawedAgenda {
		return func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{entries: func(
				ctx context.Context, process string, query eventstore.EntryQuery,
			) ([]eventstore.Entry, error) {
				change(&query)
				entries, err := target.Entries(ctx, process, query)
				after(entries)
				return entries, err
			}}
		}
	}
	asAsked, asFound := func(*eventstore.EntryQuery) {}, func([]eventstore.Entry) {}
	counting := func(change func(summary *eventstore.AgendaSummary)) func(target *memstore.Target) flawedAgenda {
		return func(target *memstore.Target) flawedAgenda {
			return flawedAgenda{summary: func(ctx context.Context, process string) (eventstore.AgendaSummary, error) {
				summary, err := target.Summary(ctx, process)
				change(&summary)
				return summary, err
			}}
		}
	}
	return []agendaFlaw{
		{"entries are listed by their last change", listing(asAsked, func(entries []eventstore.Entry) {
			slices.SortFunc(entries, func(one, other eventstore.Entry) int {
				return cmp.Or(other.UpdatedAt.Compare(one.UpdatedAt), cmp.Compare(other.Instance, one.Instance))
			})
		}), []string{"entries/entries are listed by instance"}},
		{
			"pages begin at the first entry", listing(func(query *eventstore.EntryQuery) { query.After = "" }, asFound),
			[]string{"entries/entries are listed page by page", "entries/entries are selected"},
		},
		{
			"a limit of a list is ignored", listing(func(query *eventstore.EntryQuery) { query.Limit = 0 }, asFound),
			[]string{"entries/entries are listed page by page"},
		},
		{"parked commands are not pending", listing(func(query *eventstore.EntryQuery) {
			query.WithTimers = query.WithTimers || query.Parked
		}, asFound), []string{"entries/entries are selected"}},
		{"timers are listed in reverse", listing(asAsked, func(entries []eventstore.Entry) {
			for _, entry := range entries {
				slices.Reverse(entry.Timers)
			}
		}), []string{"entries/timers are in their order"}},
		{
			"commands are counted twice", counting(func(summary *eventstore.AgendaSummary) { summary.Pending *= 2 }),
			[]string{"entries/a summary counts"},
		},
		{
			"nothing is overdue", counting(func(summary *eventstore.AgendaSummary) { summary.Overdue = 0 }),
			[]string{"entries/a summary tells what is overdue"},
		},
		{
			"everything is overdue", counting(func(summary *eventstore.AgendaSummary) { summary.Overdue++ }),
			[]string{"entries/a summary tells what is overdue"},
		},
	}
}

// planThenMove takes in the entries in a transaction of their own.
func planThenMove(
	target *memstore.Target,
) func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	return func(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
		for _, entry := range entries {
			if err := target.Note(ctx, entry); err != nil {
				return errors.Join(err, target.Plan(ctx, move, nil))
			}
		}
		return target.Plan(ctx, move, nil)
	}
}
