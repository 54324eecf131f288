package aggregate

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

// slow is a handler that takes its time.
type slow struct {
	slog.Handler
	handled *int
}

func (s slow) Enabled(context.Context, slog.Level) bool { return true }

func (s slow) Handle(context.Context, slog.Record) error {
	*s.handled++
	time.Sleep(time.Second)
	return nil
}

func TestASlowLoggerMakesOthersNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		log := &complaints{logger: slog.New(slow{handled: &handled})}
		warn := func() { log.warn(t.Context(), "broken", eventstore.StreamID{}, errors.New("no")) }
		go warn()
		synctest.Wait()
		begun := time.Now()
		warn()
		assert.Zero(t, time.Since(begun))
		assert.Equal(t, 1, handled)
		time.Sleep(complaintsEvery)
		warn()
		assert.Equal(t, 2, handled, "once in a while it is said again")
	})
}
