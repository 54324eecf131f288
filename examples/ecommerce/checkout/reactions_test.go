package checkout_test

import (
	"errors"
	"testing"
	"time"

	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

type effects = processmanager.Effects[checkout.Command]

func TestReactions(t *testing.T) {
	manager := checkout.NewManager(memstore.New(nil), memstore.NewTarget(nil), nil, nil)
	stream := processmanagertest.Stream(order.Events, orderID)
	morning := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC)
	tomorrow := processmanager.Timer{Name: "reminder", DueAt: morning.Add(checkout.RemindAfter)}
	added, checkedOut := stream.Event(socks), stream.Event(order.CheckedOut{TotalPrice: 999})
	toDo := []checkout.Command{checkout.SendMail{TotalPrice: 999}, checkout.ConfirmOrder{}}
	remind := effects{Send: []checkout.Command{checkout.Remind{}}}

	processmanagertest.Given(t, manager).When(added.At(morning)).ThenTimers(tomorrow)
	// Each item moves the timer.
	processmanagertest.Given(t, manager, added.At(morning.Add(-time.Hour))).
		When(stream.Event(shorts).At(morning)).
		ThenTimers(tomorrow)
	processmanagertest.Given(t, manager, added).When(processmanagertest.Elapsed(checkout.RemindAfter)).Then(remind)
	processmanagertest.Given(t, manager, added).
		When(processmanagertest.Elapsed(checkout.RemindAfter - time.Second)).
		ThenIgnored()
	// One reminder is enough.
	processmanagertest.Given(t, manager, added, processmanagertest.TimerFired("reminder")).
		When(stream.Event(shorts)).
		ThenTimers().
		ThenState(checkout.State{Reminded: true})

	processmanagertest.Given(t, manager, added).
		When(checkedOut).
		Then(effects{Cancel: []string{"reminder"}, Send: toDo}).
		ThenTimers()
	processmanagertest.Given(t, manager, added, processmanagertest.TimerFired("reminder"),
		processmanagertest.Refused(checkout.Remind{}, errors.New("no such address"))).
		When(checkedOut).
		Then(effects{Cancel: []string{"reminder"}, Send: toDo})
	processmanagertest.Given(t, manager, added, checkedOut).
		When(stream.Event(order.Confirmed{})).
		Then(effects{Complete: true})
}
