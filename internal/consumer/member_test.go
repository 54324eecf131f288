package consumer_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// frozen is a process that stands still while it is frozen: whatever it does next waits.
type frozen struct {
	mu   sync.Mutex
	thaw chan struct{} // nil while it is not frozen
}

func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thaw = make(chan struct{})
}

func (f *frozen) goOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.thaw)
	f.thaw = nil
}

func (f *frozen) wait() {
	f.mu.Lock()
	thaw := f.thaw
	f.mu.Unlock()
	if thaw != nil {
		<-thaw
	}
}

type frozenKeeper struct {
	consumer.Keeper
	*frozen
}

func (k frozenKeeper) Checkpoints(ctx context.Context, who eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	k.wait()
	return k.Keeper.Checkpoints(ctx, who)
}

func (k frozenKeeper) Coordinate(ctx context.Context, who eventstore.ConsumerID, change func(*eventstore.Roster)) error {
	k.wait()
	return k.Keeper.Coordinate(ctx, who, change)
}

// runFreezable runs the fixture's consumer as a process that can be frozen.
func (f *fixture) runFreezable(t *testing.T) (process *frozen, stop func()) {
	t.Helper()
	process = &frozen{}
	before := f.config
	f.config.Keeper = frozenKeeper{f.target, process}
	f.config.Handle = func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
		process.wait()
		return f.handle(ctx, move, events)
	}
	stop = f.run(t)
	f.config = before
	return process, stop
}

// owners returns who has how many partitions; "" is nobody.
func (f *fixture) owners(t *testing.T) map[string]int {
	t.Helper()
	checkpoints, err := f.target.Checkpoints(t.Context(), id)
	require.NoError(t, err)
	owners := make(map[string]int)
	for _, at := range checkpoints {
		owners[at.Owner]++
	}
	return owners
}

func shares(owners map[string]int) []int { return slices.Sorted(maps.Values(owners)) }

func TestPartitionsAreSharedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 8
		var stops []func()
		for range 3 {
			stops = append(stops, f.run(t))
			elapse(time.Second)
		}
		elapse(20 * time.Second)
		assert.Equal(t, []int{2, 3, 3}, shares(f.owners(t)))
		f.appendStreams(t, 50, 10)
		elapse(time.Second)
		f.requireEach(t, 50, 10)

		stops[1]()
		elapse(2 * time.Second)
		assert.Equal(t, []int{4, 4}, shares(f.owners(t)), "a clean stop gives its partitions back at once")
		stops[0]()
		stops[2]()
		assert.Equal(t, map[string]int{"": 8}, f.owners(t))
	})
}

// busyKeeper passes over a partition that is given back, the first times, as if its transaction had not ended yet.
type busyKeeper struct {
	consumer.Keeper
	busy   atomic.Int64 // how many times
	passed chan time.Time
}

func (k *busyKeeper) Coordinate(ctx context.Context, who eventstore.ConsumerID, change func(*eventstore.Roster)) error {
	return k.Keeper.Coordinate(ctx, who, func(roster *eventstore.Roster) {
		before := slices.Clone(roster.Partitions)
		change(roster)
		for i, was := range before {
			if was.Owner != "" && roster.Partitions[i].Owner == "" && k.busy.Add(-1) >= 0 {
				roster.Partitions[i].Owner = was.Owner
				k.passed <- time.Now()
			}
		}
	})
}

func TestABusyPartitionIsGivenBackSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 2
		keeper := &busyKeeper{Keeper: f.target, passed: make(chan time.Time, 2)}
		keeper.busy.Store(2)
		f.config.Keeper = keeper
		stop := f.run(t)
		synctest.Wait()
		f.config.Keeper = f.target
		stopOther := f.run(t)

		first, second := <-keeper.passed, <-keeper.passed
		assert.LessOrEqual(t, second.Sub(first), 300*time.Millisecond, "it tries again")
		f.appendStreams(t, 20, 1)
		elapse(600 * time.Millisecond)
		assert.Equal(t, []int{1, 1}, shares(f.owners(t)))
		f.requireEach(t, 20, 1)
		stop()
		stopOther()
	})
}

func TestAnotherTakesOverWithinTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.config.Partitions = 2
		process, stop := f.runFreezable(t)
		synctest.Wait()
		elapse(time.Minute)
		first := slices.Collect(maps.Keys(f.owners(t)))
		require.Len(t, first, 1)

		process.freeze()
		froze := time.Now()
		f.appendStreams(t, 20, 1)
		stopOther := f.run(t)
		for len(f.handledStreams()) < 20 && time.Since(froze) < time.Minute {
			elapse(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, time.Since(froze), consumer.DefaultLease)
		f.requireEach(t, 20, 1)

		process.goOn()
		f.appendStreams(t, 20, 1)
		elapse(20 * time.Second)
		f.requireEach(t, 20, 2)
		assert.Equal(t, []int{1, 1}, shares(f.owners(t)), "the one that woke up has its share again")
		stop()
		stopOther()
	})
}

// What a process that stood still does first when it goes on is refused, though no event has come meanwhile.
func TestAProcessThatStoodStillCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		process, stop := f.runFreezable(t)
		synctest.Wait()
		at := f.checkpoint(t)
		process.freeze()
		stopOther := f.run(t)
		elapse(consumer.DefaultLease + time.Second)
		late := eventstore.Move{Consumer: id, Epoch: at.Epoch, From: at.Position, To: at.Position + 1}
		require.ErrorIs(t, f.target.Advance(t.Context(), late, nil), eventstore.ErrCheckpointMoved)
		process.goOn()
		stop()
		stopOther()
	})
}

func TestRunGoesOnWhileTheKeeperIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var away atomic.Bool
		f.config.Keeper = keeperWith{Keeper: f.target, fail: func() error {
			if away.Load() {
				return errAway
			}
			return nil
		}}
		stop := f.run(t)
		synctest.Wait()
		away.Store(true)
		f.append(t, "order", 3)
		elapse(5 * time.Second)
		f.requireHandled(t, 3)
		away.Store(false)
		elapse(time.Minute)
		stop()
	})
}

// runHalted runs the fixture's consumer until its partitions stand where they were told to stop, with as many events
// behind them as before, which wait.
func (f *fixture) runHalted(t *testing.T, limit time.Duration) (at eventstore.Position, stop func()) {
	t.Helper()
	f.config.Partitions = 4
	stop = f.run(t)
	f.appendStreams(t, 20, 5)
	elapse(time.Second)
	at, err := f.target.Halt(t.Context(), limit, id)
	require.NoError(t, err)
	f.appendStreams(t, 20, 5)
	elapse(time.Second)
	f.requireEach(t, 20, 5)
	return at, stop
}

func TestPartitionsHaltAndProceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		position, stop := f.runHalted(t, time.Hour)
		checkpoints, err := f.target.Checkpoints(t.Context(), id)
		require.NoError(t, err)
		for _, at := range checkpoints {
			assert.Equal(t, position, at.Position)
		}

		require.NoError(t, f.target.Repartition(t.Context(), id, 7))
		elapse(time.Second)
		f.requireEach(t, 20, 10)
		assert.Equal(t, []int{7}, shares(f.owners(t)))
		stop()
	})
}

// Whoever wanted the partitions to stop has died.
func TestPartitionsProceedByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		_, stop := f.runHalted(t, time.Minute)
		elapse(50 * time.Second)
		f.requireEach(t, 20, 5)
		elapse(11 * time.Second)
		f.requireEach(t, 20, 10)
		stop()
	})
}

func (f *fixture) appendStreams(t *testing.T, streams, events int) {
	t.Helper()
	for range events {
		for stream := range streams {
			f.appendTo(t, "order", fmt.Sprint(stream), 1)
		}
	}
}

// requireEach requires that each of some streams was handled up to a version: each event once, and in order.
func (f *fixture) requireEach(t *testing.T, streams int, version eventstore.Version) {
	t.Helper()
	handled := f.handledStreams()
	require.Len(t, handled, streams)
	for key, versions := range handled {
		var want []eventstore.Version
		for v := range version {
			want = append(want, v+1)
		}
		require.Equal(t, want, versions, "stream %s", key)
	}
}

func (f *fixture) handledStreams() map[string][]eventstore.Version {
	return maps.Collect(f.streams.All())
}
