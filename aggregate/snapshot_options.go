package aggregate

import (
	"encoding/json"
	"log/slog"

	"github.com/pasttense/pasttense/eventstore"
)

// DefaultSnapshotEvery is after how many events a snapshot is taken where [SnapshotOptions] do not say.
const DefaultSnapshotEvery = 100

// SnapshotOptions say when snapshots of states are taken, and how they are kept. The zero value of a field is its default.
//
// A snapshot is a state as data, kept by the store beside the events. Loading then reads the newest snapshot of a stream and
// the events after it. Snapshots are derived: a repository that finds none, or one that it cannot use, folds the events.
// All of them can be deleted at any time.
type SnapshotOptions struct {
	// Every is how many events are folded after the newest snapshot, or after the beginning of the stream, before another
	// is taken. The default is [DefaultSnapshotEvery], or no limit where EveryBytes is given.
	Every int
	// EveryBytes is how many bytes of data those events have before another is taken; 0 is no limit. With both, the limit
	// that is met first counts.
	EveryBytes int
	// Version is that of what the state means. Raise it whenever Evolve, or what an upcaster computes, makes something else
	// of the same events: snapshots of other versions are not read. What can be seen in the types is noticed by itself:
	// other fields, names or tags in the state, and other events and upcasters where the codec is [eventstore.Described].
	Version int
	// Format turns states into data; the zero value is JSON. Its Marshal is given a pointer to the state. With JSON, all
	// that the state contains must be exported fields or types with methods of their own for JSON or text; [New] panics
	// otherwise. With each format every snapshot is read back before it is saved, and dropped if it is another state.
	Format eventstore.Format
	// Logger is told of snapshots that could not be taken, saved or used, of each kind of failure at most once a minute.
	// The default is slog.Default().
	Logger *slog.Logger
}

// withDefaults returns options in which every field says what is meant.
func (o SnapshotOptions) withDefaults() SnapshotOptions {
	if o.Every <= 0 && o.EveryBytes <= 0 {
		o.Every = DefaultSnapshotEvery
	}
	if o.keptAsJSON() {
		o.Format = eventstore.Format{ContentType: eventstore.ContentTypeJSON, Marshal: json.Marshal, Unmarshal: json.Unmarshal}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func (o SnapshotOptions) keptAsJSON() bool {
	return o.Format.ContentType == "" && o.Format.Marshal == nil && o.Format.Unmarshal == nil
}

// due reports whether a snapshot is to be taken after so many events.
func (o SnapshotOptions) due(since tally) bool {
	return o.Every > 0 && since.events >= o.Every || o.EveryBytes > 0 && since.bytes >= o.EveryBytes
}

// tally is how much was folded.
type tally struct{ events, bytes int }

func (t *tally) add(data []byte) {
	t.events++
	t.bytes += len(data)
}
