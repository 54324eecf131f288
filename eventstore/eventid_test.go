package eventstore

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ids gives IDs to so many events.
func ids(count int) []uuid.UUID {
	events := make([]EventData, count)
	giveIDs(events)
	given := make([]uuid.UUID, count)
	for i := range events {
		given[i] = events[i].ID
	}
	return given
}

func compareIDs(one, other uuid.UUID) int { return bytes.Compare(one[:], other[:]) }

func TestEventIDsAreUUIDv7OfNow(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	given := ids(100)
	// Ticks that other tests took ahead of the clock make IDs as much younger.
	after := time.Now().Add(time.Second)
	for _, id := range given {
		assert.Equal(t, uuid.Version(7), id.Version())
		assert.Equal(t, uuid.RFC4122, id.Variant())
		made := time.Unix(id.Time().UnixTime())
		assert.False(t, made.Before(before) || made.After(after), "%s is not between %s and %s", made, before, after)
	}
}

func TestNewIDPutsBitsWhereTheyBelong(t *testing.T) {
	const milli = 0x0123_4567_89ab
	assert.Equal(t, "01234567-89ab-7cde-8000-000000000000", newID(milli*ticksPerMilli+0xcde, 0).String())
	assert.Equal(t, "01234567-89ab-7fff-bfff-ffffffffffff", newID(milli*ticksPerMilli+0xfff, 1<<64-1).String())
	assert.Equal(t, "01234567-89ac-7000-8000-000000000001", newID(milli*ticksPerMilli+0xfff+1, 1<<2).String())
}

// The random bits have no bit that never changes, and no two events share them.
func TestEventIDsAreRandom(t *testing.T) {
	const fixed = 0b11 << 62 // the variant
	var ones, zeros uint64
	seen := make(map[[8]byte]bool)
	for _, id := range slices.Concat(ids(1), ids(100), ids(1)) {
		random := [8]byte(id[8:])
		assert.False(t, seen[random])
		seen[random] = true
		for i, b := range random {
			ones |= uint64(b) << (56 - 8*i)
			zeros |= uint64(^b) << (56 - 8*i)
		}
	}
	assert.Equal(t, ^uint64(0), ones&zeros|fixed)
}

func TestEventIDsIncrease(t *testing.T) {
	var given []uuid.UUID
	for _, count := range []int{1, 31, 32, 33, 64, 0, 1, 10_000, 1} {
		given = append(given, ids(count)...)
	}
	assert.True(t, slices.IsSortedFunc(given, compareIDs))
	assert.Len(t, slices.Compact(given), 10_163)
}

// The clock of a bubble stands still, decades ago.
func TestEventIDsIncreaseWhileTheClockDoesNot(t *testing.T) {
	given := ids(3)
	synctest.Test(t, func(*testing.T) {
		given = slices.Concat(given, ids(3), ids(3))
	})
	given = append(given, ids(3)...)
	assert.True(t, slices.IsSortedFunc(given, compareIDs))
	assert.Len(t, slices.Compact(given), 12)
}

func TestEventIDsOfManyAtOnceAreDistinct(t *testing.T) {
	const callers, calls, count = 8, 50, 40
	given := make([][]uuid.UUID, callers)
	var running sync.WaitGroup
	for i := range given {
		running.Go(func() {
			for range calls {
				given[i] = append(given[i], ids(count)...)
			}
		})
	}
	running.Wait()
	ticks := make(map[[8]byte]bool)
	for _, own := range given {
		require.True(t, slices.IsSortedFunc(own, compareIDs))
		for _, id := range own {
			ticks[[8]byte(id[:])] = true
		}
	}
	assert.Len(t, ticks, callers*calls*count, "no tick is taken twice")
}
