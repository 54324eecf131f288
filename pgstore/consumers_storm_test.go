package pgstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// Whatever is done to consumers at once, in several processes, nothing deadlocks, and epochs and positions only grow.
func TestConsumersStorm(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			pgtest.SetDefault(t, url, "default_transaction_isolation", isolation)
			stormConsumers(t, url)
		})
	}
}

func stormConsumers(t *testing.T, url string) {
	t.Helper()
	pool := newLargePool(t, url, 16)
	first := pgstore.NewTarget(pool, nil)
	other := eventstore.ConsumerID{Name: "sales", Version: 2}
	consumers(t, first).define(sales, 4)
	consumers(t, first).define(other, 2)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var working sync.WaitGroup
	for range 12 {
		target := pgstore.NewTarget(pool, nil)
		working.Go(func() {
			for ctx.Err() == nil {
				if err := doAnything(t.Context(), target, []eventstore.ConsumerID{sales, other}); !isExpected(err) {
					assert.NoError(t, err)
				}
			}
		})
	}
	working.Go(func() {
		epochs, positions := make(map[eventstore.ConsumerID]int64), make(map[eventstore.ConsumerID]eventstore.Position)
		for ctx.Err() == nil {
			for _, id := range []eventstore.ConsumerID{sales, other} {
				seen, err := first.Checkpoints(t.Context(), id)
				assert.NoError(t, err)
				assert.NotEmpty(t, seen)
				for _, checkpoint := range seen[:1] { // the one that there always is
					assert.GreaterOrEqual(t, checkpoint.Epoch, epochs[id])
					assert.GreaterOrEqual(t, checkpoint.Position, positions[id])
					epochs[id], positions[id] = checkpoint.Epoch, checkpoint.Position
				}
			}
		}
	})
	working.Wait()
	var moved eventstore.Position
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT max(position) FROM pasttense.checkpoints").Scan(&moved))
	assert.Positive(t, moved)
}

// doAnything does one of all things to one of the consumers.
func doAnything(ctx context.Context, target *pgstore.Target, ids []eventstore.ConsumerID) error {
	id := ids[rand.N(len(ids))]
	stream := eventstore.StreamID{Category: "order", Key: string(rune('a' + rand.N(5)))}
	checkpoints, err := target.Checkpoints(ctx, id)
	if err != nil {
		return err
	}
	at := checkpoints[rand.N(len(checkpoints))]
	move := eventstore.Move{
		Consumer: id, Partition: at.Partition, Epoch: at.Epoch, From: at.Position, To: at.Position + 1,
	}
	switch rand.N(12) {
	case 0:
		_, err = target.Halt(ctx, time.Hour, ids...)
	case 1:
		err = target.Proceed(ctx, ids[1], ids[0])
	case 2:
		err = target.Repartition(ctx, id, 1+rand.N(5))
	case 3:
		err = target.Pause(ctx, at, "poison")
	case 4, 5:
		err = target.Resume(ctx, id)
	case 6:
		err = target.Retry(ctx, id, stream)
	case 7:
		err = target.Discard(ctx, id, stream)
	case 8:
		err = target.Coordinate(ctx, id, func(roster *eventstore.Roster) {
			roster.Members["one"] = roster.Now.Add(time.Second)
			roster.Partitions[rand.N(len(roster.Partitions))].Owner = "one"
		})
	case 9:
		err = target.Advance(ctx, move, nil)
	case 10:
		move.Park = []eventstore.Parked{{Stream: stream, Version: 1, Position: 1, Type: addedType}}
		fallthrough
	default:
		err = target.Advance(ctx, move, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_sleep(0.001)")
			return err
		})
	}
	return err
}

func isExpected(err error) bool {
	return errors.Is(err, eventstore.ErrCheckpointMoved) || errors.Is(err, eventstore.ErrPaused) ||
		errors.Is(err, eventstore.ErrNotParked)
}
