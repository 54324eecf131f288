package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// eventBytes is the size of every event's data.
const eventBytes = 200

const (
	category = "order"
	itemType = "order.item-added"
)

// event is the family of the events that are measured.
type event interface{ isEvent() }

type itemAdded struct {
	ItemID string `json:"item_id"`
	Name   string `json:"name"`
	Price  int64  `json:"price"`
	Note   string `json:"note"`
}

func (itemAdded) isEvent() {}

var events = eventstore.JSON(category, map[string]event{itemType: itemAdded{}})

// newEvent returns an event of eventBytes.
func newEvent() eventstore.EventData {
	return eventstore.EventData{Type: itemType, Data: encode(newItem())}
}

// newItem returns what is eventBytes long as JSON.
func newItem() itemAdded {
	item := itemAdded{ItemID: "0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f", Name: "Socks", Price: 1_299}
	item.Note = strings.Repeat("x", eventBytes-len(encode(item)))
	return item
}

func encode(item itemAdded) []byte {
	data, err := json.Marshal(item)
	if err != nil {
		panic(err) // strings and a number
	}
	return data
}

// newEvents returns the same event many times; each gets an ID of its own when it is appended.
func newEvents(count int) []eventstore.EventData {
	events := make([]eventstore.EventData, count)
	for i := range events {
		events[i] = newEvent()
	}
	return events
}

func newStream() eventstore.StreamID {
	return eventstore.StreamID{Category: category, Key: uuid.NewString()}
}

func newStreams(count int) []eventstore.StreamID {
	streams := make([]eventstore.StreamID, count)
	for i := range streams {
		streams[i] = newStream()
	}
	return streams
}

// Works that read have this many events to read.
const (
	filledStreams = 1_000
	streamEvents  = 100
	filledEvents  = filledStreams * streamEvents
)

// fill appends streamEvents events to each of filledStreams streams.
func fill(ctx context.Context, store eventstore.Store) ([]eventstore.StreamID, error) {
	return fillStreams(ctx, store, filledStreams, streamEvents)
}

// fillStreams appends events to new streams, one to each in turn, so that a stream's events lie as scattered as those of
// streams that have grown side by side. An append's rows are written in the order of their streams; most appends are small,
// so that rows lie as their positions do, and so they do here.
func fillStreams(ctx context.Context, store eventstore.Store, count, perStream int) ([]eventstore.StreamID, error) {
	streams := newStreams(count)
	slices.SortFunc(streams, func(a, b eventstore.StreamID) int { return cmp.Compare(a.Key, b.Key) })
	one := newEvents(1)
	for version := range eventstore.Version(perStream) {
		for some := range slices.Chunk(streams, eventstore.MaxAppendWrites) {
			writes := make([]eventstore.Write, len(some))
			for i, stream := range some {
				writes[i] = eventstore.Write{Stream: stream, Expected: eventstore.Exactly(version), Events: one}
			}
			if _, err := store.Append(ctx, writes...); err != nil {
				return nil, fmt.Errorf("fill the store: %w", err)
			}
		}
	}
	return streams, nil
}
