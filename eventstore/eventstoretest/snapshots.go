package eventstoretest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// snapshotClauses hold that a store that keeps snapshots keeps the newest, of each stream and kind, and beside the events.
func snapshotClauses() []clause[*trial] {
	needs := []feature{needsSnapshots}
	return []clause[*trial]{
		{name: "there is none at first", check: noSnapshotAtFirst, needs: needs},
		{name: "what was saved is loaded", check: snapshotComesBack, needs: needs},
		{name: "data comes back byte for byte", check: snapshotDataIsFaithful, needs: needs},
		{name: "the newest is kept", check: newestSnapshotIsKept, needs: needs},
		{name: "the newest is kept of savers that race", check: newestOfRacersIsKept, needs: needs},
		{name: "kinds are side by side", check: kindsAreSideBySide, needs: needs},
		{name: "streams are apart", check: snapshotsOfStreamsAreApart, needs: needs},
		{name: "what is selected is deleted", check: selectedAreDeleted, needs: needs},
		{name: "what the caller changes afterwards is not kept", check: callerMayChangeSnapshot, needs: needs},
		{name: "limits are accepted", check: snapshotLimitsAreAccepted, needs: needs},
		{name: "what is beyond a limit or malformed is refused", check: invalidSnapshotIsRefused, needs: needs},
		{name: "no event is touched", check: snapshotsTouchNoEvent, needs: needs},
		{name: "an ended context ends every method", check: endedContextEndsSnapshots, needs: needs},
		{name: "everything fails after close", check: snapshotsFailAfterClose, needs: needs},
	}
}

const testKind = "balance 1"

// snapshotOf returns a snapshot whose data says of what it is.
func snapshotOf(id eventstore.StreamID, kind string, version eventstore.Version) eventstore.Snapshot {
	return eventstore.Snapshot{
		Stream: id, Kind: kind, Version: version, Position: 10 * eventstore.Position(version), EventID: uuid.New(),
		Data: fmt.Appendf(nil, "%q %q %d", id, kind, version),
	}
}

func snapshotsOf(store eventstore.Store) eventstore.Snapshots { return store.(eventstore.Snapshots) }

func (c *trial) saves(store eventstore.Store, snapshot eventstore.Snapshot) {
	c.Helper()
	c.ok(snapshotsOf(store).SaveSnapshot(c.ctx, snapshot), "save version %d of stream %q", snapshot.Version, snapshot.Stream)
}

// loads ends the clause when a handle does not have a snapshot as it was saved.
func (c *trial) loads(store eventstore.Store, saved eventstore.Snapshot) {
	c.Helper()
	loaded, found, err := snapshotsOf(store).LoadSnapshot(c.ctx, saved.Stream, saved.Kind)
	c.ok(err, "load a snapshot of stream %q", saved.Stream)
	if !found {
		c.Fatalf("there is no snapshot of kind %q of stream %q", saved.Kind, saved.Stream)
	}
	if !bytes.Equal(loaded.Data, saved.Data) {
		c.Fatalf("data of kind %q of stream %q is %.80q (%d bytes), want %.80q (%d bytes)",
			saved.Kind, saved.Stream, loaded.Data, len(loaded.Data), saved.Data, len(saved.Data))
	}
	loaded.Data, saved.Data, loaded.TakenAt, saved.TakenAt = nil, nil, time.Time{}, time.Time{}
	equal(c, "snapshot", loaded, saved)
}

// lacks ends the clause when there is a snapshot of a stream and kind.
func (c *trial) lacks(id eventstore.StreamID, kind string) {
	c.Helper()
	loaded, found, err := snapshotsOf(c.Store).LoadSnapshot(c.ctx, id, kind)
	c.ok(err, "load a snapshot of stream %q", id)
	if found {
		c.Fatalf("there is a snapshot of version %d of kind %q of stream %q", loaded.Version, kind, id)
	}
	equal(c, "snapshot that is not there", loaded, eventstore.Snapshot{})
}

func noSnapshotAtFirst(c *trial) {
	c.lacks(stream("a"), testKind)
	c.append(begins("a"))
	c.lacks(stream("a"), testKind)
}

func snapshotComesBack(c *trial) {
	saved := snapshotOf(stream("a"), testKind, 7)
	c.saves(c.Store, saved)
	for _, store := range c.handles() {
		c.loads(store, saved)
	}
	loaded, _, err := snapshotsOf(c.Store).LoadSnapshot(c.ctx, saved.Stream, saved.Kind)
	c.ok(err, "load")
	const tolerance = time.Hour // clocks differ
	if since := time.Since(loaded.TakenAt); since.Abs() > tolerance {
		c.Fatalf("TakenAt is %v, %v ago", loaded.TakenAt, since)
	}
	if loaded.TakenAt.Location() != time.UTC || !loaded.TakenAt.Equal(loaded.TakenAt.Truncate(time.Microsecond)) {
		c.Fatalf("TakenAt is %v, it must be in UTC and to the microsecond", loaded.TakenAt)
	}
}

