package memstore_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// To wait for what is not there costs four looks a second after a while.
func TestWhoWaitsLongLooksLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for every, most := range map[time.Duration]int{
			2 * time.Millisecond:   290,
			250 * time.Millisecond: 241,
			10 * time.Second:       7,
		} {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			looks := 0
			none := eventstore.ConsumerID{Name: "none"}
			_, err := memstore.NewTarget(nil).Await(ctx, none, every, func([]eventstore.Checkpoint) bool { looks++; return false })
			stop()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.LessOrEqual(t, looks, most)
			assert.Greater(t, looks, most*9/10-2)
		}
	})
}
