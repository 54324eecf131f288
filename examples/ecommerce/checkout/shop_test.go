package checkout_test

import (
	"context"
	"encoding/json"
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
	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that takes a moment, on a machine that has other things to do.
const patience = 30 * time.Second

const orderID = "0b8d5b35-9b8c-4c0e-a0a3-5ff0b8f8c1f2"

var (
	socks  = order.ItemAdded{ItemID: uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0"), Name: "Socks"}
	shorts = order.ItemAdded{ItemID: uuid.MustParse("8151c2fc-6e3c-4285-a1b0-a00c194cd5ac"), Name: "Cargo Shorts"}

	quiet = slog.New(slog.DiscardHandler)
)

// confirmation is the mail for an order with socks.
var confirmation = email.Mail{
	OrderID: orderID,
	Subject: "Your order " + orderID,
	Text:    "Thank you for your order. It comes to 9.99.",
}

// mailService is the mock, with ways to make it fail.
type mailService struct {
	mock  http.Handler
	fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request)]
}

func (s *mailService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if fault := s.fault.Load(); fault != nil {
		(*fault)(w, r)
		return
	}
	s.mock.ServeHTTP(w, r)
}

// fail makes the service answer with a fault. It returns how often it was asked since then.
func (s *mailService) fail(fault http.HandlerFunc) *atomic.Int32 {
	asked := new(atomic.Int32)
	counting := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fault(w, r)
	}
	s.fault.Store(&counting)
	return asked
}

// refuse makes the service refuse all mail.
func (s *mailService) refuse() *atomic.Int32 {
	return s.fail(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) })
}

// takeSilently takes the mail of a request, and says nothing about it.
func (s *mailService) takeSilently(r *http.Request) { s.mock.ServeHTTP(httptest.NewRecorder(), r) }

func (s *mailService) repair() { s.fault.Store(nil) }

// shop has what outlives a process: the orders, what is under way, and the mail service. Its clock can be moved.
type shop struct {
	*testing.T
	ahead  atomic.Int64 // of the time
	store  *memstore.Store
	agenda *memstore.Target
	orders *aggregate.Repository[order.Order, order.Event]
	mails  *mailService
	client *email.Client
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t, mails: &mailService{mock: email.NewMock().Handler(quiet)}}
	server := httptest.NewServer(s.mails)
	t.Cleanup(server.Close)
	s.client = email.NewClient(server.URL, server.Client())
	s.store = memstore.New(&memstore.Options{Now: s.now})
	s.agenda = s.newAgenda()
	s.orders = aggregate.New[order.Order](s.store, order.Events, nil)
	return s
}

func (s *shop) newAgenda() *memstore.Target {
	return memstore.NewTarget(&memstore.TargetOptions{Now: s.now})
}

func (s *shop) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s *shop) wait(d time.Duration) { s.ahead.Add(int64(d)) }

func (s *shop) execute(orderID string, commands ...aggregate.Command[order.Order, order.Event]) {
	s.Helper()
	_, err := s.orders.Execute(s.Context(), orderID, commands...)
	require.NoError(s, err)
}

func (s *shop) add(item order.ItemAdded) {
	s.Helper()
	s.execute(orderID, order.AddItem(item))
}

var checkOut = order.Checkout{Prices: map[uuid.UUID]money.Amount{socks.ItemID: 999, shorts.ItemID: 5000}}

// buy checks out an order with socks.
func (s *shop) buy(orderID string) {
	s.Helper()
	s.execute(orderID, order.AddItem(socks), checkOut)
}

func (s *shop) status(orderID string) order.Status {
	s.Helper()
	loaded, err := s.orders.Load(s.Context(), orderID)
	require.NoError(s, err)
	return loaded.State.Status
}

// sent returns the mails that were sent.
func (s *shop) sent() []email.Mail {
	s.Helper()
	answer := httptest.NewRecorder()
	s.mails.mock.ServeHTTP(answer, httptest.NewRequestWithContext(s.Context(), http.MethodGet, "/v1/email", nil))
	var list struct{ Emails []email.Mail }
	require.NoError(s, json.Unmarshal(answer.Body.Bytes(), &list))
	return list.Emails
}

type manager = processmanager.Manager[checkout.State, checkout.Command]

func options() *processmanager.Options {
	return &processmanager.Options{
		PollInterval: time.Millisecond,
		MinBackoff:   time.Millisecond,
		MaxBackoff:   10 * time.Millisecond,
		Strict:       true,
		Logger:       quiet,
	}
}

// manager returns a manager as a process that starts has it.
func (s *shop) manager() *manager { return s.managerWith(options()) }

func (s *shop) managerWith(opts *processmanager.Options) *manager {
	return checkout.NewManager(s.store, s.agenda, s.client, opts)
}

func (s *shop) catchUp(m *manager) {
	s.Helper()
	require.NoError(s, m.CatchUp(s.Context()))
}

// run runs a manager until the test ends.
func (s *shop) run(m *manager) {
	s.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	s.Cleanup(func() {
		stop()
		assert.NoError(s, <-done)
	})
}

// becomesConfirmed waits until an order is confirmed.
func (s *shop) becomesConfirmed(orderID string) {
	s.Helper()
	require.Eventually(s, func() bool { return s.status(orderID) == order.StatusConfirmed }, patience, time.Millisecond)
}