func snapshotDataIsFaithful(c *trial) {
	const megabyte = 1 << 20
	random := c.newRandom(1)
	everyByte, noise := make([]byte, 256), make([]byte, megabyte)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for i, data := range [][]byte{
		nil, {}, {0}, everyByte, []byte(`\x00`), []byte(`{"a": 1}`), {0xff, 0xfe}, noise, bytes.Repeat([]byte{0}, 3*megabyte),
	} {
		saved := snapshotOf(stream(counted("a", i)), testKind, 1)
		saved.Data = data
		c.saves(c.Store, saved)
		for _, store := range c.handles() {
			c.loads(store, saved)
		}
	}
}

func newestSnapshotIsKept(c *trial) {
	first := snapshotOf(stream("a"), testKind, 3)
	c.saves(c.Store, first)
	for _, version := range []eventstore.Version{1, 2, 3} { // the last with other data
		other := snapshotOf(stream("a"), testKind, version)
		other.Data = []byte("other")
		c.saves(c.Store, other)
		c.loads(c.Store, first)
	}
	newer := snapshotOf(stream("a"), testKind, 4)
	c.saves(c.Store, newer)
	c.loads(c.Store, newer)
	c.saves(c.Store, first)
	for _, store := range c.handles() {
		c.loads(store, newer)
	}
}

// newestOfRacersIsKept saves versions at once, in any order. Nobody may see an older one after a newer.
func newestOfRacersIsKept(c *trial) {
	const racers, versions = 8, 15
	handles := c.handles()
	saved := make([]eventstore.Snapshot, racers*versions)
	for i := range saved {
		saved[i] = snapshotOf(stream("a"), testKind, eventstore.Version(1+i))
	}
	newest := saved[len(saved)-1]
	c.random.Shuffle(len(saved), func(i, j int) { saved[i], saved[j] = saved[j], saved[i] })
	c.race(racers, func(i int) error {
		snapshots, seen := snapshotsOf(handles[i%len(handles)]), eventstore.Version(0)
		for _, snapshot := range saved[i*versions : (i+1)*versions] {
			if err := snapshots.SaveSnapshot(c.ctx, snapshot); err != nil {
				return err
			}
			loaded, _, err := snapshots.LoadSnapshot(c.ctx, snapshot.Stream, testKind)
			if err != nil {
				return err
			}
			if loaded.Version < max(seen, snapshot.Version) {
				return fmt.Errorf("version %d is loaded after %d was saved and %d was seen", loaded.Version, snapshot.Version, seen)
			}
			seen = loaded.Version
		}
		return nil
	})
	for _, store := range handles {
		c.loads(store, newest)
	}
}

func callerMayChangeSnapshot(c *trial) {
	saved := snapshotOf(stream("a"), testKind, 1)
	given := saved
	given.Data = bytes.Clone(saved.Data)
	c.saves(c.Store, given)
	clear(given.Data)
	c.loads(c.Store, saved)
}

// snapshotsTouchNoEvent saves snapshots of a stream, and of one that has no events, as a subscription goes on.
func snapshotsTouchNoEvent(c *trial) {
	first := c.append(begins("a"))
	f := c.follow(c.Store, 0, everything, habits{})
	f.shows("a")
	before := c.all(c.Store)
	c.saves(c.Store, snapshotOf(stream("a"), testKind, 1))
	c.saves(c.Store, snapshotOf(stream("none"), testKind, 100))
	equal(c, "head", c.head(c.Store), first.Position)
	if difference := sameEvents(c.all(c.Store), before); difference != "" {
		c.Fatalf("the store after snapshots were saved %s", difference)
	}
	equal(c, "events of a stream that has a snapshot only", len(c.stream(c.Store, "none")), 0)
	c.append(begins("none"))
	c.append(write("a", eventstore.Exactly(1), event("again")))
	deleted, err := snapshotsOf(c.Store).DeleteSnapshots(c.ctx, eventstore.SnapshotSelection{})
	c.ok(err, "delete all")
	equal(c, "how many were deleted", deleted, 2)
	f.shows("a", "none", "a")
	c.shows(c.Store, "a", "none", "a")
}

// callSnapshots calls every method, and returns their errors.
func callSnapshots(ctx context.Context, store eventstore.Store) map[string]error {
	errs := make(map[string]error)
	snapshots := snapshotsOf(store)
	_, _, errs["LoadSnapshot"] = snapshots.LoadSnapshot(ctx, stream("a"), testKind)
	errs["SaveSnapshot"] = snapshots.SaveSnapshot(ctx, snapshotOf(stream("a"), testKind, 2))
	_, errs["DeleteSnapshots"] = snapshots.DeleteSnapshots(ctx, eventstore.SnapshotSelection{})
	return errs
}

func endedContextEndsSnapshots(c *trial) {
	kept := snapshotOf(stream("a"), testKind, 1)
	c.saves(c.Store, kept)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for method, err := range callSnapshots(ctx, c.Store) {
		c.fails(err, context.Canceled, "%s under an ended context", method)
	}
	c.loads(c.Store, kept)
}

func snapshotsFailAfterClose(c *trial) {
	c.saves(c.Store, snapshotOf(stream("a"), testKind, 1))
	c.ok(c.Store.Close(c.ctx), "close")
	for method, err := range callSnapshots(c.ctx, c.Store) {
		c.fails(err, eventstore.ErrClosed, "%s after Close", method)
	}
}
