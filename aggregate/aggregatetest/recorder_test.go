package aggregatetest_test

import (
	"fmt"
	"regexp"
	"runtime"
	"testing"

	"github.com/pasttense/pasttense/aggregate/aggregatetest"
)

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	failures []string
	ended    bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.ended = true
	runtime.Goexit()
}

// lineNumber is what changes in a message when its test is moved.
var lineNumber = regexp.MustCompile(`go:\d+\)`)

// failuresOf runs a test of orders and returns how it failed, and whether it was ended by that.
func failuresOf(
	t *testing.T, test func(orders *aggregatetest.Aggregate[Order, Event]),
) (failures []string, ended bool) {
	t.Helper()
	return failuresIn(t, func(t aggregatetest.TB) { test(aggregatetest.For[Order](t, Events)) })
}

// failuresIn runs a test and returns how it failed, and whether it was ended by that.
func failuresIn(t *testing.T, test func(t aggregatetest.TB)) (failures []string, ended bool) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.failures, r.ended
}
