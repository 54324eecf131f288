package main

import (
	"context"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// appendConnections is the size of both pools where there are many callers. Plain inserts by 64 callers on two cores
	// gain little from more.
	appendConnections = 16

	// batchConnections are what inserts of many rows are fastest with.
	batchConnections = 2
)

func appends() []work {
	return []work{
		{
			name: "append-1",
			about: "1 caller appends 1 event a call, each to a new stream; " +
				"limit: a single-row INSERT, autocommit, 1 connection",
			unit:   "events/s",
			target: target{ratio: 0.9},
			ours:   appendEvents(1, 1, 2), // one more to notify other processes with, every few milliseconds
			limit:  insertSingleRows(1, 1),
		},
		{
			name: "append-64",
			about: "64 callers append 1 event a call, each to a new stream; " +
				"limit: single-row INSERTs, autocommit, by 64 callers on 16 connections",
			unit:   "events/s",
			target: target{ratio: 3},
			ours:   appendEvents(64, 1, appendConnections),
			limit:  insertSingleRows(64, appendConnections),
		},
		{
			name: "append-64-batched",
			about: "64 callers append 1 event a call, each to a new stream; " +
				"limit: the rows of 64 callers, coalesced by hand into INSERTs without any checks on 2 connections",
			unit:   "events/s",
			target: target{ratio: 0.85},
			ours:   appendEvents(64, 1, appendConnections),
			limit:  insertCoalesced(64),
		},
		{
			name: "append-64-hot",
			about: "64 callers append 1 event a call, each to one of 8 streams at any version; limit: single-row INSERTs " +
				"of the stream's next version, again when another was faster, by 64 callers on 16 connections",
			unit:   "events/s",
			target: target{ratio: 3},
			ours:   appendHot(64, 8),
			limit:  insertHot(64, 8),
		},
		{
			name: "append-64-at-10m",
			about: "as append-64, beside 10,000,000 events of 1,000,000 streams, which the limit's table has too; " +
				"what counts is that the ratio is that of append-64",
			unit:   "events/s",
			target: target{ratio: 3, of: "append-64", share: 0.9},
			ours:   besideManyEvents(manyEvents, appendEvents(64, 1, appendConnections)),
			limit:  insertSingleRows(64, appendConnections),
		},
		{
			name: "append-512",
			about: "512 callers append 1 event a call, each to a new stream; " +
				"limit: INSERTs of 100 rows, each of a new stream, on 2 connections",
			unit:   "events/s",
			target: target{ratio: 0.65},
			ours:   appendEvents(512, 1, appendConnections),
			limit:  insertManyRows(100, 1),
		},
		{
			name: "append-bulk",
			about: "2 callers append 1,000 events a call, each to a new stream; " +
				"limit: INSERTs of 1,000 rows of a new stream on 2 connections",
			unit:   "events/s",
			target: target{ratio: 0.7},
			ours:   appendEvents(2, 1_000, batchConnections),
			limit:  insertManyRows(1, 1_000),
		},
	}
}

// appendEvents begins a stream with each call.
func appendEvents(callers, perCall, connections int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		store, err := db.openStore(ctx, connections)
		if err != nil {
			return nil, err
		}
		events := newEvents(perCall)
		return throughput{callers: callers, amount: perCall, call: func(ctx context.Context) error {
			_, err := store.Append(ctx, eventstore.Write{
				Stream: newStream(), Expected: eventstore.NoStream, Events: events,
			})
			return err
		}}, nil
	}
}

// insertSingleRows begins a stream with each row.
func insertSingleRows(callers, connections int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, connections)
		if err != nil {
			return nil, err
		}
		data := newEvent().Data
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			_, err := insertRow(ctx, pool, data)
			return err
		}}, nil
	}
}

// insertManyRows begins so many streams of so many events with each statement.
func insertManyRows(streams, perStream int) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		pool, err := db.openPool(ctx, batchConnections)
		if err != nil {
			return nil, err
		}
		data := string(newEvent().Data)
		return throughput{callers: batchConnections, amount: streams * perStream, call: func(ctx context.Context) error {
			rows := newColumns(streams * perStream)
			for range streams {
				key := uuid.NewString()
				for i := range perStream {
					rows.add(key, int64(i+1), data)
				}
			}
			return rows.insert(ctx, pool)
		}}, nil
	}
}
