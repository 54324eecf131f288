package eventstoretest

import (
	"context"
	"testing"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// miscounting is a store that counts what it is not asked for.
type miscounting struct {
	*memstore.Store

	ask func(q *question)
}

type question struct {
	ctx            context.Context
	after, through eventstore.Position
	filter         eventstore.Filter
	limit          int
}

func (m miscounting) Count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	q := question{ctx, after, through, filter, limit}
	m.ask(&q)
	return m.Store.Count(q.ctx, q.after, q.through, q.filter, q.limit)
}

// TestCountingFlawsAreNoticed breaks Count.
func TestCountingFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	with := func(ask func(q *question)) func() Harness {
		return func() Harness { return Harness{Store: miscounting{memstore.New(nil), ask}} }
	}
	areNoticed(t, []flawed{
		{"the first is counted", with(func(q *question) { q.after = max(q.after-1, 0) }), []string{
			"counting/what is selected is counted",
		}},
		{"the last is not counted", with(func(q *question) { q.through-- }), []string{"counting/what is selected is counted"}},
		{"everything is counted", with(func(q *question) { q.filter = everything }), []string{
			"counting/what is selected is counted",
			"counting/what a read refuses is refused",
		}},
		{"there is no limit", with(func(q *question) { q.limit = 0 }), []string{
			"counting/a limit is kept",
			"counting/what a read refuses is refused",
		}},
		{"the context is ignored", with(func(q *question) { q.ctx = context.Background() }), []string{
			"counting/an ended context ends it",
		}},
	})
}
