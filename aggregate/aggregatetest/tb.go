package aggregatetest

import "context"

// TB is as much of a test as this package needs. *[testing.T] is one, and so is the T of package pgregory.net/rapid, so
// that scenarios can be played inside of properties.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	// Fatalf ends the test.
	Fatalf(format string, args ...any)
	Context() context.Context
}
