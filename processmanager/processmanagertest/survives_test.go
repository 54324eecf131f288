package processmanagertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

type setup = processmanagertest.Setup[State, Command]

// tooMuch is an amount that is refused.
const tooMuch = 1000

// warehouse returns a dispatch that works on a store: the events that it appends have the IDs that are given.
func warehouse(store eventstore.Store, id func(command) uuid.UUID) dispatch {
	return func(ctx context.Context, c command) error {
		stream := eventstore.StreamID{Category: "warehouse", Key: c.Instance}
		event := eventstore.EventData{ID: id(c), Type: fmt.Sprintf("%T", c.Command), Data: []byte("{}")}
		if charge, isCharge := c.Command.(Charge); isCharge {
			if charge.Amount == tooMuch {
				return processmanager.Refuse(errDeclined)
			}
			stream.Category = "bank"
			if charge.Amount%2 == 0 {
				stream.Category, event.Type = "order", "order.paid"
			}
		}
		_, err := store.Append(ctx, eventstore.Write{
			Stream: stream, Expected: eventstore.AnyVersion, Events: []eventstore.EventData{event},
		})
		return err
	}
}

func byID(c command) uuid.UUID { return c.ID }

func atRandom(command) uuid.UUID { return uuid.New() }

var orders = []processmanagertest.Input{
	processmanagertest.Together(
		processmanagertest.Stream(events, "paid").Event(Placed{Amount: 10}),
		processmanagertest.Stream(events, "refused").Event(Placed{Amount: tooMuch}),
	),
	processmanagertest.Stream(events, "unpaid").Event(Placed{Amount: 11}),
	processmanagertest.Elapsed(24 * time.Hour),
}

// shippingBy returns what begins runs of the process with a dispatch of its own.
func shippingBy(newDispatch func(store eventstore.Store) dispatch) func() setup {
	return func() setup {
		return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
			return shippingIn(store, agenda, newDispatch(store))
		}}
	}
}

func TestAProcessThatSurvives(t *testing.T) {
	t.Parallel()
	runs := 0
	begin := shippingBy(func(store eventstore.Store) dispatch { return warehouse(store, byID) })
	processmanagertest.Survives(t, func() setup {
		runs++
		return begin()
	}, orders...)
	require.Greater(t, runs, 300)
}

// TestAProcessThatCounts would tell of each event that is decided on twice.
func TestAProcessThatCounts(t *testing.T) {
	t.Parallel()
	processmanagertest.Survives(t, func() setup {
		return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
			m := newManager(store, agenda, warehouse(store, byID))
			processmanager.On(m, events, processmanager.ByStream,
				func(s State, e eventstore.Envelope[Event]) (State, effects) {
					s.Amount++
					return s, effects{Send: []Command{Ship{}}, Schedule: []processmanager.Timer{timer("tick", e.RecordedAt)}}
				})
			processmanager.OnTimer(m, "tick", func(s State, f processmanager.Fired) (State, effects) {
				s.Reminded++
				if s.Reminded%3 == 0 {
					return s, send(Remind{})
				}
				return s, effects{
					Send:     []Command{Remind{}},
					Schedule: []processmanager.Timer{timer("tick", f.DueAt.Add(time.Hour))},
				}
			})
			return m
		}}
	}, order42.Event(Paid{}), processmanagertest.Elapsed(4*time.Hour), order42.Event(Paid{}), processmanagertest.Elapsed(4*time.Hour))
}

// TestTheOutcomeOfAProcessThatSurvives looks at what is compared.
func TestTheOutcomeOfAProcessThatSurvives(t *testing.T) {
	t.Parallel()
	said := failure(t, func(s *spy) {
		runs := 0
		processmanagertest.Survives(s, func() setup {
			runs++
			if runs < 3 {
				return shippingBy(func(store eventstore.Store) dispatch { return warehouse(store, byID) })()
			}
			return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				m := newManager(store, agenda, nil)
				processmanager.On(m, events, func(eventstore.Envelope[Event]) processmanager.Route {
					return processmanager.Route{}
				}, react)
				return m
			}}
		}, orders...)
	})
	require.Equal(t, `the agenda is lost in the end, and all events come again; then the outcome is another (- undisturbed, + disturbed):
    - stream bank-unpaid: processmanagertest_test.Charge {}
    - stream order-paid: order.paid {}
    - stream warehouse-paid: processmanagertest_test.Reserve {}
    - stream warehouse-paid: processmanagertest_test.Ship {}
    - stream warehouse-refused: processmanagertest_test.Reserve {}
    - stream warehouse-refused: processmanagertest_test.Release {}
    - stream warehouse-unpaid: processmanagertest_test.Reserve {}
    - stream warehouse-unpaid: processmanagertest_test.Remind {}
    - stream warehouse-unpaid: processmanagertest_test.Refund {}
    - stream warehouse-unpaid: processmanagertest_test.Release {}
    - instance paid: completed
    - instance paid: state {"Amount":10,"Reminded":0}
    - instance paid: processmanagertest_test.Reserve {"Amount":10}: dispatched
    - instance paid: processmanagertest_test.Charge {"Amount":10}: dispatched
    - instance paid: processmanagertest_test.Ship {"Address":null}: dispatched
    - instance refused: failed: card was declined
    - instance refused: state {"Amount":1000,"Reminded":0}
    - instance refused: processmanagertest_test.Reserve {"Amount":1000}: dispatched
    - instance refused: processmanagertest_test.Charge {"Amount":1000}: refused
    - instance refused: processmanagertest_test.Release {"Amount":1000}: dispatched
    - instance unpaid: failed: nobody has paid
    - instance unpaid: state {"Amount":11,"Reminded":1}
    - instance unpaid: processmanagertest_test.Reserve {"Amount":11}: dispatched
    - instance unpaid: processmanagertest_test.Charge {"Amount":11}: dispatched
    - instance unpaid: processmanagertest_test.Remind {}: dispatched
    - instance unpaid: processmanagertest_test.Refund {"Amount":11}: dispatched
    - instance unpaid: processmanagertest_test.Release {"Amount":11}: dispatched`, said)
}

