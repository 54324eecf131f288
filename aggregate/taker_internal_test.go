package aggregate

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestStreamsWaitOnceForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		taken := make(map[string]int)
		taker := newTaker(func(_ context.Context, stream eventstore.StreamID) error {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			taken[stream.Key]++
			return nil
		})
		ask := func(key string) { taker.ask(eventstore.StreamID{Category: "account", Key: key}) }
		ask("first")
		synctest.Wait()
		ask("0")
		for i := range 3 * maxWaiting {
			ask(fmt.Sprint(i % (2 * maxWaiting)))
		}
		time.Sleep(time.Minute)
		mu.Lock()
		assert.Len(t, taken, 1+maxWaiting, "those for which there is no room are left out")
		for _, times := range taken {
			assert.Equal(t, 1, times)
		}
		mu.Unlock()
		ask("last")
		time.Sleep(time.Minute)
		require.NoError(t, taker.close(t.Context()))
		assert.Equal(t, 1, taken["last"], "a new goroutine runs")
	})
}

// Types of one name are told apart by what they are made of.
func TestKindsOfSnapshots(t *testing.T) {
	codec := eventstore.JSON("counted", map[string]struct{}{"counted": {}})
	options := SnapshotOptions{}.withDefaults()
	kindOf := func(state reflect.Type) string { return snapshotKind(state, codec, options) }
	first := func() reflect.Type {
		type state struct{ Count int }
		return reflect.TypeFor[state]()
	}()
	second := func() reflect.Type {
		type state struct{ Count int64 }
		return reflect.TypeFor[state]()
	}()
	assert.NotEqual(t, kindOf(first), kindOf(second))
	assert.Regexp(t, "^state 0 [0-9a-f]{32}$", kindOf(first))
	require.NoError(t, eventstore.ValidateSnapshotKind(kindOf(first)))
	type generic[T any] struct{ Of T }
	long := reflect.TypeFor[generic[generic[generic[generic[generic[eventstore.RecordedEvent]]]]]]()
	require.NoError(t, eventstore.ValidateSnapshotKind(kindOf(long)))
}
