package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// writer places orders and checks them out.
type writer struct {
	store *pgstore.Store
	begun time.Time
}

// write returns when all orders are placed and checked out.
func (w *writer) write(ctx context.Context, orders []plannedOrder) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var writing sync.WaitGroup
	for _, o := range orders {
		writing.Go(func() {
			if err := w.carryOut(ctx, o); err != nil {
				cancel(err)
			}
		})
	}
	writing.Wait()
	return context.Cause(ctx)
}

func (w *writer) carryOut(ctx context.Context, o plannedOrder) error {
	steps := []struct {
		at     time.Duration
		events []orderEvent
	}{
		{o.placedAt, []orderEvent{o.placed}},
		{o.checkedOut, []orderEvent{checkedOut{}}},
	}
	if o.checkedOut == o.placedAt {
		steps[0].events = append(steps[0].events, checkedOut{})
		steps = steps[:1]
	}
	for _, step := range steps {
		if !wait.For(ctx, time.Until(w.begun.Add(step.at))) {
			return context.Cause(ctx)
		}
		if err := w.append(ctx, o.key, step.events); err != nil {
			return err
		}
	}
	return nil
}

// append repeats an append until it is acknowledged. Its event IDs see to it that it is made once.
func (w *writer) append(ctx context.Context, key string, events []orderEvent) error {
	write := eventstore.Write{Stream: orderStream(key), Expected: eventstore.AnyVersion}
	for _, event := range events {
		data, err := orderEvents.Encode(event)
		if err != nil {
			return err
		}
		data.ID = uuid.New() // lets an append be repeated whose outcome is unknown
		write.Events = append(write.Events, data)
	}
	return wait.Insist(ctx, func() error {
		if _, err := w.store.Append(ctx, write); err != nil {
			return fmt.Errorf("append to order %s: %w", key, err)
		}
		return nil
	})
}

// isConfirmed reports whether an order is confirmed at this moment.
func isConfirmed(ctx context.Context, store eventstore.Store, key string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	loaded, err := newOrders(store).Load(ctx, key)
	return loaded.State.IsConfirmed, err
}
