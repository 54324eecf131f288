package projection_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }

// OrderEvent and PaymentEvent are the families of these tests.
type (
	OrderEvent   interface{ order() }
	PaymentEvent interface{ payment() }
)

type ItemAdded struct{ Name string }

func (ItemAdded) order() {}

type CheckedOut struct{ Total int }

func (CheckedOut) order() {}

type Paid struct{ Amount int }

func (Paid) payment() {}

var (
	orderEvents = eventstore.JSON("order", map[string]OrderEvent{
		"order.item-added":  ItemAdded{},
		"order.checked-out": CheckedOut{},
	})
	paymentEvents = eventstore.JSON("payment", map[string]PaymentEvent{
		"payment.paid": Paid{},
	})
)
