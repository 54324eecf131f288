package consumer

import (
	"fmt"
	"runtime/debug"
)

// Recover turns a panic into an error with its stack. It is deferred, with a pointer to the function's result. Code
// that runs users' functions inside a transaction defers it there, so that the transaction ends as for any error.
func Recover(err *error) {
	switch value := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("panic: %w\n%s", value, debug.Stack())
	default:
		*err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	}
}