// mailbox is a receiver outside of the store.
type mailbox struct {
	seen map[uuid.UUID]bool
	got  []string
}

func (m *mailbox) send(id uuid.UUID, text string) {
	if m.seen[id] {
		return
	}
	if id != uuid.Nil {
		m.seen[id] = true
	}
	m.got = append(m.got, text)
}

// mailing begins runs in which a mailbox gets all commands. NewSend is called by each process.
func mailing(newSend func(m *mailbox) func(command)) func() setup {
	return func() setup {
		m := &mailbox{seen: make(map[uuid.UUID]bool)}
		return setup{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				send := newSend(m)
				return shippingIn(store, agenda, func(_ context.Context, c command) error {
					send(c)
					return nil
				})
			},
			Received: func() any { return m.got },
		}
	}
}

func mailByID(m *mailbox) func(command) {
	return func(c command) { m.send(c.ID, fmt.Sprintf("%T", c.Command)) }
}

func TestAReceiverOutsideOfTheStore(t *testing.T) {
	t.Parallel()
	processmanagertest.Survives(t, mailing(mailByID), orders...)
}

// TestProcessesThatDoNotSurvive is what the harness is for.
func TestProcessesThatDoNotSurvive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func() setup
		says  []string
	}{
		"events with other IDs each time": {
			shippingBy(func(store eventstore.Store) dispatch { return warehouse(store, atRandom) }),
			[]string{
				`the process crashes right after dispatch of processmanagertest_test.Reserve, instance "paid"; ` +
					"then the outcome is another",
				"\n    + stream warehouse-paid: processmanagertest_test.Reserve {}",
			},
		},
		"no idempotency key": {
			mailing(func(m *mailbox) func(command) {
				return func(c command) { m.send(uuid.Nil, fmt.Sprintf("%T", c.Command)) }
			}),
			[]string{
				`right after dispatch of processmanagertest_test.Reserve, instance "paid"; then the outcome is another`,
				"\n    + received: processmanagertest_test.Reserve",
			},
		},
		"memory": {
			mailing(func(m *mailbox) func(command) {
				seen := make(map[uuid.UUID]bool)
				return func(c command) {
					if !seen[c.ID] {
						m.send(uuid.Nil, fmt.Sprintf("%T", c.Command))
					}
					seen[c.ID] = true
				}
			}),
			[]string{"the process crashes right after dispatch of", "+ received: processmanagertest_test.Reserve"},
		},
		"every error is a refusal": {
			shippingBy(func(store eventstore.Store) dispatch {
				d := warehouse(store, byID)
				return func(ctx context.Context, c command) error { return processmanager.Refuse(d(ctx, c)) }
			}),
			[]string{
				"the process cannot know of its append, which was not made: ", `Store.Append to "warehouse-paid"; then`,
				"\n    - stream warehouse-paid: processmanagertest_test.Reserve {}", `Reserve {"Amount":10}: refused`,
			},
		},
		"an impure reaction": {
			func() setup {
				return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
					m := newManager(store, agenda, nil)
					processmanager.On(m, events, processmanager.ByStream,
						func(s State, _ eventstore.Envelope[Event]) (State, effects) {
							return s, send(Ship{Address: []string{uuid.NewString()}})
						})
					return m
				}}
			},
			[]string{"undisturbed: input 0: ", "the reaction is not pure"},
		},
		"a reaction that knows how often the process has started": {
			func() setup {
				processes := 0
				return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
					processes++
					m := newManager(store, agenda, nil)
					processmanager.On(m, events, processmanager.ByStream,
						func(State, eventstore.Envelope[Event]) (State, effects) { return State{Amount: processes}, effects{} })
					return m
				}}
			},
			[]string{`right before Agenda.Define; then`, `+ instance paid: state {"Amount":2,"Reminded":0}`},
		},
		"receivers that are those of all runs": {
			func() func() setup {
				m := &mailbox{seen: make(map[uuid.UUID]bool)}
				return func() setup {
					s := mailing(func(*mailbox) func(command) {
						return func(c command) { m.send(uuid.New(), fmt.Sprintf("%T", c.Command)) }
					})()
					s.Received = func() any { return m.got }
					return s
				}
			}(),
			[]string{"undisturbed: a second run has another outcome"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := failure(t, func(s *spy) { processmanagertest.Survives(s, c.begin, orders...) })
			for _, part := range c.says {
				require.Contains(t, said, part)
			}
		})
	}
}

