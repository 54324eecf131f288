package eventstoretest

import (
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Here are the steps that clauses are made of: events and writes, and what is done with a store when it must not fail.

const (
	testCategory = "account"
	testType     = "account.changed"
)

// everything selects every event but the library's own.
var everything eventstore.Filter

func stream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: testCategory, Key: key}
}

// event returns an event whose data is a label.
func event(label string) eventstore.EventData {
	return eventstore.EventData{Type: testType, Data: fmt.Appendf(nil, "%q", label)}
}

// identified returns an event with a new ID of the caller's.
func identified(label string) eventstore.EventData {
	e := event(label)
	e.ID = uuid.New()
	return e
}

// events returns n different events.
func events(n int) []eventstore.EventData {
	made := make([]eventstore.EventData, n)
	for i := range made {
		made[i] = event(fmt.Sprint(i))
	}
	return made
}

func write(key string, expected eventstore.ExpectedVersion, events ...eventstore.EventData) eventstore.Write {
	return eventstore.Write{Stream: stream(key), Expected: expected, Events: events}
}

// check returns a write that only checks.
func check(key string, expected eventstore.ExpectedVersion) eventstore.Write {
	return write(key, expected)
}

// begins returns the first event of a new stream. The stream's key is the event's label.
func begins(key string) eventstore.Write {
	return write(key, eventstore.NoStream, event(key))
}

// append appends through the harness's store and ends the clause on an error.
func (c *trial) append(writes ...eventstore.Write) eventstore.AppendResult {
	c.Helper()
	return c.appendTo(c.Store, writes...)
}

func (c *trial) appendTo(store eventstore.Store, writes ...eventstore.Write) eventstore.AppendResult {
	c.Helper()
	result, err := store.Append(c.ctx, writes...)
	c.ok(err, "append")
	equal(c, "number of write results", len(result.Writes), len(writes))
	return result
}

// refuses ends the clause when an append is not refused with an error that wraps want.
func (c *trial) refuses(want error, writes ...eventstore.Write) {
	c.Helper()
	result, err := c.Store.Append(c.ctx, writes...)
	c.fails(err, want, "append that must be refused (its result is %v)", result)
}

func (c *trial) head(store eventstore.Store) eventstore.Position {
	c.Helper()
	head, err := store.Head(c.ctx)
	c.ok(err, "ask for the head")
	return head
}

// stream reads a whole stream and checks its versions.
func (c *trial) stream(store eventstore.Store, key string) []eventstore.RecordedEvent {
	c.Helper()
	read := c.read(store, stream(key), eventstore.ReadOptions{})
	c.isStream(stream(key), read)
	return read
}

func (c *trial) read(
	store eventstore.Store, id eventstore.StreamID, opts eventstore.ReadOptions,
) []eventstore.RecordedEvent {
	c.Helper()
	read, err := collect(store.ReadStream(c.ctx, id, opts))
	c.ok(err, "read stream %q", id)
	return read
}

// all reads all events but the library's own.
func (c *trial) all(store eventstore.Store) []eventstore.RecordedEvent {
	c.Helper()
	read, err := readAll(c.ctx, store, 0, everything)
	c.ok(err, "read all")
	return read
}

// shows ends the clause when reading all does not show just these labels, in this order.
func (c *trial) shows(store eventstore.Store, labels ...string) {
	c.Helper()
	equal(c, "events of ReadAll", fmt.Sprint(labelsOf(c.all(store))), fmt.Sprint(labels))
}

// labelsOf returns the keys of the events' streams, which for events of begins are their labels.
func labelsOf(events []eventstore.RecordedEvent) []string {
	labels := make([]string, len(events))
	for i, event := range events {
		labels[i] = event.Stream.Key
	}
	return labels
}

func readAll(
	ctx context.Context, store eventstore.Store, after eventstore.Position, filter eventstore.Filter,
) ([]eventstore.RecordedEvent, error) {
	read, err := collect(store.ReadAll(ctx, after, filter))
	if err != nil {
		return nil, fmt.Errorf("read all after %d: %w", after, err)
	}
	last := after
	for _, event := range read {
		if event.Position <= last {
			return nil, fmt.Errorf("read all after %d: %s follows position %d", after, place(event), last)
		}
		last = event.Position
	}
	return read, nil
}

// collect returns what a sequence yields, and the error that it ends with. What follows an error is an error too.
func collect[V any](sequence iter.Seq2[V, error]) ([]V, error) {
	var (
		values []V
		ended  error
	)
	for value, err := range sequence {
		if ended != nil {
			return nil, fmt.Errorf("the sequence went on after the error %w", ended)
		}
		if err != nil {
			ended = err
			continue
		}
		values = append(values, value)
	}
	return values, ended
}
