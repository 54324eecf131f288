package projection_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
	"github.com/pasttense/pasttense/projection"
)

func TestAnInlineProjectionIsNeverBehind(t *testing.T) {
	t.Parallel()
	b := onPostgres(t)
	store := b.store.(*pgstore.Store)
	b.store = projection.Inline(store, b.recorder(b.target, nil, noTrouble))
	var working sync.WaitGroup
	for writer := range 4 {
		working.Go(func() {
			for range 10 {
				position := b.add(fmt.Sprint(writer), 2)
				var found bool
				err := b.pool.QueryRow(t.Context(),
					"SELECT EXISTS (SELECT FROM notes WHERE entry = $1)", fmt.Sprint(position)).Scan(&found)
				assert.NoError(t, err)
				assert.True(t, found)
			}
		})
	}
	working.Wait()
	assert.ElementsMatch(t, b.positions(1<<62), b.notes())
}

func TestAnInlineProjectionThatFailsKeepsTheAppendFromHappening(t *testing.T) {
	t.Parallel()
	b := onPostgres(t)
	trouble := errPoison
	recorder := b.recorder(b.target, nil, func(eventstore.Position) error { return trouble })
	store := projection.Inline(b.store.(*pgstore.Store), recorder)
	event, err := orderEvents.Encode(ItemAdded{Name: "Socks"})
	require.NoError(t, err)
	write := eventstore.Write{
		Stream: eventstore.StreamID{Category: "order", Key: "1"},
		Events: []eventstore.EventData{event},
	}
	_, err = store.Append(t.Context(), write)
	require.ErrorIs(t, err, errPoison)
	require.ErrorContains(t, err, `inline projection "sales"`)
	require.Empty(t, b.positions(1<<62))

	trouble = nil
	_, err = store.Append(t.Context(), write)
	require.NoError(t, err)
	require.Equal(t, b.positions(1<<62), b.notes())
	var conflict *eventstore.ConflictError
	_, err = store.Append(t.Context(), write)
	require.ErrorAs(t, err, &conflict)
	require.Len(t, b.notes(), 1)
}

func TestAnInlineProjectionPassesOverWhatIsNotForIt(t *testing.T) {
	t.Parallel()
	b := onPostgres(t)
	p := projection.New(name, b.store, b.target, nil)
	projection.On(p, paymentEvents, func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[PaymentEvent]) error {
		assert.True(t, projection.IsLive(ctx))
		return b.note(ctx, tx, e.Stream.String())
	})
	b.store = projection.Inline(b.store.(*pgstore.Store), p)
	b.add("1", 3)
	appendEvent[PaymentEvent](b, paymentEvents, "1", Paid{Amount: 4})
	require.Equal(t, []string{"payment-1"}, b.notes())
}
