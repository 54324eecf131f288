package main

import (
	"context"
	"errors"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

const (
	// Commands are executed on so many streams, which begin with so many events each.
	executedStreams = 20_000
	executedEvents  = 20
)

func executes() []work {
	const limit = "limit: SELECT the type and data of the stream's events, decode and fold them, INSERT the next, " +
		"again when another was faster, on as many connections"
	return []work{
		{
			name:   "execute",
			about:  "1 caller executes a command a call on one of 20,000 streams of 20 events and more; " + limit,
			unit:   "commands/s",
			target: target{ratio: 0.9},
			ours:   executeCommands(1, 2, nil), // one more to notify other processes with, every few milliseconds
			limit:  executeByHand(1, 1),
		},
		{
			name:   "execute-64",
			about:  "64 callers execute a command a call on one of 20,000 streams of 20 events and more; " + limit,
			unit:   "commands/s",
			target: target{ratio: 2.5},
			ours:   executeCommands(64, appendConnections, nil),
			limit:  executeByHand(64, appendConnections),
		},
		{
			name:   "execute-cached",
			about:  "as execute, by a repository that has the streams in its cache; the limit is that of execute",
			unit:   "commands/s",
			target: target{ratio: 0.9},
			ours:   executeCommands(1, 2, allCached),
			limit:  executeByHand(1, 1),
		},
		{
			name:   "execute-64-cached",
			about:  "as execute-64, by a repository that has the streams in its cache; the limit is that of execute-64",
			unit:   "commands/s",
			target: target{ratio: 2.5},
			ours:   executeCommands(64, appendConnections, allCached),
			limit:  executeByHand(64, appendConnections),
		},
	}
}

// allCached has room for all streams.
var allCached = &aggregate.Options{CacheBytes: 1 << 30}

// order is what the commands decide on.
type order struct {
	Items int
	Total int64
}

// Evolve implements [aggregate.State].
func (o order) Evolve(e event) order {
	if item, ok := e.(itemAdded); ok {
		o.Items++
		o.Total += item.Price
	}
	return o
}

// addItem is refused by an order that is empty, so that no side gets away without folding.
type addItem struct{ item itemAdded }

var errEmpty = errors.New("the order is empty")

// Decide implements [aggregate.Command].
func (c addItem) Decide(o order) ([]event, error) {
	if o.Items < executedEvents {
		return nil, errEmpty
	}
	return []event{c.item}, nil
}

func executeCommands(callers, connections int, options *aggregate.Options) prepare {
	return func(ctx context.Context, db *database) (side, error) {
		store, err := db.openStore(ctx, connections)
		if err != nil {
			return nil, err
		}
		streams, err := fillStreams(ctx, store, executedStreams, executedEvents)
		if err != nil {
			return nil, err
		}
		orders := aggregate.New[order](store, events, options)
		if options != nil {
			if err := loadAll(ctx, orders, streams); err != nil {
				return nil, err
			}
		}
		command := addItem{newItem()}
		return throughput{callers: callers, amount: 1, call: func(ctx context.Context) error {
			_, err := orders.Execute(ctx, streams[rand.IntN(len(streams))].Key, command)
			return err
		}}, nil
	}
}

// loadAll leaves the streams in the cache of the repository.
func loadAll(ctx context.Context, orders *aggregate.Repository[order, event], streams []eventstore.StreamID) error {
	loading, ctx := errgroup.WithContext(ctx)
	loading.SetLimit(appendConnections)
	for _, stream := range streams {
		loading.Go(func() error {
			_, err := orders.Load(ctx, stream.Key)
			return err
		})
	}
	return loading.Wait()
}
