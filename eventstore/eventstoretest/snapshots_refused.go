package eventstoretest

import (
	"bytes"
	"strings"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

func snapshotLimitsAreAccepted(c *trial) {
	saved := snapshotOf(stream("a"), testKind, 1)
	saved.Data = bytes.Repeat([]byte("0123456789abcdef"), eventstore.MaxSnapshotBytes/16)
	c.saves(c.Store, saved)
	c.loads(c.Store, saved)
	longest := eventstore.StreamID{Category: "c", Key: noise(c.random, eventstore.MaxStreamIDBytes-1)}
	saved = snapshotOf(longest, noise(c.random, eventstore.MaxSnapshotKindBytes), 1<<62)
	saved.Position = 1 << 62
	c.saves(c.Store, saved)
	c.loads(c.Store, saved)
}

func invalidSnapshotIsRefused(c *trial) {
	snapshots, kept := snapshotsOf(c.Store), snapshotOf(stream("a"), testKind, 1)
	c.saves(c.Store, kept)
	refused := map[string]func(s *eventstore.Snapshot){
		"version 0":           func(s *eventstore.Snapshot) { s.Version = 0 },
		"a negative version":  func(s *eventstore.Snapshot) { s.Version = -1 },
		"position 0":          func(s *eventstore.Snapshot) { s.Position = 0 },
		"a negative position": func(s *eventstore.Snapshot) { s.Position = -1 },
		"no event ID":         func(s *eventstore.Snapshot) { s.EventID = uuid.Nil },
		"too much data":       func(s *eventstore.Snapshot) { s.Data = make([]byte, eventstore.MaxSnapshotBytes+1) },
	}
	for name, change := range refused {
		snapshot := snapshotOf(stream("a"), testKind, 2)
		change(&snapshot)
		c.fails(snapshots.SaveSnapshot(c.ctx, snapshot), eventstore.ErrInvalid, "save a snapshot with %s", name)
	}
	deletes := func(selection eventstore.SnapshotSelection) {
		c.Helper()
		_, err := snapshots.DeleteSnapshots(c.ctx, selection)
		c.fails(err, eventstore.ErrInvalid, "delete %+v", selection)
	}
	for _, s := range refusedStreams() {
		id := s.write.Stream
		c.fails(snapshots.SaveSnapshot(c.ctx, snapshotOf(id, testKind, 2)), eventstore.ErrInvalid, "save with %s", s.name)
		_, _, err := snapshots.LoadSnapshot(c.ctx, id, testKind)
		c.fails(err, eventstore.ErrInvalid, "load with %s", s.name)
		if id.Key != "" {
			deletes(eventstore.SnapshotSelection{Category: id.Category, Key: id.Key})
		}
	}
	kinds := badNames()
	kinds["long"] = strings.Repeat("k", max(eventstore.MaxSnapshotKindBytes, eventstore.MaxStreamIDBytes)+1)
	for name, kind := range kinds {
		snapshot := snapshotOf(stream("a"), kind, 2)
		c.fails(snapshots.SaveSnapshot(c.ctx, snapshot), eventstore.ErrInvalid, "save with a kind: %s", name)
		_, _, err := snapshots.LoadSnapshot(c.ctx, stream("a"), kind)
		c.fails(err, eventstore.ErrInvalid, "load with a kind: %s", name)
		if kind != "" {
			deletes(eventstore.SnapshotSelection{Kind: kind})
			deletes(eventstore.SnapshotSelection{Category: kind})
		}
	}
	deletes(eventstore.SnapshotSelection{Key: "a"})
	c.loads(c.Store, kept)
}
