package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func TestOfVersionsDefinedAtOnceOneIsLive(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	var defining sync.WaitGroup
	for version := range 8 {
		target := pgstore.NewTarget(newPool(t, url), nil)
		for range 2 {
			defining.Go(func() {
				id := eventstore.ConsumerID{Name: "sales", Version: version + 1}
				assert.NoError(t, target.Define(t.Context(), id, eventstore.Definition{Partitions: 3}))
			})
		}
	}
	defining.Wait()
	target := pgstore.NewTarget(newPool(t, url), nil)
	defined, err := target.Consumers(t.Context())
	require.NoError(t, err)
	require.Len(t, defined, 8)
	live := 0
	for _, consumer := range defined {
		assert.Equal(t, 3, consumer.Partitions)
		if consumer.Live {
			live++
			checkpoints := consumers(t, target).checkpoints(eventstore.ConsumerID{Name: "sales"})
			require.Len(t, checkpoints, 3)
			assert.Equal(t, consumer.ConsumerID, checkpoints[0].Consumer)
		}
	}
	assert.Equal(t, 1, live)
}

func TestCoordinateWritesOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool := newPool(t, url)
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 3)
	c.give(sales, "one", time.Hour)
	rows := func() (rows string) { // which transaction has written each, and what
		require.NoError(t, pool.QueryRow(t.Context(), `
			SELECT string_agg(line, E'\n') FROM (
				SELECT format('%s %s', c.xmin, c) AS line FROM pasttense.checkpoints AS c
				UNION ALL SELECT format('%s %s', m.xmin, m) FROM pasttense.members AS m
				ORDER BY line
			) AS lines`).Scan(&rows))
		return rows
	}
	before := rows()
	require.NoError(t, c.target.Coordinate(t.Context(), sales, func(roster *eventstore.Roster) {
		require.Len(t, roster.Members, 1)
		require.Len(t, roster.Partitions, 3)
		assert.Equal(t, "one", roster.Partitions[2].Owner)
		assert.Equal(t, 3, roster.Partitions[2].Partitions)
	}))
	assert.Equal(t, before, rows())

	epoch := c.checkpoints(sales)[0].Epoch
	require.NoError(t, c.target.Coordinate(t.Context(), sales, func(roster *eventstore.Roster) {
		delete(roster.Members, "one")
		roster.Members["other"] = roster.Now.Add(time.Hour)
		roster.Partitions[0].Owner = ""
		roster.Partitions[1].Owner = "other"
	}))
	after := c.checkpoints(sales)
	assert.Equal(t, []string{"", "other", ""}, []string{after[0].Owner, after[1].Owner, after[2].Owner})
	assert.Equal(t, []int64{epoch + 1, epoch + 1, epoch}, []int64{after[0].Epoch, after[1].Epoch, after[2].Epoch})
}

func TestCoordinateRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	c := consumers(t, pgstore.NewTarget(newPool(t, migrated.Database(t)), nil))
	unexpected := func(*eventstore.Roster) { t.Error("change was called") }
	require.ErrorIs(t, c.target.Coordinate(t.Context(), sales, unexpected), eventstore.ErrInvalid, "it is not defined")
	c.define(sales, 1)
	for _, name := range []string{"", "a\x00", "\xff", strings.Repeat("x", 257)} {
		require.ErrorIs(t, c.target.Coordinate(t.Context(), sales, func(roster *eventstore.Roster) {
			roster.Members[name] = roster.Now.Add(time.Hour)
		}), eventstore.ErrInvalid)
		if name != "" {
			require.ErrorIs(t, c.target.Coordinate(t.Context(), sales, func(roster *eventstore.Roster) {
				roster.Partitions[0].Owner = name
			}), eventstore.ErrInvalid)
		}
	}
}

// Who moves checkpoints and who shares out the work do not wait for each other, nor for who waits for a move to end.
func TestMovesAndLeasesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	pool := newLargePool(t, migrated.Database(t), 8)
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 2)
	require.NoError(t, c.target.Coordinate(t.Context(), sales, func(*eventstore.Roster) { c.advance(sales, 0, 5) }))

	finish := c.halfway(c.leaving(sales, 0, 7))
	halted := make(chan eventstore.Position, 1)
	var halting sync.WaitGroup
	halting.Go(func() {
		at, err := c.target.Halt(t.Context(), time.Hour, sales)
		assert.NoError(t, err)
		halted <- at
	})
	awaitBlocked(t, pool)
	c.give(sales, "one", time.Hour)
	assert.Equal(t, "one", c.checkpoints(sales)[1].Owner)
	require.NoError(t, finish())
	halting.Wait()
	assert.EqualValues(t, 7, <-halted, "it has waited for the move")
}

