package aggregate

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

type counted struct {
	Names  map[string][]int
	Parent *counted
	Total  float64
}

func (c counted) Evolve(struct{}) counted { return c }

// Whatever is stored as a snapshot, opening it gives a state or an error, and a state only if it was sealed as this snapshot.
func FuzzOpenSnapshot(f *testing.F) {
	k := newKeeper[counted](memstore.New(nil), eventstore.JSON("counted", map[string]struct{}{"counted": {}}), SnapshotOptions{})
	sealed := func(data []byte, version int64) eventstore.Snapshot {
		snapshot := eventstore.Snapshot{
			Stream: eventstore.StreamID{Category: "counted", Key: "1"}, Kind: k.kind,
			Version: eventstore.Version(version), Position: 7, EventID: uuid.Max,
		}
		snapshot.Data = seal(&snapshot, data)
		return snapshot
	}
	f.Add([]byte(`{"Names":{"a":[1,2]},"Parent":{"Total":0.5},"Total":1}`), int64(3))
	f.Add([]byte(`null`), int64(1))
	f.Add([]byte{}, int64(0))
	f.Add([]byte(`{"Names":[]}`), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, version int64) {
		snapshot := sealed(data, version)
		if state, err := k.open(&snapshot); err == nil {
			again, err := k.encode(state)
			require.NoError(t, err)
			snapshot = sealed(again, version)
			_, err = k.open(&snapshot)
			require.NoError(t, err)
		}
		for _, harmed := range []eventstore.Snapshot{
			{Stream: snapshot.Stream, Kind: snapshot.Kind, Version: snapshot.Version + 1, Position: 7, EventID: uuid.Max, Data: snapshot.Data},
			{Stream: snapshot.Stream, Kind: snapshot.Kind, Version: snapshot.Version, Position: 7, EventID: uuid.Max, Data: data},
		} {
			_, err := k.open(&harmed)
			if string(harmed.Data) != string(snapshot.Data) || harmed.Version != snapshot.Version {
				assert.ErrorIs(t, err, errSeal)
			}
		}
	})
}
