package pgstore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// These tests play the looks of a tail by hand.

func newTestTail() *tail {
	t := &tail{}
	t.store = &Store{sql: newStatements(DefaultSchema, 1), tail: t}
	return t
}

// comer returns a subscription that has read up to a position.
func (t *tail) comer(position eventstore.Position, categories ...string) *subscription {
	return &subscription{store: t.store, position: position, filter: eventstore.Filter{Categories: categories}}
}

// looks is a look that finds nothing up to a position.
func (l *live) looks(through eventstore.Position) {
	l.begin()
	l.publish(view{page: page{through: through}, stable: through, head: through}, through)
}

func TestWhoIsNewToTheTailJoinsWhereItReadsNext(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	orders := tail.comer(10, "order")
	live := tail.join(orders, false, watch{})
	require.NotNil(t, live)
	live.looks(20)

	assert.Nil(t, tail.join(tail.comer(19, "payment"), false, watch{}), "payments before 20 were not read")
	assert.Same(t, live, tail.join(tail.comer(20, "payment"), false, watch{}))
	assert.Same(t, live, tail.join(tail.comer(10, "order"), false, watch{}), "orders were")
	assert.Nil(t, tail.join(tail.comer(9, "order"), false, watch{}))
	live.looks(30)
	assert.Same(t, live, tail.join(tail.comer(20, "payment"), false, watch{}))
	assert.Nil(t, tail.join(tail.comer(19, "payment"), false, watch{}), "the window has other payments alone")
}

func TestNobodyNewJoinsDuringALook(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	live := tail.join(tail.comer(10, "order"), false, watch{})
	live.looks(10)
	live.begin()
	late := tail.comer(10, "payment")
	assert.Nil(t, tail.join(late, false, watch{}), "this look does not bring payments")
	assert.Same(t, live, tail.join(tail.comer(10, "order"), false, watch{}))
	live.publish(view{page: page{through: 20}, stable: 20, head: 20}, 10)
	assert.Nil(t, tail.join(late, false, watch{}))
	live.looks(30) // this one does, from 20 on
	late.position = 20
	assert.Same(t, live, tail.join(late, false, watch{}))
}

func TestWhoLagsBehindIsNotReadFor(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	lagging := tail.comer(10, "payment")
	require.Nil(t, tail.join(lagging, true, watch{}), "it begins no window")
	live := tail.join(tail.comer(100, "order"), false, watch{})
	live.looks(100)
	require.Nil(t, tail.join(lagging, true, watch{}))
	assert.Equal(t, 1, tail.counted)
	lagging.position = 100
	require.Same(t, live, tail.join(lagging, true, watch{}))
	assert.Equal(t, 2, tail.counted)
}

func TestTheLastToLeaveTakesTheWindowAlong(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	one, other := tail.comer(10), tail.comer(10)
	require.Same(t, tail.join(one, false, watch{}), tail.join(other, false, watch{}))
	tail.leave(one)
	tail.leave(one)
	assert.NotNil(t, tail.live)
	tail.leave(other)
	assert.Nil(t, tail.live)
}

// What only busy subscriptions want is not read for them.
func TestTheWindowGoesWhereSomebodyWaits(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	live := tail.join(tail.comer(0), false, watch{})
	live.begin()
	full := view{page: page{events: at(1, 2, 3), full: true, through: 3}, stable: 90, head: 90}
	live.publish(full, 50) // the one that looked has read up to 50 by itself
	_, ok := live.next(3)
	assert.False(t, ok)
	news, ok := live.next(50)
	require.True(t, ok)
	assert.EqualValues(t, 50, news.through)

	live.begin()
	full.page.events, full.page.through = at(51, 52), 52
	live.publish(full, 50)
	news, ok = live.next(50)
	require.True(t, ok)
	assert.Equal(t, at(51, 52), news.events)
	assert.EqualValues(t, 52, news.through)
}

func TestAnErrorOfALookEndsTheWindow(t *testing.T) {
	t.Parallel()
	tail := newTestTail()
	live := tail.join(tail.comer(10), false, watch{})
	news, _ := live.next(10)

	ended, end := context.WithCancel(t.Context())
	end()
	live.begin()
	live.fail(ended) // that concerns the one that looked
	_, ok := live.next(10)
	require.True(t, ok)
	assert.Same(t, live, tail.join(tail.comer(10), false, watch{}))

	live.begin()
	live.fail(t.Context())
	_, ok = live.next(10)
	assert.False(t, ok)
	<-news.changed
	assert.NotSame(t, live, tail.join(tail.comer(10), false, watch{}))
}