func TestForget(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	pool := newPool(t, url)
	c := consumers(t, pgstore.NewTarget(pool, nil))
	second := eventstore.ConsumerID{Name: "sales", Version: 2}
	c.define(sales, 2)
	c.define(second, 1)
	require.NoError(t, c.target.Plan(t.Context(), c.leaving(sales, 0, 3), []eventstore.Entry{{Process: sales.Name, Instance: "42", Version: 1}}))
	require.ErrorIs(t, c.target.Forget(t.Context(), sales), eventstore.ErrInvalid, "the live one of several")
	c.give(second, "one", time.Hour)
	require.ErrorIs(t, c.target.Forget(t.Context(), second), eventstore.ErrOwned)
	c.give(second, "one", -time.Second)
	require.NoError(t, c.target.Forget(t.Context(), second))
	require.Len(t, c.checkpoints(sales), 2)

	// It waits for what a member does whose lease has run out.
	move := c.leaving(sales, 1, 7)
	move.Park = []eventstore.Parked{{Stream: order42, Version: 1, Position: 4, Type: addedType}}
	move.Skip = []eventstore.Skipped{{Stream: order42, Version: 2, Position: 5, Type: addedType}}
	finish := c.halfway(move)
	var forgetting sync.WaitGroup
	forgetting.Go(func() { assert.NoError(t, c.target.Forget(t.Context(), eventstore.ConsumerID{Name: "sales"})) })
	awaitBlocked(t, pool)
	require.NoError(t, finish())
	forgetting.Wait()
	for _, table := range []string{"consumers", "checkpoints", "members", "parked", "skipped", "instances"} {
		var rows int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM pasttense."+table).Scan(&rows))
		assert.Zero(t, rows, table)
	}
	require.NoError(t, c.target.Forget(t.Context(), sales), "again")
	c.define(sales, 1)
	assert.Zero(t, c.checkpoints(sales)[0].Position)
}

// P3: while partitions are handled their number changes, again and again, and each event is handled once.
func TestRepartitionUnderMoves(t *testing.T) {
	t.Parallel()
	pool := newLargePool(t, migrated.Database(t), 8)
	_, err := pool.Exec(t.Context(), "CREATE TABLE handled (position bigint PRIMARY KEY)")
	require.NoError(t, err)
	c := consumers(t, pgstore.NewTarget(pool, nil))
	c.define(sales, 1)
	ctx, stop := context.WithCancel(t.Context())
	var moving sync.WaitGroup
	for number := range 8 {
		target := pgstore.NewTarget(pool, nil)
		moving.Go(func() {
			for ctx.Err() == nil {
				assert.NoError(t, handleSome(t.Context(), target, number))
			}
		})
	}
	_, err = c.target.Await(t.Context(), sales, 10*time.Millisecond, reached(0, 1)) // at 0 nobody stops
	require.NoError(t, err)
	for _, partitions := range []int{4, 1, 8, 3} {
		at, err := c.target.Halt(t.Context(), time.Hour, sales)
		require.NoError(t, err)
		_, err = c.target.Await(t.Context(), sales, 10*time.Millisecond, func(all []eventstore.Checkpoint) bool {
			for _, checkpoint := range all {
				if checkpoint.Position != at {
					return false
				}
			}
			return true
		})
		require.NoError(t, err)
		require.NoError(t, c.target.Repartition(t.Context(), sales, partitions))
		_, err = c.target.Await(t.Context(), sales, 10*time.Millisecond, func(all []eventstore.Checkpoint) bool {
			return all[len(all)-1].Position > at+20
		})
		require.NoError(t, err)
	}
	stop()
	moving.Wait()

	checkpoints := c.checkpoints(sales)
	require.Len(t, checkpoints, 3)
	var handled int64
	for _, checkpoint := range checkpoints {
		handled += checkpoint.Handled
	}
	var rows int64
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM handled").Scan(&rows))
	assert.Equal(t, rows, handled, "none twice, or its key would have been refused")
	var missing int
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT count(*)
		FROM pasttense.checkpoints AS c, generate_series(1, c.position) AS p
		WHERE p % 3 = c.partition AND NOT EXISTS (SELECT FROM handled AS h WHERE h.position = p)`).Scan(&missing))
	assert.Zero(t, missing)
}

// handleSome handles a few events of a partition, one at each position, which belong to the partitions in turn.
func handleSome(ctx context.Context, target *pgstore.Target, number int) error {
	checkpoints, err := target.Checkpoints(ctx, sales)
	if err != nil {
		return err
	}
	at := checkpoints[number%len(checkpoints)]
	move := eventstore.Move{
		Consumer: sales, Partition: at.Partition, Epoch: at.Epoch, From: at.Position, To: at.Position + 5,
	}
	if at.StopAt > 0 {
		move.To = min(move.To, at.StopAt)
	}
	if move.To <= move.From {
		return nil
	}
	var positions []int64
	for position := move.From + 1; position <= move.To; position++ {
		if int(position)%at.Partitions == at.Partition {
			positions = append(positions, int64(position))
		}
	}
	move.Events = len(positions)
	if len(positions) == 0 {
		err = target.Advance(ctx, move, nil)
	} else {
		err = target.Advance(ctx, move, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO handled SELECT * FROM unnest($1::bigint[])", positions)
			return err
		})
	}
	if errors.Is(err, eventstore.ErrCheckpointMoved) {
		return nil
	}
	return err
}
