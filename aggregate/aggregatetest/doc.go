// Package aggregatetest tests the decisions of an aggregate in its own words: given these events, when these commands
// are executed, then those events are recorded, or that error is returned.
//
//	func TestCheckout(t *testing.T) {
//		orders := aggregatetest.For[order.Order](t, order.Events)
//
//		orders.Given(order.ItemAdded{Name: "Socks"}).
//			When(order.Checkout{}).
//			Then(order.CheckedOut{Items: 1})
//
//		orders.Given().
//			When(order.Checkout{}).
//			ThenError(order.ErrEmpty)
//	}
//
// The commands are executed as they are by a repository of package aggregate, on a stream of their own that only the
// test knows. Events are compared as they are stored: by type, schema version, content type and data.
//
// Every event goes through the codec, the given and the expected ones too. One that is another when it is read back,
// because a field is not exported perhaps, ends the test. It may lose what means nothing to most domains: the monotonic
// reading of a time and the name of its zone, and the difference between nil and empty.
//
// # Whatever comes
//
// A scenario tests what somebody has thought of. [Scenario.Holds] takes commands that a generator draws, and checks after
// each that an invariant holds, that Decide and Evolve are pure, and with [Scenario.Kept] that the state survives as a
// snapshot. Its [TB] may be the T of package pgregory.net/rapid, which shrinks a failure to the few commands that it
// takes:
//
//	rapid.Check(t, func(t *rapid.T) {
//		commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
//		aggregatetest.For[order.Order](t, order.Events).Given().Holds(consistent, commands...)
//	})
//
// # Events that were forgotten
//
// The compiler does not see that a type was added to a family and Evolve has no case for it. [Scenario.Exhaustive] does:
//
//	orders.Given().Exhaustive(order.ReminderSent{}) // which Evolve ignores
//
// # Events that were stored long ago
//
// What is stored never changes, while the program does. [Aggregate.Golden] keeps one stored event of each type and schema
// version in a directory that is committed with the program, and proves that today's code reads and folds them all, and
// that nobody has changed a stored form without a new schema version. Means says what old ones mean today, and Folds
// notices that Evolve has changed its mind although there may be snapshots:
//
//	orders.Golden("testdata/golden", order.ItemAdded{Name: "Socks"}).
//		Means("order.item-added.v1.json", order.ItemAdded{Name: "Shorts", Currency: "EUR"}).
//		Folds(1)
package aggregatetest
