package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
)

// Wherever the pages and the scans of a query happen to end, it finds each event once, and says that it has come as far
// as a committed event and no further than it has looked.
func TestPagesAndScansMeet(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	quiet := slog.New(slog.DiscardHandler)
	require.NoError(t, Migrate(t.Context(), url, &MigrateOptions{Logger: quiet}))
	store, err := Open(t.Context(), url, &Options{Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(context.Background())) })

	var all, selected []eventstore.Position
	for i, category := range "aabaaabbaaaaaaaabbbbaababaa" {
		events := []eventstore.EventData{{Type: "something", Data: []byte(`{}`)}}
		stream := eventstore.StreamID{Category: string(category), Key: fmt.Sprint(i)}
		result, err := store.Append(t.Context(), eventstore.Write{Stream: stream, Events: events})
		require.NoError(t, err)
		all = append(all, result.Position)
		if category == 'b' {
			selected = append(selected, result.Position)
		}
	}
	for _, scan := range []int{1, 2, 3, 7, len(all), len(all) + 1} {
		for _, limit := range []int{1, 2, 5} {
			t.Run(fmt.Sprintf("scan %d, limit %d", scan, limit), func(t *testing.T) {
				t.Parallel()
				query, err := store.newAllQuery(0, eventstore.Filter{Categories: []string{"b"}})
				require.NoError(t, err)
				query.scan = scan
				found := []eventstore.Position{}
				view, err := store.look(t.Context(), query, 0, limit)
				for page := view.page; ; {
					require.NoError(t, err)
					for _, event := range page.events {
						found = append(found, event.Position)
					}
					assert.Equal(t, selected[:len(found)], found)
					assert.Contains(t, all, page.through)
					if !page.full {
						assert.Equal(t, view.stable, page.through)
						break
					}
					if len(found) < len(selected) {
						assert.Greater(t, selected[len(found)], page.through)
					}
					page, err = store.pageUpTo(t.Context(), page.events, query, page.through, view.stable, limit)
				}
				assert.Equal(t, selected, found)
			})
		}
	}
}

func TestPagerGoesByWhatCame(t *testing.T) {
	t.Parallel()
	type came struct{ events, bytes, next int }
	for name, pages := range map[string][]came{
		"small events":              {{128, 40_000, 512}, {512, 200_000, 2048}, {2048, 800_000, 8000}, {8000, 1 << 20, 8000}},
		"a scan that found little":  {{0, 0, 128}, {3, 900, 128}},
		"large events, then small":  {{4, maxPageBytes, 4}, {4, 1000, 16}},
		"an event larger than that": {{1, 2 * maxPageBytes, 1}},
	} {
		pager := newReadPager()
		for _, came := range pages {
			pager.read(page{events: make([]eventstore.RecordedEvent, came.events), bytes: came.bytes, full: true})
			assert.Equal(t, came.next, pager.limit, name)
		}
	}
}
