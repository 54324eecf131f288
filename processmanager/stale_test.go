package processmanager_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// TestAnInstanceThatIsOutOfDateParksNothing is a process that remembers an instance with which another has gone on.
func TestAnInstanceThatIsOutOfDateParksNothing(t *testing.T) {
	p := newPlace(t)
	react := func(s Shipping, e envelope) (Shipping, effects) {
		if _, isViewed := e.Event.(Viewed); !isViewed {
			next, _ := reactToOrder(s, e)
			return next, effects{}
		}
		if len(s.Steps) < 2 {
			panic("viewed before it was paid")
		}
		return s, send(Ship{})
	}
	one := p.reacting(options(), processmanager.ByStream, react)
	other := p.reacting(options(), processmanager.ByStream, react)
	p.append("1", Placed{})
	require.NoError(t, one.CatchUp(t.Context()))
	p.append("1", Paid{})
	require.NoError(t, other.CatchUp(t.Context()))
	p.append("1", Viewed{})
	require.NoError(t, one.CatchUp(t.Context()))
	require.Empty(t, p.parked(one))
	require.Equal(t, []string{"ship"}, p.types("warehouse", "1"))
}

// TestASecondStartIsIgnoredThoughItsReactionFails holds that the reaction to what starts an instance, which is
// tried on an empty one, proves nothing where there is an instance.
func TestASecondStartIsIgnoredThoughItsReactionFails(t *testing.T) {
	p := newPlace(t)
	define := func() *manager {
		return p.reacting(options(), func(e envelope) processmanager.Route {
			return processmanager.Start(e.Stream.Key)
		}, func(s Shipping, e envelope) (Shipping, effects) {
			if e.Event.(Placed).Amount == 0 {
				panic("placed without an amount")
			}
			return s, effects{}
		})
	}
	p.append("1", Placed{Amount: 1})
	require.NoError(t, define().CatchUp(t.Context()))
	p.append("1", Placed{})
	m := define()
	require.NoError(t, m.CatchUp(t.Context()))
	require.Empty(t, p.parked(m))
	p.requireRecords("1", map[string]int{"decided": 1, "ignored": 1})
}

// TestAnEventReachesTheVersionByWhichItsInstanceGoesOn is a process that has seen the instance last when it was of
// a version that did not listen to the event.
func TestAnEventReachesTheVersionByWhichItsInstanceGoesOn(t *testing.T) {
	p := newPlace(t)
	type Returned struct{}
	returns := eventstore.JSON("return", map[string]Returned{"return.made": {}})
	note := func(s Shipping, e envelope) (Shipping, effects) {
		next, _ := reactToOrder(s, e)
		return next, effects{}
	}
	define := func(version int) *manager {
		opts := options()
		opts.Version = version
		m := p.reacting(opts, processmanager.ByStream, note)
		if version == 2 {
			processmanager.On(m, returns, processmanager.ByStream,
				func(s Shipping, _ eventstore.Envelope[Returned]) (Shipping, effects) {
					s.Steps = append(s.Steps, "returned")
					return s, effects{}
				})
		}
		return m
	}
	p.append("1", Placed{})
	require.NoError(t, define(1).CatchUp(t.Context()))

	letting := define(2)
	processmanager.On(processmanager.Former[Shipping](letting, 1), orderEvents, processmanager.ByStream, note)
	p.append("1", Viewed{})
	require.NoError(t, letting.CatchUp(t.Context()))

	migrating := define(2)
	processmanager.Migrate(migrating, 1, func(old Shipping) (Shipping, error) { return old, nil })
	p.append("1", Paid{})
	require.Equal(t, []string{"placed", "paid"}, p.steps(migrating, "1"))

	data, err := returns.Encode(Returned{})
	require.NoError(t, err)
	_, err = p.store.Append(t.Context(), eventstore.Write{
		Stream: eventstore.StreamID{Category: "return", Key: "1"}, Events: []eventstore.EventData{data},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"placed", "paid", "returned"}, p.steps(letting, "1"))
}

// TestNoEventOvertakesOneThatWasParked is a process that has passed over an event as its instance was parked.
// Another one retries what is parked, up to the checkpoint only. So the first must not decide on what comes next.
func TestNoEventOvertakesOneThatWasParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, broken := newPlace(t), true
		define := func(store eventstore.Store) *manager {
			q := *p
			q.store = store
			return q.reacting(options(), processmanager.ByStream, func(s Shipping, e envelope) (Shipping, effects) {
				switch e.Event.(type) {
				case Placed:
					if broken {
						panic("a bug")
					}
					s.Steps = append(s.Steps, "placed")
				case Viewed:
					s.Steps = append(s.Steps, "viewed")
				default:
					s.Steps = append(s.Steps, "paid")
				}
				return s, effects{}
			})
		}
		m := define(p.store)
		p.append("1", Placed{})
		require.NoError(t, m.CatchUp(t.Context()))
		require.Len(t, p.parked(m), 1)
		p.append("2", Viewed{})
		p.append("1", Viewed{})
		p.append("1", Paid{})

		retry := func() {
			broken = false
			require.NoError(t, m.Retry(t.Context(), "1"))
			stop := start(t, define(&gated{Store: p.store}))
			p.awaitParked(m, func(parked []processmanager.Parked) bool { return len(parked) == 0 })
			stop()
		}
		require.NoError(t, define(&stepwise{Store: p.store, beforePaid: sync.OnceFunc(retry)}).CatchUp(t.Context()))
		require.Equal(t, []string{"placed", "viewed", "paid"}, p.steps(m, "1"))
	})
}

// stepwise is a store whose subscriptions hand on one event at a time, when the one before has been handled.
type stepwise struct {
	eventstore.Store
	beforePaid func()
}

func (s *stepwise) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		for event, err := range s.ReadAll(ctx, after, filter) {
			synctest.Wait()
			if event.Type == "order.paid" {
				s.beforePaid()
			}
			batch := eventstore.Batch{Events: []eventstore.RecordedEvent{event}, Through: event.Position}
			if !yield(batch, err) || err != nil {
				return
			}
		}
		<-ctx.Done()
		yield(eventstore.Batch{}, ctx.Err())
	}
}
