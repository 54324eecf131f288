package eventstoretest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/pasttense/pasttense/eventstore"
)

// deed is a committed append of a history: what it required, what it wrote, and when.
type deed struct {
	name     string
	checked  map[string]eventstore.Version // at which version each stream was that it read, checked or wrote
	wrote    map[string]eventstore.Version // the version that it made of each stream, by one event each
	from, to int64                         // ticks of the call and of the acknowledgement
}

// randomAppendsAreSerializable races appends that check and write a few streams at random, and looks for one order in
// which all that were committed could have been made one after another.
func randomAppendsAreSerializable(c *trial) {
	const racers = 6
	keys := []string{"a", "b", "c", "d", "e"}
	handles := c.handles()
	var (
		mu      sync.Mutex
		history []deed
		ticks   atomic.Int64
	)
	c.race(racers, func(i int) error {
		random := c.newRandom(i + 1)
		for n := range max(c.size/racers, 1) {
			d, err := c.randomDeed(handles[i%len(handles)], random, &ticks, keys)
			switch {
			case isTrueConflict(err):
				continue
			case err != nil:
				return err
			}
			d.name = counted("append", i, n)
			mu.Lock()
			history = append(history, d)
			mu.Unlock()
		}
		return nil
	})
	for _, key := range keys {
		c.stream(c.Store, key)
	}
	if cycle := findCycle(history); cycle != "" {
		c.Fatalf("the %d appends that were committed have no serial order: %s", len(history), cycle)
	}
}

// randomDeed reads the versions of some streams, and requires them while it writes some of these streams.
func (c *trial) randomDeed(
	store eventstore.Store, random *rand.Rand, ticks *atomic.Int64, keys []string,
) (deed, error) {
	d := deed{checked: make(map[string]eventstore.Version), wrote: make(map[string]eventstore.Version)}
	var writes []eventstore.Write
	for n, k := range random.Perm(len(keys))[:1+random.IntN(3)] {
		key := keys[k]
		version, err := c.versionOf(store, key)
		if err != nil {
			return deed{}, err
		}
		d.checked[key] = version
		w := check(key, eventstore.Exactly(version))
		if n == 0 || random.IntN(3) == 0 {
			d.wrote[key] = version + 1
			w.Events = events(1)
		}
		writes = append(writes, w)
	}
	d.from = ticks.Add(1)
	_, err := store.Append(c.ctx, writes...)
	d.to = ticks.Add(1)
	return d, err
}

func (c *trial) versionOf(store eventstore.Store, key string) (eventstore.Version, error) {
	last, err := collect(store.ReadStream(c.ctx, stream(key), eventstore.ReadOptions{Backwards: true, Limit: 1}))
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return last[0].Version, nil
}

// findCycle returns appends that must each come before the next, in a circle; "" when there are none.
func findCycle(history []deed) string {
	const (
		unseen = iota
		open
		closed
	)
	state := make([]int, len(history))
	var visit func(i int) string
	visit = func(i int) string {
		state[i] = open
		for j := range history {
			why := precedes(history[i], history[j])
			if i == j || why == "" || state[j] == closed {
				continue
			}
			if state[j] == open {
				return fmt.Sprintf("%s %s %s", history[i].name, why, history[j].name)
			}
			if cycle := visit(j); cycle != "" {
				return fmt.Sprintf("%s %s %s", history[i].name, why, cycle)
			}
		}
		state[i] = closed
		return ""
	}
	for i := range history {
		if state[i] == unseen {
			if cycle := visit(i); cycle != "" {
				return cycle
			}
		}
	}
	return ""
}

// precedes says why a must come before b in every serial order, and "" when it need not.
func precedes(a, b deed) string {
	for key, version := range a.wrote {
		if found, did := b.checked[key]; did && found >= version {
			return fmt.Sprintf("wrote %s at version %d, found by", key, version)
		}
	}
	for key, version := range a.checked {
		if written, did := b.wrote[key]; did && written > version {
			return fmt.Sprintf("found %s at version %d, overwritten by", key, version)
		}
	}
	if a.to < b.from {
		return "was acknowledged before"
	}
	return ""
}
