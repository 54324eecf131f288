package processmanagertest_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spy is a test that may fail.
type spy struct {
	testing.TB
	ctx      context.Context
	messages []string
}

func (*spy) Helper() {}

func (s *spy) Context() context.Context { return s.ctx }

func (s *spy) Errorf(format string, args ...any) {
	s.messages = append(s.messages, fmt.Sprintf(format, args...))
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// failure returns what a test says that must fail.
func failure(t *testing.T, test func(s *spy)) string {
	t.Helper()
	s := &spy{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(s)
	}()
	<-done
	require.Len(t, s.messages, 1, "the test fails once")
	return s.messages[0]
}
