package processmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// maxRaces is how often an update gives way to others before it gives up. Only the few that work for one instance at
// the same time race: one that reacts and one that dispatches, in each process.
const maxRaces = 100

// history reads and writes the streams of a process's instances.
type history struct {
	store   eventstore.Store
	process string
}

// stream returns the stream of an instance.
func (h history) stream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: categoryPrefix + h.process, Key: key}
}

// load reads an instance, which is empty when its stream is.
func (h history) load(ctx context.Context, key string) (*instance, error) {
	i := newInstance(h.stream(key))
	for event, err := range h.store.ReadStream(ctx, i.stream, eventstore.ReadOptions{}) {
		if err != nil {
			return nil, fmt.Errorf("load instance %q of process %q: %w", key, h.process, err)
		}
		if err := i.apply(event); err != nil {
			return nil, fmt.Errorf("load instance %q of process %q: %w", key, h.process, err)
		}
	}
	return i, nil
}

// update appends what decide makes of an instance, if anything, and takes it into the instance. When the stream has
// changed meanwhile it loads the instance anew and decides again. It does so too when the outcome of an append is
// unknown: if that was made after all, either the instance shows it or the next append conflicts with it.
func (h history) update(
	ctx context.Context, i *instance, decide func(*instance) ([]eventstore.EventData, error),
) error {
	for races := 0; ; races++ {
		records, err := decide(i)
		if err != nil || len(records) == 0 {
			return err
		}
		err = h.append(ctx, i, records)
		if err == nil {
			return nil
		}
		if !isRace(err) || races == maxRaces {
			return fmt.Errorf("record what instance %q of process %q does: %w", i.stream.Key, h.process, err)
		}
		newest, err := h.load(ctx, i.stream.Key)
		if err != nil {
			return err
		}
		*i = *newest
	}
}

func isRace(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict) || errors.Is(err, eventstore.ErrOutcomeUnknown)
}

// append adds records to the stream, which must not have changed since the instance was loaded, and takes them in.
func (h history) append(ctx context.Context, i *instance, records []eventstore.EventData) error {
	write := eventstore.Write{Stream: i.stream, Expected: eventstore.Exactly(i.version), Events: records}
	if _, err := h.store.Append(ctx, write); err != nil {
		return err
	}
	for _, record := range records {
		err := i.apply(eventstore.RecordedEvent{
			Stream:        i.stream,
			Version:       i.version + 1,
			Type:          record.Type,
			SchemaVersion: record.SchemaVersion,
			ContentType:   record.ContentType,
			Data:          record.Data,
			Metadata:      record.Metadata,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
