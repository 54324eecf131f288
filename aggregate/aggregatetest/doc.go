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
package aggregatetest
