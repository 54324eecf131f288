package processmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// maxRaces is how often an update gives way to others before it gives up. Only the few that work for one instance at
	// the same time race: one that reacts, one that dispatches and one that fires timers, in each process.
	maxRaces = 100
	// loadedRecords is how many records are read of an instance: enough to find the last snapshot.
	loadedRecords = snapshotEvery + 1
)

// recall returns an instance as of at least a version, without reading it if it was written here last.
func (m *core[C]) recall(ctx context.Context, key string, version eventstore.Version) (*instance, error) {
	if i := m.recent.recall(key, version); i != nil {
		return i, nil
	}
	return m.load(ctx, key)
}

// load reads an instance, which is empty when its stream is: from its last snapshot on.
func (m *core[C]) load(ctx context.Context, key string) (*instance, error) {
	i := &instance{stream: m.stream(key)}
	tail, err := m.readTail(ctx, i.stream)
	if err != nil {
		return nil, fmt.Errorf("load instance %q of process %q: %w", key, m.name, err)
	}
	if len(tail) > 0 {
		i.version = tail[0].Version - 1
	}
	for _, event := range tail {
		if err := i.replay(event); err != nil {
			return nil, fmt.Errorf("load instance %q of process %q: %w", key, m.name, err)
		}
	}
	return i, nil
}

// readTail returns the records of a stream from the last snapshot on.
func (m *core[C]) readTail(ctx context.Context, stream eventstore.StreamID) ([]eventstore.RecordedEvent, error) {
	var tail []eventstore.RecordedEvent
	options := eventstore.ReadOptions{Backwards: true, Limit: loadedRecords}
	for {
		read := len(tail)
		for event, err := range m.store.ReadStream(ctx, stream, options) {
			if err != nil {
				return nil, err
			}
			tail = append(tail, event)
			if event.Version == 1 || event.Type == (snapshotRecord{}).recordType() {
				slices.Reverse(tail)
				return tail, nil
			}
		}
		if len(tail) == read {
			return nil, nil
		}
		options.From = tail[len(tail)-1].Version - 1
	}
}

func (i *instance) replay(event eventstore.RecordedEvent) error {
	r, err := decodeRecord(event)
	if err != nil {
		return err
	}
	return i.apply(r, event.ID, event.Metadata)
}

// update appends what decide adds to a draft of an instance, if anything, and takes it into the instance. When the
// stream has changed meanwhile it loads the instance anew and decides again. It does so too when the outcome of an
// append is unknown: if that was made after all, either the instance shows it or the next append conflicts with it.
func (m *core[C]) update(ctx context.Context, i *instance, decide func(d *draft) error) error {
	for races, fresh := 0, false; ; races++ {
		d := &draft{instance: i.clone()}
		if failed := decide(d); failed != nil {
			// An instance that is out of date proves nothing, and no append has shown that this one is not.
			before := i.version
			if fresh || ctx.Err() != nil {
				return failed
			}
			newest, err := m.load(ctx, i.stream.Key)
			if err != nil {
				return err
			}
			if *i, fresh = *newest, true; i.version == before {
				return failed
			}
			continue
		}
		if len(d.records) == 0 {
			return nil
		}
		if err := d.finish(); err != nil {
			return err
		}
		_, err := m.store.Append(ctx, d.write(i.version))
		if err == nil {
			*i = *d.instance
			if i.Definition == m.options.Version {
				m.recent.remember(i)
			} else { // whether it wants an event depends on the version by which it goes on
				m.recent.drop(i.stream.Key)
			}
			return nil
		}
		if !isRace(err) || races == maxRaces {
			return fmt.Errorf("record what instance %q of process %q does: %w", i.stream.Key, m.name, err)
		}
		newest, err := m.load(ctx, i.stream.Key)
		if err != nil {
			return err
		}
		*i, fresh = *newest, true
	}
}

func isRace(err error) bool {
	var conflict *eventstore.ConflictError
	return errors.As(err, &conflict) || errors.Is(err, eventstore.ErrOutcomeUnknown)
}
