package checkout_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	orderID = uuid.MustParse("0b8d5b35-9b8c-4c0e-a0a3-5ff0b8f8c1f2")
	socks   = order.ItemAdded{ItemID: uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0"), Name: "Socks"}
)

type effects = processmanager.Effects[checkout.Command]

func TestReactions(t *testing.T) {
	manager := checkout.NewManager(memstore.New(nil), memstore.NewTarget(nil), nil, nil)
	stream := processmanagertest.Stream(order.Events, orderID.String())
	checkedOut := stream.Event(order.CheckedOut{TotalPrice: 999})

	processmanagertest.Given(t, manager).When(stream.Event(socks)).ThenIgnored()

	processmanagertest.Given(t, manager).When(checkedOut).Then(effects{Send: []checkout.Command{
		checkout.SendMail{OrderID: orderID, TotalPrice: 999},
		checkout.ConfirmOrder{OrderID: orderID},
	}})

	processmanagertest.Given(t, manager, checkedOut).
		When(stream.Event(order.Confirmed{})).
		Then(effects{Complete: true})
}

// mailService is a mail service that takes mail, but loses the first acknowledgements.
type mailService struct {
	mock     http.Handler
	lost     atomic.Int32 // acknowledgements yet to be lost
	requests atomic.Int32
}

func (s *mailService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if s.lost.Add(-1) < 0 {
		s.mock.ServeHTTP(w, r)
		return
	}
	s.mock.ServeHTTP(httptest.NewRecorder(), r)
	w.WriteHeader(http.StatusBadGateway)
}

func (s *mailService) sent(t *testing.T) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.mock.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/email", nil))
	return answer.Body.String()
}

// shop is a store with a checked-out order, and the process that follows.
type shop struct {
	store  *memstore.Store
	orders *aggregate.Repository[order.Order, order.Event]
	mails  *mailService
	client *email.Client
	agenda *memstore.Target
}

func newShop(t *testing.T) *shop {
	t.Helper()
	mails := &mailService{mock: email.NewMock().Handler(quiet)}
	server := httptest.NewServer(mails)
	t.Cleanup(server.Close)
	store := memstore.New(nil)
	s := &shop{
		store:  store,
		orders: aggregate.New[order.Order](store, order.Events, nil),
		mails:  mails,
		client: email.NewClient(server.URL, server.Client()),
		agenda: memstore.NewTarget(nil),
	}
	_, err := s.orders.Execute(t.Context(), orderID.String(), order.AddItem(socks),
		order.Checkout{Prices: map[uuid.UUID]money.Amount{socks.ItemID: 999}})
	require.NoError(t, err)
	return s
}

func (s *shop) manager() *processmanager.Manager[checkout.State, checkout.Command] {
	return checkout.NewManager(s.store, s.agenda, s.client,
		&processmanager.Options{MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond, Logger: quiet})
}

func (s *shop) status(t *testing.T) order.Status {
	t.Helper()
	loaded, err := s.orders.Load(t.Context(), orderID.String())
	require.NoError(t, err)
	return loaded.State.Status
}

var quiet = slog.New(slog.DiscardHandler)

func TestACheckoutIsMailedAndConfirmed(t *testing.T) {
	s := newShop(t)
	require.NoError(t, s.manager().CatchUp(t.Context()))
	assert.Equal(t, order.StatusConfirmed, s.status(t))
	assert.JSONEq(t, `{"emails": [{
		"orderId": "0b8d5b35-9b8c-4c0e-a0a3-5ff0b8f8c1f2",
		"subject": "Your order 0b8d5b35-9b8c-4c0e-a0a3-5ff0b8f8c1f2",
		"text": "Thank you for your order. It comes to 9.99."
	}]}`, s.mails.sent(t))
}

func TestAMailWhoseAcknowledgementIsLostGoesOutOnce(t *testing.T) {
	s := newShop(t)
	s.mails.lost.Store(2)
	manager := s.manager()
	for range 2 {
		require.ErrorContains(t, manager.CatchUp(t.Context()), "502 Bad Gateway")
		assert.Equal(t, order.StatusCheckedOut, s.status(t), "no confirmation before the mail")
	}
	require.NoError(t, manager.CatchUp(t.Context()))
	assert.Equal(t, order.StatusConfirmed, s.status(t))
	assert.Contains(t, s.mails.sent(t), `"emails":[{`)
	assert.NotContains(t, s.mails.sent(t), `},{`)
	assert.EqualValues(t, 3, s.mails.requests.Load())
}

// A process that has lost its checkpoint and its tasks meets the same events again.
func TestNothingHappensTwice(t *testing.T) {
	s := newShop(t)
	require.NoError(t, s.manager().CatchUp(t.Context()))
	head, err := s.store.Head(t.Context())
	require.NoError(t, err)

	s.agenda = memstore.NewTarget(nil)
	require.NoError(t, s.manager().CatchUp(t.Context()))

	again, err := s.store.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, head, again, "nothing was recorded")
	assert.EqualValues(t, 1, s.mails.requests.Load())
}

func TestStreamsThatAreNotOrders(t *testing.T) {
	stray := eventstore.StreamID{Category: "order", Key: "42"}
	data, err := order.Events.Encode(order.CheckedOut{})
	require.NoError(t, err)
	store := memstore.New(nil)
	_, err = store.Append(t.Context(), eventstore.Write{Stream: stray, Events: []eventstore.EventData{data}})
	require.NoError(t, err)
	manager := checkout.NewManager(store, memstore.NewTarget(nil), nil, &processmanager.Options{Logger: quiet})
	require.ErrorContains(t, manager.CatchUp(t.Context()), "42")
}