// TestAReceiverThatIsDownForAWhile holds that errors of dispatch are not those of the process.
func TestAReceiverThatIsDownForAWhile(t *testing.T) {
	t.Parallel()
	processmanagertest.Survives(t, func() setup {
		m, calls := &mailbox{seen: make(map[uuid.UUID]bool)}, 0
		return setup{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				return shippingIn(store, agenda, func(_ context.Context, c command) error {
					calls++
					if calls%3 != 0 {
						return errDown
					}
					mailByID(m)(c)
					return nil
				})
			},
			Received: func() any { return m.got },
		}
	}, orders[1:]...)
}

var errDown = errors.New("the receiver is down")

// TestAReceiverThatIsDownForGood parks instances, which is an outcome too.
func TestAReceiverThatIsDownForGood(t *testing.T) {
	t.Parallel()
	processmanagertest.Survives(t, shippingBy(func(eventstore.Store) dispatch {
		return func(context.Context, command) error { return errDown }
	}), processmanagertest.Stream(events, "42").Event(Placed{}))
}

func TestAnOutcomeOfOnesOwn(t *testing.T) {
	t.Parallel()
	begin := shippingBy(func(store eventstore.Store) dispatch { return warehouse(store, atRandom) })
	processmanagertest.Survives(t, func() setup {
		s := begin()
		s.Outcome = func(ctx context.Context, store eventstore.Store) (any, error) {
			_, err := store.Head(ctx)
			return "whatever comes", err
		}
		return s
	}, processmanagertest.Stream(events, "42").Event(Placed{Amount: 11}), processmanagertest.TimerFired("deadline"))
}

func TestWhatCannotSurvive(t *testing.T) {
	t.Parallel()
	begin := shippingBy(func(store eventstore.Store) dispatch { return warehouse(store, byID) })
	for want, inputs := range map[string][]processmanagertest.Input{
		"no instance begins":           {processmanagertest.Elapsed(time.Hour)},
		"input 1: what becomes of a c": {orders[1], processmanagertest.Dispatched(Charge{})},
		"input 0: only events can com": {processmanagertest.Together(orders[2])},
		`input 1: timer "x" is not se`: {orders[1], processmanagertest.TimerFired("x")},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			said := failure(t, func(s *spy) { processmanagertest.Survives(s, begin, inputs...) })
			require.Contains(t, said, "undisturbed: "+want)
		})
	}
}

// TestAProcessThatNeverRests sends a command on an event that the command brings about.
func TestAProcessThatNeverRests(t *testing.T) {
	t.Parallel()
	said := failure(t, func(s *spy) {
		processmanagertest.Survives(s, func() setup {
			return setup{Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				m := newManager(store, agenda, warehouse(store, byID))
				processmanager.On(m, events, processmanager.ByStream,
					func(s State, _ eventstore.Envelope[Event]) (State, effects) { return s, send(Charge{Amount: 10}) })
				return m
			}}
		}, orders[1])
	})
	require.Contains(t, said, "undisturbed: input 0: ")
	require.Contains(t, said, "does not come to rest")
}

// TestIDsAndTimesDoNotCount appends events whose data is another in each run.
func TestIDsAndTimesDoNotCount(t *testing.T) {
	t.Parallel()
	processmanagertest.Survives(t, shippingBy(func(store eventstore.Store) dispatch {
		return func(ctx context.Context, c command) error {
			log := eventstore.StreamID{Category: "log", Key: fmt.Sprintf("%T", c.Command)}
			for _, err := range store.ReadStream(ctx, log, eventstore.ReadOptions{}) {
				return err // it was dispatched before
			}
			data := fmt.Appendf(nil, `{"id": %q, "at": [%q]}`, uuid.New(), time.Now().Format(time.RFC3339Nano))
			_, err := store.Append(ctx, eventstore.Write{
				Stream: log, Expected: eventstore.NoStream, Events: []eventstore.EventData{{Type: "logged", Data: data}},
			})
			return err
		}
	}), processmanagertest.Stream(events, "42").Event(Placed{Amount: 11}))
}
