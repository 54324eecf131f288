// Package processmanagertest tests what a process decides in its own words: given these events, when that event comes,
// then the process sends those commands.
//
//	func TestPayment(t *testing.T) {
//		order42 := processmanagertest.Stream(order.Events, "42")
//		placed := order42.Event(order.Placed{Amount: 10})
//		charge := shipping.Charge{Amount: 10}
//
//		processmanagertest.Given(t, manager).
//			When(placed).
//			Then(processmanager.Effects[shipping.Command]{Send: []shipping.Command{charge}})
//
//		processmanagertest.Given(t, manager, placed).
//			When(processmanagertest.Refused(charge, payment.ErrDeclined)).
//			Then(processmanager.Effects[shipping.Command]{Complete: true})
//	}
//
// The manager is the one that runs in production, made by [processmanager.New]. Only its reactions are called: nothing
// is read or written, no command is dispatched, so its store and agenda may be nil, and its dispatch may do nothing.
//
// Events, states and commands go through their codecs as they do on their way to the store and back: a field that is
// lost there is missing in the test too. Each reaction is called twice, and the test fails when the two results differ,
// since a reaction must be pure.
package processmanagertest
