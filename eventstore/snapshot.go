package eventstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// MaxSnapshotBytes is the greatest size of a snapshot's data.
	MaxSnapshotBytes = 16 << 20
	// MaxSnapshotKindBytes is the greatest length of a snapshot's kind.
	MaxSnapshotKindBytes = 256
)

// Snapshot is what the events of a stream amount to up to a version, kept so that those events need not be read again.
// It is derived from them: it can be deleted at any time, and whoever cannot use one reads the events.
type Snapshot struct {
	Stream StreamID
	// Kind names the form of Data and what it was derived by: not empty, at most MaxSnapshotKindBytes, valid UTF-8 without
	// NUL. Kinds are kept side by side, so that two versions of a program do not take each other's snapshots away.
	Kind string
	// Version is that of the last event in the snapshot, at least 1; Position and EventID are that event's too. By these a
	// snapshot is recognized that belongs to events which the store has lost.
	Version  Version
	Position Position
	EventID  uuid.UUID
	// Data is at most MaxSnapshotBytes. It comes back byte for byte, empty data perhaps as nil. What is loaded may be shared
	// and must not be changed; what was saved is the caller's again.
	Data []byte
	// TakenAt is when it was saved, by the store's clock, in UTC and to the microsecond. It is set by the store.
	TakenAt time.Time
}

// Snapshots is what a store offers that keeps snapshots beside its events: of each stream and kind the newest. They touch
// no stream: a store keeps a snapshot whether or not there are events to it, and shows none of it to readers of events.
//
// All methods are safe for concurrent use, from several processes. A method whose context ends returns an error that wraps
// the context's, and after Close every method returns [ErrClosed]. A snapshot that was saved may be lost in a crash, but one
// that is there is whole.
type Snapshots interface {
	// LoadSnapshot returns the snapshot of a stream and kind, false when there is none. It costs about as much as reading
	// one event of that size. It returns [ErrInvalid] for a stream or kind that cannot be.
	LoadSnapshot(ctx context.Context, stream StreamID, kind string) (Snapshot, bool, error)

	// SaveSnapshot keeps a snapshot in the place of an older one of its stream and kind. Where one of the same or a higher
	// version is kept, that stays: of savers that race, the one with the newest wins. So a snapshot that belongs to lost
	// events is in the way of others until it is deleted.
	//
	// Once its own kind has been kept for [SnapshotRetention], SaveSnapshot also removes those of other kinds of the stream
	// that were taken longer ago than that.
	//
	// It returns [ErrInvalid] for a snapshot that [Snapshot.Validate] refuses. When it fails, the snapshot may have been
	// saved nevertheless; saving it again is safe.
	SaveSnapshot(ctx context.Context, snapshot Snapshot) error

	// DeleteSnapshots removes the snapshots that are selected and returns how many. One that is saved meanwhile may stay.
	// It returns [ErrInvalid] for a selection that cannot be. When it fails, they may have been removed nevertheless.
	DeleteSnapshots(ctx context.Context, selection SnapshotSelection) (int, error)
}

// SnapshotRetention is for how long a stream keeps snapshots of another kind beside those that are taken now: long enough
// to go back to the version of a program that took them.
const SnapshotRetention = 7 * 24 * time.Hour

// SnapshotSelection selects snapshots. The zero value of a field selects all; a Key needs a Category.
type SnapshotSelection struct {
	Category, Key, Kind string
}

// Validate returns an error wrapping [ErrInvalid] that names the field and the limit when no backend keeps the snapshot.
func (s Snapshot) Validate() error {
	if err := s.Stream.Validate(); err != nil {
		return err
	}
	if err := ValidateSnapshotKind(s.Kind); err != nil {
		return err
	}
	if s.Version < 1 || s.Position < 1 {
		return fmt.Errorf("%w: a snapshot at version %d, position %d is of no event", ErrInvalid, s.Version, s.Position)
	}
	if err := ValidateEventID(s.EventID); err != nil {
		return err
	}
	if n := len(s.Data); n > MaxSnapshotBytes {
		return fmt.Errorf("%w: Data is %d bytes, the limit is %d", ErrInvalid, n, MaxSnapshotBytes)
	}
	return nil
}

// ValidateSnapshotKind returns an error wrapping [ErrInvalid] when a kind cannot be one.
func ValidateSnapshotKind(kind string) error {
	if err := validateName("Kind", kind); err != nil {
		return err
	}
	if n := len(kind); n > MaxSnapshotKindBytes {
		return fmt.Errorf("%w: Kind is %d bytes, the limit is %d", ErrInvalid, n, MaxSnapshotKindBytes)
	}
	return nil
}

// Validate returns an error wrapping [ErrInvalid] when nothing can be selected.
func (s SnapshotSelection) Validate() error {
	if s.Kind != "" {
		if err := ValidateSnapshotKind(s.Kind); err != nil {
			return err
		}
	}
	switch {
	case s.Key != "":
		return StreamID{Category: s.Category, Key: s.Key}.Validate()
	case s.Category != "":
		return ValidateCategory(s.Category)
	}
	return nil
}
