package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

var _ eventstore.Snapshots = (*Store)(nil)

// keptSnapshot is guarded by Store.mu. The data never changes.
type keptSnapshot struct {
	eventstore.Snapshot

	since time.Time // when the first of its kind was taken
}

// LoadSnapshot implements [eventstore.Snapshots].
func (s *Store) LoadSnapshot(
	ctx context.Context, stream eventstore.StreamID, kind string,
) (eventstore.Snapshot, bool, error) {
	fail := func(err error) (eventstore.Snapshot, bool, error) {
		return eventstore.Snapshot{}, false, fmt.Errorf("load a snapshot of stream %q: %w", stream, err)
	}
	if err := errors.Join(stream.Validate(), eventstore.ValidateSnapshotKind(kind), ctx.Err()); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fail(eventstore.ErrClosed)
	}
	kept := s.snapshots[stream]
	if i := indexOfKind(kept, kind); i >= 0 {
		return kept[i].Snapshot, true, nil
	}
	return eventstore.Snapshot{}, false, nil
}

// SaveSnapshot implements [eventstore.Snapshots]. It stamps the snapshot with the clock of [Options].
func (s *Store) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if err := s.saveSnapshot(ctx, snapshot); err != nil {
		return fmt.Errorf("save a snapshot of stream %q: %w", snapshot.Stream, err)
	}
	return nil
}

func (s *Store) saveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if err := errors.Join(snapshot.Validate(), ctx.Err()); err != nil {
		return err
	}
	snapshot.Data = bytes.Clone(snapshot.Data)
	snapshot.TakenAt = time.UnixMicro(s.now().UnixMicro()).UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return eventstore.ErrClosed
	}
	kept := s.snapshots[snapshot.Stream]
	own := indexOfKind(kept, snapshot.Kind)
	switch {
	case own < 0:
		own = len(kept)
		kept = append(kept, keptSnapshot{Snapshot: snapshot, since: snapshot.TakenAt})
	case kept[own].Version < snapshot.Version:
		kept[own].Snapshot = snapshot
	}
	past := snapshot.TakenAt.Add(-eventstore.SnapshotRetention)
	if kept[own].since.Before(past) {
		kept = slices.DeleteFunc(kept, func(other keptSnapshot) bool {
			return other.Kind != snapshot.Kind && other.TakenAt.Before(past)
		})
	}
	s.snapshots[snapshot.Stream] = kept
	return nil
}

func indexOfKind(kept []keptSnapshot, kind string) int {
	return slices.IndexFunc(kept, func(k keptSnapshot) bool { return k.Kind == kind })
}

// DeleteSnapshots implements [eventstore.Snapshots].
func (s *Store) DeleteSnapshots(ctx context.Context, selection eventstore.SnapshotSelection) (int, error) {
	deleted, err := s.deleteSnapshots(ctx, selection)
	if err != nil {
		return 0, fmt.Errorf("delete snapshots: %w", err)
	}
	return deleted, nil
}

func (s *Store) deleteSnapshots(ctx context.Context, selection eventstore.SnapshotSelection) (int, error) {
	if err := errors.Join(selection.Validate(), ctx.Err()); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, eventstore.ErrClosed
	}
	deleted := 0
	for stream, kept := range s.snapshots {
		if !selects(selection.Category, stream.Category) || !selects(selection.Key, stream.Key) {
			continue
		}
		left := slices.DeleteFunc(kept, func(k keptSnapshot) bool { return selects(selection.Kind, k.Kind) })
		deleted += len(kept) - len(left)
		s.snapshots[stream] = left
		if len(left) == 0 {
			delete(s.snapshots, stream)
		}
	}
	return deleted, nil
}

// selects reports whether a field of a selection selects a name.
func selects(field, name string) bool { return field == "" || field == name }
