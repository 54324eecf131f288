package projection_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/projection"
)

// stock counts items by name.
type stock struct{ items map[string]int }

func newStock(store eventstore.Store) *projection.View[stock] {
	view := projection.NewView("stock", store, &stock{items: make(map[string]int)}, &projection.Options{
		Logger: slog.New(slog.DiscardHandler),
	})
	projection.Fold(view, orderEvents, func(s *stock, e eventstore.Envelope[OrderEvent]) error {
		if added, ok := e.Event.(ItemAdded); ok {
			if added.Name == "poison" {
				return errPoison
			}
			s.items[added.Name]++
		}
		return nil
	})
	return view
}

func TestAViewIsCaughtUpBeforeItIsQueried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		defer store.Close(context.Background())
		for i := range 5000 {
			mustAppend(t.Context(), store, fmt.Sprint(i), ItemAdded{Name: "Socks"})
		}
		view := newStock(store)
		early := make(chan int, 1)
		go func() {
			assert.NoError(t, view.Query(t.Context(), func(s *stock) { early <- s.items["Socks"] }))
		}()
		synctest.Wait()
		require.Empty(t, early, "nobody runs it")

		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- view.Run(ctx) }()
		assert.Equal(t, 5000, <-early)

		position := mustAppend(t.Context(), store, "1", ItemAdded{Name: "Hat"})
		hats := 0
		require.NoError(t, view.QueryAt(t.Context(), position, func(s *stock) { hats = s.items["Hat"] }))
		assert.Equal(t, 1, hats)
		stop()
		require.NoError(t, <-done)
	})
}

func TestAQueryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		defer store.Close(context.Background())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := newStock(store).QueryAt(ctx, 7, func(*stock) { t.Error("it was asked") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `query view "stock", which has not come to position 7`)
	})
}

func TestAViewThatCannotFoldIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		defer store.Close(context.Background())
		view := newStock(store)
		done := make(chan error, 1)
		go func() { done <- view.Run(t.Context()) }()
		mustAppend(t.Context(), store, "1", ItemAdded{Name: "Socks"})
		synctest.Wait()
		require.NoError(t, view.Query(t.Context(), func(*stock) {}))
		mustAppend(t.Context(), store, "1", ItemAdded{Name: "poison"})
		err := <-done
		require.ErrorIs(t, err, errPoison)
		require.ErrorContains(t, err, `run view "stock": event "order.item-added" at version 2 of stream "order-1"`)
		require.ErrorIs(t, view.Query(t.Context(), func(*stock) {}), errPoison)
	})
}

func TestAViewOfAClosedStoreIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		view := newStock(store)
		done := make(chan error, 1)
		go func() { done <- view.Run(t.Context()) }()
		synctest.Wait()
		require.NoError(t, store.Close(t.Context()))
		require.ErrorIs(t, <-done, eventstore.ErrClosed)
		require.ErrorIs(t, view.Query(t.Context(), func(*stock) {}), eventstore.ErrClosed)
	})
}

func TestAViewIsRunOnceAndListensToSomething(t *testing.T) {
	store := memstore.New(nil)
	defer store.Close(context.Background())
	view := projection.NewView("nothing", store, &stock{}, nil)
	require.ErrorIs(t, view.Run(t.Context()), eventstore.ErrInvalid)
	require.Panics(t, func() {
		listening := newStock(store)
		projection.Fold(listening, orderEvents, func(*stock, eventstore.Envelope[OrderEvent]) error { return nil })
	})
}

func TestPermanentKeepsTheError(t *testing.T) {
	require.NoError(t, projection.Permanent(nil))
	err := projection.Permanent(fmt.Errorf("no such item: %w", errPoison))
	require.ErrorIs(t, err, errPoison)
	require.EqualError(t, err, "no such item: cannot handle this")
}
