package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

var sales = eventstore.ConsumerID{Name: "sales", Version: 1}

// nothing is work of Advance.
func nothing(context.Context, pgx.Tx) error { return nil }

// consumersOf is what tests do with consumers again and again.
type consumersOf struct {
	t      *testing.T
	target *pgstore.Target
}

func consumers(t *testing.T, target *pgstore.Target) consumersOf {
	t.Helper()
	return consumersOf{t, target}
}

func (c consumersOf) define(id eventstore.ConsumerID, partitions int, categories ...string) {
	c.t.Helper()
	require.NoError(c.t, c.target.Define(c.t.Context(), id, eventstore.Definition{
		Kind: "projection", Categories: categories, Partitions: partitions,
	}))
}

func (c consumersOf) checkpoints(id eventstore.ConsumerID) []eventstore.Checkpoint {
	c.t.Helper()
	checkpoints, err := c.target.Checkpoints(c.t.Context(), id)
	require.NoError(c.t, err)
	return checkpoints
}

// leaving returns the move of a partition from where it is now to a position.
func (c consumersOf) leaving(id eventstore.ConsumerID, partition int, to eventstore.Position) eventstore.Move {
	c.t.Helper()
	at := c.checkpoints(id)[partition]
	return eventstore.Move{Consumer: at.Consumer, Partition: partition, Epoch: at.Epoch, From: at.Position, To: to}
}

func (c consumersOf) advance(id eventstore.ConsumerID, partition int, to eventstore.Position) {
	c.t.Helper()
	require.NoError(c.t, c.target.Advance(c.t.Context(), c.leaving(id, partition, to), nothing))
}

// give makes a member the owner of all partitions that are to be had.
func (c consumersOf) give(id eventstore.ConsumerID, member string, lease time.Duration) {
	c.t.Helper()
	require.NoError(c.t, c.target.Coordinate(c.t.Context(), id, func(roster *eventstore.Roster) {
		roster.Members[member] = roster.Now.Add(lease)
		for i := range roster.Partitions {
			roster.Partitions[i].Owner = member
		}
	}))
}

// leave ends the lease of a member.
func (c consumersOf) leave(id eventstore.ConsumerID, member string) {
	c.t.Helper()
	require.NoError(c.t, c.target.Coordinate(c.t.Context(), id, func(roster *eventstore.Roster) {
		delete(roster.Members, member)
	}))
}

// halfway begins a move of a partition and returns when its work stands still, until finish is called, which returns
// what Advance has.
func (c consumersOf) halfway(move eventstore.Move) (finish func() error) {
	c.t.Helper()
	begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- c.target.Advance(c.t.Context(), move, func(context.Context, pgx.Tx) error {
			close(begun)
			<-release
			return nil
		})
	}()
	select {
	case <-begun:
	case err := <-ended:
		require.NoError(c.t, err)
	}
	finished := false
	finish = func() error {
		if finished {
			return nil
		}
		finished = true
		close(release)
		return <-ended
	}
	c.t.Cleanup(func() { _ = finish() })
	return finish
}

// useConsumer does with a consumer all that there is to do.
func useConsumer(t *testing.T, target *pgstore.Target) {
	t.Helper()
	c := consumers(t, target)
	c.define(sales, 2)
	c.give(sales, "one", time.Hour)
	move := c.leaving(sales, 0, 7)
	move.Park = []eventstore.Parked{{Stream: order42, Version: 3, Position: 7, Type: addedType, Reason: "it's bad"}}
	move.Skip = []eventstore.Skipped{{Stream: order42, Version: 2, Position: 6, Type: addedType, Reason: "bad"}}
	require.NoError(t, target.Advance(t.Context(), move, nothing))
	require.NoError(t, target.Advance(t.Context(), c.leaving(sales, 1, 7), nil))
	require.NoError(t, target.Retry(t.Context(), sales, order42))
	require.NoError(t, target.Discard(t.Context(), sales, order42))
	require.NoError(t, target.Pause(t.Context(), c.checkpoints(sales)[0], "poison"))
	require.NoError(t, target.Resume(t.Context(), sales))
	at, err := target.Halt(t.Context(), time.Hour, sales)
	require.NoError(t, err)
	assert.EqualValues(t, 7, at)
	require.NoError(t, target.Repartition(t.Context(), sales, 3))
	require.NoError(t, target.Proceed(t.Context(), sales))
	defined, err := target.Consumers(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, defined)
	assert.Equal(t, 3, defined[len(defined)-1].Partitions)
	seen, err := target.Await(t.Context(), sales, time.Hour, func(c []eventstore.Checkpoint) bool { return len(c) == 3 })
	require.NoError(t, err)
	assert.EqualValues(t, 7, seen[2].Position)
	skipped, err := target.Skipped(t.Context(), sales, 10)
	require.NoError(t, err)
	require.Len(t, skipped, 1)
	c.leave(sales, "one")
	require.NoError(t, target.Forget(t.Context(), sales))
	assert.Empty(t, c.checkpoints(sales))
}

// newPoolWith returns a pool of the test's own, with a configuration that change has changed.
func newPoolWith(t *testing.T, url string, change func(config *pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	change(config)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// newLargePool returns a pool with so many connections at most.
func newLargePool(t *testing.T, url string, connections int32) *pgxpool.Pool {
	t.Helper()
	return newPoolWith(t, url, func(config *pgxpool.Config) { config.MaxConns = connections })
}

func TestConsumersWhateverTheDefaultsAre(t *testing.T) {
	t.Parallel()
	for parameter, value := range map[string]string{
		"default_transaction_isolation": "repeatable read",
		"default_transaction_read_only": "on",
		"synchronous_commit":            "off",
	} {
		t.Run(parameter, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			pgtest.SetDefault(t, url, parameter, value)
			target := pgstore.NewTarget(newPool(t, url), nil)
			useConsumer(t, target)
			planAndClaim(t, url)
		})
	}
}
