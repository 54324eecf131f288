package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

const process = "checkout"

// newAgenda returns a target that has the process.
func newAgenda(t *testing.T, clock *clock) *memstore.Target {
	t.Helper()
	target := memstore.NewTarget(&memstore.TargetOptions{Now: clock.now})
	define(t, target, process)
	return target
}

// plan makes the next move of the process and plans the instances.
func plan(t *testing.T, target *memstore.Target, instances map[string]eventstore.Version) {
	t.Helper()
	require.NoError(t, target.Plan(t.Context(), next(t, target, process), instances))
}

func claim(t *testing.T, target *memstore.Target, limit int, lease time.Duration) []eventstore.Task {
	t.Helper()
	tasks, err := target.Claim(t.Context(), process, limit, lease)
	require.NoError(t, err)
	return tasks
}

func tasks(t *testing.T, target *memstore.Target) []eventstore.Task {
	t.Helper()
	all, err := target.Tasks(t.Context(), process)
	require.NoError(t, err)
	return all
}

func TestClaimedTaskIsDueAgainAfterItsLease(t *testing.T) {
	clock := newClock()
	target := newAgenda(t, clock)
	plan(t, target, map[string]eventstore.Version{"1": 3})
	planned := eventstore.Task{Process: process, Instance: "1", Version: 3, DueAt: clock.now()}
	require.Equal(t, []eventstore.Task{planned}, tasks(t, target))

	claimed := planned
	claimed.DueAt = clock.now().Add(time.Minute)
	assert.Equal(t, []eventstore.Task{claimed}, claim(t, target, 10, time.Minute))
	clock.advance(time.Minute - 1)
	assert.Empty(t, claim(t, target, 10, time.Minute))
	clock.advance(1)
	assert.Len(t, claim(t, target, 10, time.Minute), 1)
}

func TestClaimTakesWhatIsDueLongest(t *testing.T) {
	clock := newClock()
	target := newAgenda(t, clock)
	for n := range 5 {
		plan(t, target, map[string]eventstore.Version{fmt.Sprint(n): 1})
		clock.advance(time.Second)
	}
	instances := func(tasks []eventstore.Task) (names []string) {
		for _, task := range tasks {
			names = append(names, task.Instance)
		}
		return names
	}
	assert.Equal(t, []string{"0", "1"}, instances(claim(t, target, 2, time.Minute)))
	assert.Empty(t, claim(t, target, 0, time.Minute))
	assert.Equal(t, []string{"2", "3", "4"}, instances(claim(t, target, 10, time.Hour)))
	assert.Equal(t, []string{"0", "1", "2", "3", "4"}, instances(tasks(t, target)))
	clock.advance(time.Minute)
	assert.Equal(t, []string{"0", "1"}, instances(claim(t, target, 10, time.Minute)))
}

func TestPostponedTaskRemembersWhy(t *testing.T) {
	clock := newClock()
	target := newAgenda(t, clock)
	plan(t, target, map[string]eventstore.Version{"1": 3})
	for attempt := range 2 {
		task := claim(t, target, 1, time.Minute)[0]
		assert.Equal(t, attempt, task.Attempts)
		require.NoError(t, target.Postpone(t.Context(), task, time.Hour, "no answer"))
		assert.Equal(t, []eventstore.Task{{
			Process: process, Instance: "1", Version: 3,
			Attempts: attempt + 1, Reason: "no answer", DueAt: clock.now().Add(time.Hour),
		}}, tasks(t, target))

		plan(t, target, map[string]eventstore.Version{"1": 2})
		assert.Empty(t, claim(t, target, 1, time.Minute), "a new plan does not change the due time")
		clock.advance(time.Hour)
	}
}

func TestDoneKeepsWhatWasPlannedMeanwhile(t *testing.T) {
	clock := newClock()
	target := newAgenda(t, clock)
	plan(t, target, map[string]eventstore.Version{"1": 3, "2": 1})
	require.NoError(t, target.Postpone(t.Context(), tasks(t, target)[0], 0, "no answer"))
	claimed := claim(t, target, 10, time.Minute)
	require.Len(t, claimed, 2)
	plan(t, target, map[string]eventstore.Version{"1": 5})
	clock.advance(time.Second)
	for _, task := range claimed {
		require.NoError(t, target.Done(t.Context(), task))
	}

	again := eventstore.Task{Process: process, Instance: "1", Version: 5, DueAt: clock.now()}
	require.Equal(t, []eventstore.Task{again}, tasks(t, target))
	require.NoError(t, target.Done(t.Context(), again))
	require.NoError(t, target.Done(t.Context(), again))
	require.NoError(t, target.Postpone(t.Context(), again, 0, "late"))
	assert.Empty(t, tasks(t, target))
}
