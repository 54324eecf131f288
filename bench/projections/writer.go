package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

const (
	// appenders append at once, so that events become visible in another order than that of their positions.
	appenders = 4
	// mostEvents is how many events an append has at most.
	mostEvents = 20
	// poisonedPart is the part of the events that is for streams with poison.
	poisonedPart = 0.03
	// skew makes the first streams get most of the events, and the last ones next to none.
	skew = 1.2
)

// writer appends events to streams of very different activity.
type writer struct {
	store *pgstore.Store
	rng   *rand.Rand
	zipf  *rand.Zipf
	total int

	events   int // that were drawn
	appends  int
	versions map[eventstore.StreamID]eventstore.Version // that streams come to
}

func newWriter(store *pgstore.Store, rng *rand.Rand, total int) *writer {
	return &writer{
		store:    store,
		rng:      rng,
		zipf:     rand.NewZipf(rng, skew, 1, ordinaryStreams-1),
		total:    total,
		versions: make(map[eventstore.StreamID]eventstore.Version),
	}
}

// write appends until there are so many events, spread evenly over a time. It returns when all were acknowledged.
func (w *writer) write(ctx context.Context, through int, over time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	appends := make(chan []eventstore.Write)
	var appending sync.WaitGroup
	for range appenders {
		appending.Go(func() {
			for writes := range appends {
				if err := w.append(ctx, writes); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := w.feed(ctx, appends, through, over)
	close(appends)
	appending.Wait()
	return errors.Join(context.Cause(ctx), err)
}

// feed draws appends, each when it is due.
func (w *writer) feed(ctx context.Context, appends chan<- []eventstore.Write, through int, over time.Duration) error {
	begun, before := time.Now(), w.events
	for w.events < through {
		due := time.Duration(float64(over) * float64(w.events-before) / float64(through-before))
		if !wait.For(ctx, time.Until(begun.Add(due))) {
			return ctx.Err()
		}
		writes, err := w.draw(min(1+w.rng.IntN(mostEvents), through-w.events))
		if err != nil {
			return err
		}
		select {
		case appends <- writes:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// draw draws an append of so many events.
func (w *writer) draw(events int) ([]eventstore.Write, error) {
	var writes []eventstore.Write
	index := make(map[eventstore.StreamID]int) // of the write to a stream
	for range events {
		stream, poison := w.drawStream()
		event, err := newEvent(poison)
		if err != nil {
			return nil, err
		}
		event.ID = uuid.New() // lets an append be repeated whose outcome is unknown
		i, there := index[stream]
		if !there {
			i = len(writes)
			index[stream] = i
			writes = append(writes, eventstore.Write{Stream: stream, Expected: eventstore.AnyVersion})
		}
		writes[i].Events = append(writes[i].Events, event)
		w.versions[stream]++
	}
	w.events += events
	w.appends++
	return writes, nil
}

// drawStream draws the stream of the next event, and the event's fault.
func (w *writer) drawStream() (stream eventstore.StreamID, poison int) {
	if w.rng.Float64() >= poisonedPart {
		return ordinaryStream(int(w.zipf.Uint64())), 0
	}
	number := w.rng.IntN(poisonedStreams)
	stream = poisonedStream(number)
	return stream, w.poison(number, int(w.versions[stream]))
}

// poison returns the fault of the next event of a stream that has some: the first is a fifth of the way through the stream,
// the second three fifths.
func (w *writer) poison(number, version int) int {
	expected := int(poisonedPart * float64(w.total) / poisonedStreams)
	switch version {
	case expected/5 + number:
		return 1
	case expected*3/5 + number:
		return 2
	default:
		return 0
	}
}

// append repeats an append until it is acknowledged. Its event IDs see to it that it is made once.
func (w *writer) append(ctx context.Context, writes []eventstore.Write) error {
	return wait.Insist(ctx, func() error {
		if _, err := w.store.Append(ctx, writes...); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		return nil
	})
}
