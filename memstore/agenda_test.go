package memstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

const process = "checkout"

// planned returns a target that has the process with an entry.
func planned(t *testing.T, clock *clock, entry eventstore.Entry) *memstore.Target {
	t.Helper()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	define(t, target, process)
	require.NoError(t, target.Plan(t.Context(), next(t, target, process), []eventstore.Entry{entry}))
	return target
}

func claim(t *testing.T, target *memstore.Target, duty eventstore.Duty, lease time.Duration) []eventstore.Task {
	t.Helper()
	tasks, err := target.Claim(t.Context(), process, duty, time.Time{}, 10, lease)
	require.NoError(t, err)
	return tasks
}

func entry(t *testing.T, target *memstore.Target) eventstore.Entry {
	t.Helper()
	all, err := target.Entries(t.Context(), process, eventstore.EntryQuery{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

// All times are those of the target's clock, to the microsecond.
func TestAgendaHasOneClock(t *testing.T) {
	clock := newClock()
	clock.advance(999) // nanoseconds
	begun := clock.now().Truncate(time.Microsecond)
	timer := eventstore.Timer{Name: "late", DueAt: begun.Add(time.Minute)}
	given := eventstore.Entry{
		Process: process, Instance: "1", Version: 3, Pending: true, Timers: []eventstore.Timer{timer},
	}
	target := planned(t, clock, given)
	want := given
	want.CommandsDueAt, want.UpdatedAt = begun, begun
	require.Equal(t, want, entry(t, target))

	task := eventstore.Task{Process: process, Instance: "1", Version: 3, ClaimedAt: begun, Until: begun.Add(time.Minute)}
	require.Equal(t, []eventstore.Task{task}, claim(t, target, eventstore.DutyCommands, time.Minute+999))
	require.Empty(t, claim(t, target, eventstore.DutyTimers, time.Hour))
	clock.advance(time.Minute - time.Microsecond)
	require.Empty(t, claim(t, target, eventstore.DutyCommands, time.Minute))
	clock.advance(time.Microsecond)
	require.Len(t, claim(t, target, eventstore.DutyTimers, time.Hour), 1)
	tasks := claim(t, target, eventstore.DutyCommands, time.Minute)
	require.Len(t, tasks, 1)

	release := eventstore.Release{Task: tasks[0], Entry: given, Failed: true, Reason: "no answer", Delay: time.Hour + 999}
	require.NoError(t, target.Release(t.Context(), release))
	want.Attempts, want.Reason = 1, "no answer"
	want.CommandsDueAt, want.UpdatedAt = begun.Add(time.Hour+time.Minute), begun.Add(time.Minute)
	assert.Equal(t, want, entry(t, target))
	clock.advance(2 * time.Hour)
	summary, err := target.Summary(t.Context(), process)
	require.NoError(t, err)
	assert.Equal(t, eventstore.AgendaSummary{Open: 1, Pending: 1, WithTimers: 1, Overdue: time.Hour}, summary)
}

func TestAgendaSharesNothingWithItsCallers(t *testing.T) {
	timers := []eventstore.Timer{{Name: "x", DueAt: newClock().now()}}
	target := planned(t, newClock(), eventstore.Entry{Process: process, Instance: "1", Version: 3, Timers: timers})
	timers[0].Name = "given"
	entry(t, target).Timers[0].Name = "returned"
	assert.Equal(t, "x", entry(t, target).Timers[0].Name)
}
