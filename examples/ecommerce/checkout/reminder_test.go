package checkout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
)

var reminder = email.Mail{
	OrderID: orderID,
	Subject: "Your order is waiting",
	Text:    "You have not checked out your order yet. We keep it for you.",
}

func TestAnOrderThatIsLeftAloneIsRemindedOfOnce(t *testing.T) {
	s := newShop(t)
	m := s.manager()
	s.add(socks)
	s.catchUp(m)
	s.wait(checkout.RemindAfter - time.Hour)
	s.add(shorts)
	s.catchUp(m)
	s.wait(checkout.RemindAfter - time.Hour)
	s.catchUp(m)
	assert.Empty(t, s.sent(), "the second item has moved the timer")

	s.wait(2 * time.Hour)
	s.catchUp(s.manager()) // in another process
	assert.Equal(t, []email.Mail{reminder}, s.sent())

	s.add(order.ItemAdded{Name: "Hat"})
	s.catchUp(m)
	s.wait(10 * checkout.RemindAfter)
	s.catchUp(m)
	assert.Len(t, s.sent(), 1)
}

func TestACheckedOutOrderIsNotRemindedOf(t *testing.T) {
	s := newShop(t)
	m := s.manager()
	s.add(socks)
	s.catchUp(m)
	s.wait(checkout.RemindAfter - time.Hour)
	s.mails.refuse() // so that the process is not complete
	s.execute(orderID, checkOut)
	require.Error(t, m.CatchUp(t.Context()))
	s.wait(2 * time.Hour)
	s.mails.repair()
	s.catchUp(m)
	assert.Equal(t, []email.Mail{confirmation}, s.sent())
}

// The order is checked out while the reminder is on its way.
func TestAReminderThatComesTooLateIsNotSent(t *testing.T) {
	s := newShop(t)
	m := s.manager()
	s.add(socks)
	s.catchUp(m)
	s.mails.refuse()
	s.wait(checkout.RemindAfter)
	require.ErrorContains(t, m.CatchUp(t.Context()), "422 Unprocessable Entity")

	s.mails.repair()
	s.execute(orderID, checkOut)
	s.catchUp(m)
	assert.Equal(t, []email.Mail{confirmation}, s.sent())
	assert.Equal(t, order.StatusConfirmed, s.status(orderID))
}

// A reminder that cannot be sent is given up, rather than held against the checkout that may come.
func TestAReminderThatCannotBeSentHoldsUpNothing(t *testing.T) {
	s := newShop(t)
	m := s.manager()
	s.add(socks)
	s.catchUp(m)
	s.mails.refuse()
	s.wait(checkout.RemindAfter)
	for m.CatchUp(t.Context()) != nil {
		require.NoError(t, t.Context().Err())
	}
	parked, err := m.Parked(t.Context())
	require.NoError(t, err)
	assert.Empty(t, parked)

	s.mails.repair()
	s.execute(orderID, checkOut)
	s.catchUp(m)
	assert.Equal(t, []email.Mail{confirmation}, s.sent())
	assert.Equal(t, order.StatusConfirmed, s.status(orderID))
}
