package main

import (
	"context"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// longStreamEvents is how many events a stream has that needs snapshots.
const longStreamEvents = 100_000

func snapshots() []work {
	return []work{
		{
			name: "load-snapshot",
			about: "1 caller loads an aggregate of 100,000 events, of which the last 50 are not in its snapshot; " +
				"limit: the same for one of 100 events without a snapshot",
			unit:   "loads/s",
			target: target{ratio: 0.5},
			ours:   loadLongAggregate,
			limit:  loadShortAggregate,
		},
	}
}

func loadLongAggregate(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	stream, err := fillLongStream(ctx, store)
	if err != nil {
		return nil, err
	}
	orders := aggregate.New[order](store, events, &aggregate.Options{Snapshots: &aggregate.SnapshotOptions{}})
	db.onClose(orders.Close)
	if err := takeSnapshot(ctx, db, orders, stream); err != nil {
		return nil, err
	}
	for range aggregate.DefaultSnapshotEvery / 2 {
		if _, err := orders.Execute(ctx, stream.Key, addItem{newItem()}); err != nil {
			return nil, err
		}
	}
	return loadAggregate(orders, stream, longStreamEvents+1+aggregate.DefaultSnapshotEvery/2), nil
}

// fillLongStream appends all but the last event of a long stream.
func fillLongStream(ctx context.Context, store eventstore.Store) (eventstore.StreamID, error) {
	stream := newStream()
	const atOnce = 1_000
	for version := 0; version < longStreamEvents; version += atOnce {
		_, err := store.Append(ctx, eventstore.Write{
			Stream: stream, Expected: eventstore.Exactly(eventstore.Version(version)), Events: newEvents(atOnce),
		})
		if err != nil {
			return eventstore.StreamID{}, err
		}
	}
	return stream, nil
}

// takeSnapshot executes a command, after which a snapshot is due, and waits until there is one.
func takeSnapshot(
	ctx context.Context, db *database, orders *aggregate.Repository[order, event], stream eventstore.StreamID,
) error {
	if _, err := orders.Execute(ctx, stream.Key, addItem{newItem()}); err != nil {
		return err
	}
	pool, err := db.openPool(ctx, 1)
	if err != nil {
		return err
	}
	return wait.Insist(ctx, func() error {
		var version int64
		return pool.QueryRow(ctx, `SELECT version FROM pasttense.snapshots`).Scan(&version)
	})
}

func loadShortAggregate(ctx context.Context, db *database) (side, error) {
	store, err := db.openStore(ctx, 1)
	if err != nil {
		return nil, err
	}
	streams, err := fillStreams(ctx, store, 1, streamEvents)
	if err != nil {
		return nil, err
	}
	return loadAggregate(aggregate.New[order](store, events, nil), streams[0], streamEvents), nil
}

func loadAggregate(orders *aggregate.Repository[order, event], stream eventstore.StreamID, items int) side {
	return throughput{callers: 1, amount: 1, call: func(ctx context.Context) error {
		loaded, err := orders.Load(ctx, stream.Key)
		if err != nil {
			return err
		}
		return expectEvents(loaded.State.Items, items)
	}}
}
