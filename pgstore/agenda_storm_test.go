package pgstore_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// Whatever is done to an agenda at once, in several processes, nothing deadlocks, nobody has what somebody else has, and in
// the end it knows what there is to know, and all has been done.
func TestAgendaStorm(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			pgtest.SetDefault(t, url, "default_transaction_isolation", isolation)
			s := &agendaStorm{t: t, process: eventstore.ConsumerID{Name: "$pm.checkout", Version: 1}}
			pool := newLargePool(t, url, 16)
			for range 3 {
				s.targets = append(s.targets, pgstore.NewTarget(pool, nil))
			}
			for i := range 20 {
				s.instances = append(s.instances, &stormInstance{
					process: s.process.Name, key: fmt.Sprint("instance ", i), parkable: i < 5,
				})
			}
			s.run()
		})
	}
}

// stormInstance stands in for the stream of an instance.
type stormInstance struct {
	process, key string
	parkable     bool // at any time, and then perhaps worked on by two: what was unparked is due at once
	working      atomic.Bool

	mu                     sync.Mutex
	version                eventstore.Version
	pending, parked, timer bool
}

// change appends to the stream, if change says so, and returns the entry.
func (i *stormInstance) change(change func() bool) eventstore.Entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	if change() {
		i.version++
	}
	i.parked = i.parked && i.pending
	e := eventstore.Entry{Process: i.process, Instance: i.key, Version: i.version, Pending: i.pending, Parked: i.parked}
	if i.timer {
		e.Timers = []eventstore.Timer{{Name: "x", DueAt: stormTimer}}
	}
	e.Over = !i.pending && !i.timer && i.version%2 == 0 // it may begin again
	return e
}

var stormTimer = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

type agendaStorm struct {
	t         *testing.T
	process   eventstore.ConsumerID
	targets   []*pgstore.Target
	instances []*stormInstance
	calm      atomic.Bool // nothing is planned any more
	over      atomic.Bool
	claims    atomic.Int64
}

func (s *agendaStorm) run() {
	const partitions = 4
	consumers(s.t, s.targets[0]).define(s.process, partitions)
	var planning, working sync.WaitGroup
	for n := range partitions {
		planning.Go(func() { s.plan(n) })
	}
	planning.Go(s.note)
	for n := range 6 {
		duty := eventstore.Duty(n % 2)
		working.Go(func() { s.work(s.targets[n%len(s.targets)], duty) })
	}
	time.AfterFunc(2*time.Second, func() { s.calm.Store(true) })
	planning.Wait()
	for _, i := range s.instances {
		entry := i.change(func() bool { i.parked = false; return true })
		assert.NoError(s.t, s.targets[0].Note(s.t.Context(), entry))
	}
	assert.Eventually(s.t, s.isDone, time.Minute, 20*time.Millisecond)
	s.over.Store(true)
	working.Wait()
	s.check()
}

// plan lets instances decide on events of a partition, several in one plan.
func (s *agendaStorm) plan(partition int) {
	target := s.targets[partition%len(s.targets)]
	all, err := target.Checkpoints(s.t.Context(), s.process)
	if !assert.NoError(s.t, err) {
		return
	}
	at := all[partition]
	for ; !s.calm.Load(); at.Position++ {
		move := eventstore.Move{
			Consumer: s.process, Partition: partition, Epoch: at.Epoch, From: at.Position, To: at.Position + 1,
		}
		var entries []eventstore.Entry
		for range 1 + rand.N(6) {
			i := s.instances[rand.N(len(s.instances))]
			entries = append(entries, i.change(func() bool {
				if rand.N(4) == 0 {
					i.timer = true
				} else {
					i.pending = true
				}
				return true
			}))
		}
		if !assert.NoError(s.t, target.Plan(s.t.Context(), move, entries)) {
			return
		}
	}
}

// note parks and unparks.
func (s *agendaStorm) note() {
	for n := 0; !s.calm.Load(); n++ {
		i := s.instances[rand.N(5)]
		entry := i.change(func() bool {
			i.parked = i.pending && !i.parked
			return i.pending
		})
		assert.NoError(s.t, s.targets[n%len(s.targets)].Note(s.t.Context(), entry))
	}
}

// work does what is due, and releases it several at a time.
func (s *agendaStorm) work(target *pgstore.Target, duty eventstore.Duty) {
	for !s.over.Load() {
		tasks, err := target.Claim(s.t.Context(), s.process.Name, duty, time.Time{}, 1+rand.N(5), time.Hour)
		if !assert.NoError(s.t, err) {
			return
		}
		s.claims.Add(int64(len(tasks)))
		var releases []eventstore.Release
		for _, task := range tasks {
			releases = append(releases, s.do(task))
		}
		rand.Shuffle(len(releases), func(a, b int) { releases[a], releases[b] = releases[b], releases[a] })
		if !assert.NoError(s.t, target.Release(s.t.Context(), releases...)) {
			return
		}
	}
}

func (s *agendaStorm) do(task eventstore.Task) eventstore.Release {
	var n int
	_, err := fmt.Sscanf(task.Instance, "instance %d", &n)
	assert.NoError(s.t, err)
	i, release := s.instances[n], eventstore.Release{Task: task}
	if task.Duty == eventstore.DutyTimers {
		release.Entry = i.change(func() bool {
			fires := i.timer
			i.timer = false
			return fires
		})
		return release
	}
	if !i.parkable {
		assert.True(s.t, i.working.CompareAndSwap(false, true), "two work on one instance")
		defer i.working.Store(false)
	}
	release.Failed = rand.N(5) == 0
	release.Entry = i.change(func() bool {
		release.Progress = i.pending && !i.parked && !release.Failed
		i.pending = i.pending && !release.Progress
		return release.Progress
	})
	return release
}

// isDone reports whether there is nothing to do any more, for the instances nor for the agenda.
func (s *agendaStorm) isDone() bool {
	summary, err := s.targets[0].Summary(s.t.Context(), s.process.Name)
	assert.NoError(s.t, err)
	for _, i := range s.instances {
		entry := i.change(func() bool { return false })
		if entry.Pending || len(entry.Timers) > 0 {
			return false
		}
	}
	return summary.Pending == 0 && summary.WithTimers == 0
}

func (s *agendaStorm) check() {
	known := make(map[string]eventstore.Entry)
	entries, err := s.targets[0].Entries(s.t.Context(), s.process.Name, eventstore.EntryQuery{})
	require.NoError(s.t, err)
	for _, entry := range entries {
		known[entry.Instance] = entry
	}
	for _, i := range s.instances {
		want := i.change(func() bool { return false })
		got, found := known[i.key]
		if want.Over {
			// A plan of an older version may come after the one with which it was over.
			assert.True(s.t, !found || got.Version < want.Version, i.key)
			continue
		}
		got.UpdatedAt = time.Time{}
		assert.Equal(s.t, want, got)
	}
	assert.Greater(s.t, s.claims.Load(), int64(len(s.instances)))
	s.t.Logf("%d tasks were claimed", s.claims.Load())
}
