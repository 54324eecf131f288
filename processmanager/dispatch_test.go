package processmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

var errDown = errors.New("receiver is down")

// TestADeadReceiverHoldsUpItsInstanceOnly is M2 and M4.
func TestADeadReceiverHoldsUpItsInstanceOnly(t *testing.T) {
	p := newPlace(t)
	m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
		if c.Instance == "dead" {
			return errDown
		}
		return p.receive(ctx, c)
	})
	p.append("dead", Placed{Amount: 10})
	for n := range 30 {
		p.append(fmt.Sprint(n), Placed{Amount: 10})
	}
	stop := start(t, m)
	p.await(func() bool {
		for n := range 30 {
			if !p.settled(m, fmt.Sprint(n), 3) {
				return false
			}
		}
		return true
	})
	stop()
	for n := range 30 {
		p.requireFulfilled(fmt.Sprint(n))
	}

	pending := p.pending(m)
	require.Len(t, pending, 1)
	require.Equal(t, "dead", pending[0].Instance)
	require.Positive(t, pending[0].Attempts)
	require.Contains(t, pending[0].Reason, errDown.Error())

	require.NoError(t, p.manager().CatchUp(t.Context()))
	p.requireFulfilled("dead")
}

// TestCommandsOfAnInstanceAreInOrder is M5: a command waits for the one before it.
func TestCommandsOfAnInstanceAreInOrder(t *testing.T) {
	p := newPlace(t)
	failures := 3
	var got []string
	m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
		got = append(got, fmt.Sprintf("%T %d", c.Command, c.Attempt))
		if _, first := c.Command.(Reserve); first && failures > 0 {
			failures--
			return errDown
		}
		return p.receive(ctx, c)
	})
	p.append("1", Placed{Amount: 10})
	for failures > 0 {
		require.ErrorIs(t, m.CatchUp(t.Context()), errDown)
	}
	require.NoError(t, m.CatchUp(t.Context()))
	const test = "processmanager_test."
	require.Equal(t, []string{
		test + "Reserve 1", test + "Reserve 2", test + "Reserve 3", test + "Reserve 4", test + "Charge 1", test + "Ship 1",
	}, got)
	p.requireFulfilled("1")
}

func TestADispatchThatPanicsIsTriedAgain(t *testing.T) {
	p := newPlace(t)
	broken := true
	m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
		if broken {
			panic("no receiver")
		}
		return p.receive(ctx, c)
	})
	p.append("1", Placed{Amount: 10})
	err := m.CatchUp(t.Context())
	require.ErrorContains(t, err, "panic: no receiver")
	require.ErrorContains(t, err, "dispatch_test.go", "the error has the stack")
	broken = false
	require.NoError(t, m.CatchUp(t.Context()))
	p.requireFulfilled("1")
}

func TestFailedCommandsAreTriedAgainWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.PollInterval, opts.MinBackoff, opts.MaxBackoff = time.Millisecond, time.Second, 4*time.Second
		var attempts []time.Time
		done := make(chan struct{})
		m := newShipping(p.store, p.agenda, func(_ context.Context, c command) error {
			attempts = append(attempts, time.Now())
			require.Equal(t, len(attempts), c.Attempt)
			if len(attempts) < 6 {
				return errDown
			}
			defer close(done)
			return nil
		}, opts)
		p.append("1", Paid{})
		stop := start(t, m)
		<-done
		stop()
		for n, seconds := range []int{1, 2, 4, 4, 4} {
			delay, most := attempts[n+1].Sub(attempts[n]), time.Duration(seconds)*time.Second
			require.GreaterOrEqual(t, delay, most/2, "delay %d", n)
			require.LessOrEqual(t, delay, most+opts.PollInterval, "delay %d", n)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.Concurrency = 2
		var mu sync.Mutex
		running, most, total := 0, 0, 0
		m := newShipping(p.store, p.agenda, func(context.Context, command) error {
			mu.Lock()
			running++
			total++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		}, opts)
		for n := range 7 {
			p.append(fmt.Sprint(n), Paid{})
		}
		begin := time.Now()
		stop := start(t, m)
		p.await(func() bool {
			return !slices.ContainsFunc([]int{0, 1, 2, 3, 4, 5, 6}, func(n int) bool {
				return !p.settled(m, fmt.Sprint(n), 1)
			})
		})
		stop()
		require.Equal(t, 2, most)
		require.Equal(t, 7, total)
		require.Less(t, time.Since(begin), 4*time.Second+time.Second/2, "two at a time")
	})
}

// TestStopFinishesWhatIsInHand is the clean stop: the command in hand is recorded, the next one is left to others at
// once.
func TestStopFinishesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		var got []Command
		begun := make(chan struct{})
		m := p.managerWith(p.store, p.agenda, func(ctx context.Context, c command) error {
			got = append(got, c.Command)
			close(begun)
			time.Sleep(time.Second)
			require.NoError(t, ctx.Err(), "the context of a dispatch outlives that of Run")
			return p.receive(ctx, c)
		})
		p.append("1", Placed{Amount: 10})
		stop := start(t, m)
		<-begun
		stop()
		require.Equal(t, []Command{Reserve{Amount: 10}}, got)
		require.Equal(t, []string{"reserve"}, p.types("warehouse", "1"))
		p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 1})

		before := time.Now()
		require.NoError(t, p.manager().CatchUp(t.Context()))
		require.Equal(t, before, time.Now(), "nobody waits for a lease")
		p.requireFulfilled("1")
	})
}

func TestADispatchEndsBeforeItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.DispatchTimeout, opts.DispatchLease = 2*time.Second, 3*time.Second
		m := newShipping(p.store, p.agenda, func(ctx context.Context, _ command) error {
			<-ctx.Done()
			return ctx.Err()
		}, opts)
		p.append("1", Paid{})
		begin := time.Now()
		require.ErrorIs(t, m.CatchUp(t.Context()), context.DeadlineExceeded)
		require.Equal(t, opts.DispatchTimeout, time.Since(begin))
		require.Equal(t, 1, p.pending(m)[0].Attempts)
	})
}

// TestALongQueueIsHandedBack keeps an instance with many slow commands from outliving its lease.
func TestALongQueueIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.DispatchTimeout, opts.DispatchLease = 2*time.Second, 6*time.Second
		claims := 0
		agenda := &claimed{p.agenda, func(eventstore.Duty) { claims++ }}
		m := processmanager.New[int]("shipping", p.store, agenda, commands, func(context.Context, command) error {
			time.Sleep(1500 * time.Millisecond)
			return nil
		}, opts)
		processmanager.On(m, orderEvents, processmanager.ByStream,
			func(int, eventstore.Envelope[OrderEvent]) (int, effects) {
				return 0, send(Ship{}, Ship{}, Ship{}, Ship{}, Ship{}, Ship{})
			})
		p.append("1", Paid{})
		require.NoError(t, m.CatchUp(t.Context()))
		require.Equal(t, 3, claims, "two commands begin in the first two of the six seconds")
		p.requireRecords("1", map[string]int{"decided": 1, "dispatched": 6})
	})
}

// claimed is an agenda that calls a function when tasks have been claimed.
type claimed struct {
	eventstore.Agenda
	then func(duty eventstore.Duty)
}

func (a *claimed) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	tasks, err := a.Agenda.Claim(ctx, process, duty, now, limit, lease)
	if len(tasks) > 0 {
		a.then(duty)
	}
	return tasks, err
}

// TestTheFirstCommandOfALeaseIsDispatched has leases that leave no more time than a dispatch may take.
func TestTheFirstCommandOfALeaseIsDispatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.DispatchTimeout, opts.DispatchLease = time.Second, time.Second+time.Microsecond
		slow := &claimed{p.agenda, func(eventstore.Duty) { time.Sleep(time.Millisecond) }}
		start(t, newShipping(p.store, slow, p.receive, opts))
		p.append("1", Placed{Amount: 10})
		time.Sleep(time.Minute)
		p.requireFulfilled("1")
	})
}

// TestCommandsDoNotWaitForThePoll runs a manager that would poll only in an hour.
func TestCommandsDoNotWaitForThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		opts := options()
		opts.PollInterval = time.Hour
		m := newShipping(p.store, p.agenda, p.receive, opts)
		start(t, m)
		synctest.Wait()
		p.append("1", Placed{Amount: 10})
		p.append("2", Placed{Amount: 10})
		begin := time.Now()
		p.await(func() bool { return p.settled(m, "1", 3) && p.settled(m, "2", 3) })
		require.Equal(t, begin, time.Now())
	})
}

// TestAnAgendaThatFailsIsWaitedOut is a database that is away for a while.
func TestAnAgendaThatFailsIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		agenda := &away{Agenda: p.agenda, until: time.Now().Add(time.Minute)}
		m := p.managerWith(p.store, agenda, p.receive)
		start(t, m)
		p.append("1", Placed{Amount: 10})
		p.await(func() bool { return p.settled(m, "1", 3) })
		p.requireFulfilled("1")
	})
}

// away is an agenda that gives no tasks until a time.
type away struct {
	eventstore.Agenda
	until time.Time
}

func (a *away) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	if time.Now().Before(a.until) {
		return nil, errDown
	}
	return a.Agenda.Claim(ctx, process, duty, now, limit, lease)
}

// TestAPlanThatFailsParksNothing is an agenda that is away when an event has been decided on: not the event's fault.
func TestAPlanThatFailsParksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		agenda := &unplanned{Agenda: p.agenda, until: time.Now().Add(time.Minute)}
		m := p.managerWith(p.store, agenda, p.receive)
		start(t, m)
		p.append("1", Placed{Amount: 10})
		time.Sleep(2 * time.Minute)
		require.Empty(t, p.parked(m))
		p.requireFulfilled("1")
	})
}

// unplanned is an agenda that plans nothing until a time.
type unplanned struct {
	eventstore.Agenda
	until time.Time
}

func (a *unplanned) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	if len(entries) > 0 && time.Now().Before(a.until) {
		return errDown
	}
	return a.Agenda.Plan(ctx, move, entries)
}
