package checkout_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

// The process is killed before and after each single step, and another goes on: no mail is lost, and none comes twice.
func TestTheProcessSurvives(t *testing.T) {
	s := newShop(t)
	begin := func() processmanagertest.Setup[checkout.State, checkout.Command] {
		s.mails.mock = email.NewMock().Handler(quiet)
		return processmanagertest.Setup[checkout.State, checkout.Command]{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				return checkout.NewManager(store, agenda, s.client, nil)
			},
			Received: func() any { return s.sent() },
		}
	}
	quick := processmanagertest.Stream(order.Events, orderID)
	late := processmanagertest.Stream(order.Events, uuid.NewString())
	checkedOut := order.CheckedOut{TotalPrice: 999}
	processmanagertest.Survives(t, begin,
		processmanagertest.Together(quick.Event(socks), quick.Event(checkedOut), late.Event(socks)),
		processmanagertest.Elapsed(checkout.RemindAfter/2),
		late.Event(shorts),
		processmanagertest.Elapsed(checkout.RemindAfter),
		late.Event(checkedOut),
	)
}
