package checkout_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/processmanager"
)

func TestACheckoutIsMailedAndConfirmed(t *testing.T) {
	s := newShop(t)
	s.buy(orderID)
	m := s.manager()
	s.catchUp(m)
	assert.Equal(t, order.StatusConfirmed, s.status(orderID))
	assert.Equal(t, []email.Mail{confirmation}, s.sent())

	instance, err := m.Instance(t.Context(), orderID)
	require.NoError(t, err)
	assert.Equal(t, processmanager.StatusCompleted, instance.Status)
}

// The confirmation can be walked to the request that has checked out the order.
func TestWhyAnOrderWasConfirmed(t *testing.T) {
	s := newShop(t)
	s.add(socks)
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{CorrelationID: "request-7"})
	_, err := s.orders.Execute(ctx, orderID, checkOut)
	require.NoError(t, err)
	s.catchUp(s.manager())

	stream := eventstore.StreamID{Category: order.Events.Category(), Key: orderID}
	last := eventstore.ReadOptions{Backwards: true, Limit: 1}
	for confirmed, err := range s.store.ReadStream(t.Context(), stream, last) {
		require.NoError(t, err)
		chain := []string{confirmed.Type}
		for cause, err := range eventstore.Causes(t.Context(), s.store, confirmed) {
			require.NoError(t, err)
			assert.Equal(t, "request-7", cause.Metadata.CorrelationID)
			chain = append(chain, cause.Type)
		}
		assert.Equal(t, []string{"order.confirmed", "$pm.decided", "order.checked-out"}, chain)
	}
}

// Whatever is wrong with the mail service, there is no confirmation before the mail, which goes out once.
func TestTheMailServiceFailsForAWhile(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(s *shop) http.HandlerFunc{
		"it is down": func(*shop) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		},
		"it is overloaded": func(*shop) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		},
		"it takes the mail, and the answer is lost": func(s *shop) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				s.mails.takeSilently(r)
				w.WriteHeader(http.StatusBadGateway)
			}
		},
		"it takes the mail, and too long": func(s *shop) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) {
				s.mails.takeSilently(r)
				<-r.Context().Done()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			asked := s.mails.fail(fault(s))
			s.buy(orderID)
			opts := options()
			opts.Attempts, opts.DispatchTimeout = math.MaxInt, 100*time.Millisecond
			s.run(s.managerWith(opts))
			require.Eventually(t, func() bool { return asked.Load() >= 3 }, patience, time.Millisecond)
			assert.Equal(t, order.StatusCheckedOut, s.status(orderID))

			s.mails.repair()
			s.becomesConfirmed(orderID)
			assert.Equal(t, []email.Mail{confirmation}, s.sent())
		})
	}
}

// refuseForGood returns a shop with an order whose mail was refused too often, and the manager that has tried.
func refuseForGood(t *testing.T) (s *shop, m *manager) {
	t.Helper()
	s = newShop(t)
	s.buy(orderID)
	opts := options()
	opts.Attempts = 3
	m = s.managerWith(opts)
	asked := s.mails.refuse()
	for range opts.Attempts {
		require.ErrorContains(t, m.CatchUp(t.Context()), "422 Unprocessable Entity")
	}
	s.catchUp(m)
	require.EqualValues(t, opts.Attempts, asked.Load())
	return s, m
}

// What the mail service will never take is for people to see to. They see the order, and have it tried again.
func TestTheMailServiceRefusesForGood(t *testing.T) {
	s, m := refuseForGood(t)
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	require.Len(t, parked, 1)
	assert.Equal(t, orderID, parked[0].Instance)
	assert.Equal(t, 3, parked[0].Attempts)
	assert.Contains(t, parked[0].Reason, "422 Unprocessable Entity")

	s.mails.repair()
	other := uuid.NewString()
	s.buy(other)
	s.catchUp(m)
	assert.Equal(t, order.StatusConfirmed, s.status(other), "one order does not hold up another")
	assert.Equal(t, order.StatusCheckedOut, s.status(orderID), "it waits for somebody")

	require.NoError(t, s.manager().Retry(t.Context(), orderID), "any process can do that")
	s.catchUp(m)
	assert.Equal(t, order.StatusConfirmed, s.status(orderID))
	assert.Len(t, s.sent(), 2)
	parked, err = m.Parked(t.Context())
	require.NoError(t, err)
	assert.Empty(t, parked)
	require.ErrorIs(t, m.Retry(t.Context(), orderID), eventstore.ErrNotParked)
}

func TestAMailThatIsGivenUp(t *testing.T) {
	s, m := refuseForGood(t)
	require.NoError(t, m.Skip(t.Context(), orderID, "the customer has no mail address"))
	s.catchUp(m)
	assert.Equal(t, order.StatusConfirmed, s.status(orderID))
	assert.Empty(t, s.sent())
}

// A process that has lost its checkpoint and its tasks meets the same events again.
func TestNothingHappensTwice(t *testing.T) {
	s := newShop(t)
	s.buy(orderID)
	s.catchUp(s.manager())
	head, err := s.store.Head(t.Context())
	require.NoError(t, err)

	s.agenda = s.newAgenda()
	s.catchUp(s.manager())

	again, err := s.store.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, head, again, "nothing was recorded")
	assert.Len(t, s.sent(), 1)
}

// Copies share out the orders, and none is mailed or confirmed by two of them.
func TestSeveralCopiesAtOnce(t *testing.T) {
	s := newShop(t)
	for range 3 {
		s.run(s.manager())
	}
	want := make([]string, 30)
	for i := range want {
		want[i] = uuid.NewString()
		s.buy(want[i])
	}
	mailed := make([]string, 0, len(want))
	for _, id := range want {
		s.becomesConfirmed(id)
	}
	for _, mail := range s.sent() {
		mailed = append(mailed, mail.OrderID)
	}
	assert.ElementsMatch(t, want, mailed)
}
