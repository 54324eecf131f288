package aggregate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// snapshotStore is what the stores of these tests are.
type snapshotStore interface {
	eventstore.Store
	eventstore.Snapshots
	eventstore.Finder
}

// keeping is a store that remembers what it was asked for, and changes what a test has a function for.
type keeping struct {
	snapshotStore
	onSave func(snapshot eventstore.Snapshot, next func() error) error
	onLoad func(next func() (eventstore.Snapshot, bool, error)) (eventstore.Snapshot, bool, error)
	onFind func()

	mu      sync.Mutex
	saved   []eventstore.Snapshot
	loads   int
	deletes int
	finds   int
	appends int
	reads   []eventstore.Version // the version at which each read of a stream began
	events  int                  // that were read
}

func inMemory() *keeping { return &keeping{snapshotStore: memstore.New(nil)} }

func (k *keeping) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	next := func() error { return k.snapshotStore.SaveSnapshot(ctx, snapshot) }
	if k.onSave != nil {
		if err := k.onSave(snapshot, next); err != nil {
			return err
		}
	} else if err := next(); err != nil {
		return err
	}
	k.note(func() { k.saved = append(k.saved, snapshot) })
	return nil
}

func (k *keeping) LoadSnapshot(
	ctx context.Context, stream eventstore.StreamID, kind string,
) (eventstore.Snapshot, bool, error) {
	k.note(func() { k.loads++ })
	next := func() (eventstore.Snapshot, bool, error) { return k.snapshotStore.LoadSnapshot(ctx, stream, kind) }
	if k.onLoad != nil {
		return k.onLoad(next)
	}
	return next()
}

func (k *keeping) DeleteSnapshots(ctx context.Context, selection eventstore.SnapshotSelection) (int, error) {
	k.note(func() { k.deletes++ })
	return k.snapshotStore.DeleteSnapshots(ctx, selection)
}

func (k *keeping) FindGiven(
	ctx context.Context, stream eventstore.StreamID, id uuid.UUID,
) (eventstore.RecordedEvent, bool, error) {
	k.note(func() { k.finds++ })
	if k.onFind != nil {
		k.onFind()
	}
	return k.snapshotStore.FindGiven(ctx, stream, id)
}

func (k *keeping) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	k.note(func() { k.appends++ })
	return k.snapshotStore.Append(ctx, writes...)
}

func (k *keeping) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		k.note(func() { k.reads = append(k.reads, opts.From) })
		for event, err := range k.snapshotStore.ReadStream(ctx, id, opts) {
			k.note(func() { k.events++ })
			if !yield(event, err) {
				return
			}
		}
	}
}

func (k *keeping) note(what func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	what()
}

// versions returns those of the snapshots that were saved.
func (k *keeping) versions() (versions []eventstore.Version) {
	k.note(func() {
		for _, snapshot := range k.saved {
			versions = append(versions, snapshot.Version)
		}
	})
	return versions
}

// newest returns the snapshot that was saved last.
func (k *keeping) newest(t *testing.T) eventstore.Snapshot {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	require.NotEmpty(t, k.saved)
	return k.saved[len(k.saved)-1]
}

// forgetCalls begins to count anew.
func (k *keeping) forgetCalls() {
	k.note(func() {
		k.loads, k.deletes, k.finds, k.appends, k.events = 0, 0, 0, 0, 0
		k.reads, k.saved = nil, nil
	})
}

type accounts = aggregate.Repository[account, movement]

// every returns accounts that take a snapshot after so many events, and log nowhere.
func every(store eventstore.Store, events int) *accounts {
	return keep(store, aggregate.SnapshotOptions{Every: events})
}

func keep(store eventstore.Store, options aggregate.SnapshotOptions) *accounts {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return aggregate.New[account](store, movements, &aggregate.Options{Snapshots: &options})
}

// settle waits until no snapshot is being taken any more. Then the repository takes none.
func settle(t *testing.T, repository *accounts) {
	t.Helper()
	require.NoError(t, repository.Close(t.Context()))
}

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(line)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// lines returns the messages with their errors.
func (l *logs) lines(t *testing.T) (lines []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	decoder := json.NewDecoder(bytes.NewReader(l.out.Bytes()))
	for decoder.More() {
		var line struct{ Msg, Stream, Error string }
		require.NoError(t, decoder.Decode(&line))
		lines = append(lines, line.Msg+" | "+line.Stream+" | "+line.Error)
	}
	return lines
}
