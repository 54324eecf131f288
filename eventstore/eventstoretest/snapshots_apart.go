package eventstoretest

import (
	"fmt"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

func kindsAreSideBySide(c *trial) {
	var saved []eventstore.Snapshot
	for i, kind := range append(oddNames(), "-", "--", strings.Repeat("k", eventstore.MaxSnapshotKindBytes)) {
		saved = append(saved, snapshotOf(stream("a"), kind, eventstore.Version(100-i)))
	}
	for _, snapshot := range saved {
		c.lacks(snapshot.Stream, snapshot.Kind)
		c.saves(c.Store, snapshot)
	}
	for _, snapshot := range saved {
		c.loads(c.Store, snapshot)
	}
}

func snapshotsOfStreamsAreApart(c *trial) {
	var saved []eventstore.Snapshot
	for i, id := range []eventstore.StreamID{
		{Category: "a", Key: "b-c"},
		{Category: "a", Key: "b"},
		{Category: "ab", Key: "c"},
		{Category: "a", Key: "bc"},
		{Category: "a", Key: "A"},
		{Category: "A", Key: "a"},
		{Category: "a", Key: "a"},
		{Category: "$pm.a", Key: "a"},
	} {
		saved = append(saved, snapshotOf(id, testKind, eventstore.Version(10-i)))
	}
	for _, snapshot := range saved {
		c.lacks(snapshot.Stream, snapshot.Kind)
		c.saves(c.Store, snapshot)
	}
	for _, snapshot := range saved {
		c.loads(c.Store, snapshot)
	}
}

// selectedAreDeleted deletes by all selections that there are, and counts.
func selectedAreDeleted(c *trial) {
	var all []eventstore.Snapshot
	for _, category := range []string{"a", "A"} {
		for _, key := range []string{"1", "2"} {
			for _, kind := range []string{"x", "y"} {
				all = append(all, snapshotOf(eventstore.StreamID{Category: category, Key: key}, kind, 5))
			}
		}
	}
	for _, selection := range []eventstore.SnapshotSelection{
		{},
		{Kind: "x"},
		{Category: "a"},
		{Category: "a", Kind: "y"},
		{Category: "A", Key: "1"},
		{Category: "A", Key: "2", Kind: "x"},
		{Category: "none"},
		{Kind: "none"},
		{Category: "a", Key: "none"},
	} {
		for _, snapshot := range all {
			c.saves(c.Store, snapshot)
		}
		selected := 0
		deleted, err := snapshotsOf(c.Store).DeleteSnapshots(c.ctx, selection)
		c.ok(err, "delete %+v", selection)
		for _, snapshot := range all {
			if !isSelected(snapshot, selection) {
				c.loads(c.Store, snapshot)
				continue
			}
			selected++
			c.lacks(snapshot.Stream, snapshot.Kind)
		}
		equal(c, fmt.Sprintf("how many were deleted by %+v", selection), deleted, selected)
		older := all[0]
		older.Version = 1 // what was deleted is in the way no more
		if isSelected(older, selection) {
			c.saves(c.Store, older)
			c.loads(c.Store, older)
		}
	}
}

func isSelected(snapshot eventstore.Snapshot, selection eventstore.SnapshotSelection) bool {
	return (selection.Category == "" || selection.Category == snapshot.Stream.Category) &&
		(selection.Key == "" || selection.Key == snapshot.Stream.Key) &&
		(selection.Kind == "" || selection.Kind == snapshot.Kind)
}
