package eventstore

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// giveIDs gives each event a UUIDv7 (RFC 9562): the time to the millisecond, 12 bits of its fraction, 62 random bits.
// The IDs that a process gives are increasing, also when the clock steps back. It does what [uuid.NewV7] does, with
// one look at the clock for all events and few at the source of randomness.
func giveIDs(events []EventData) {
	if len(events) == 0 {
		return
	}
	tick := takeTicks(len(events))
	var random [32 * 8]byte
	for some := range slices.Chunk(events, len(random)/8) {
		rand.Read(random[:8*len(some)]) // never fails
		for i := range some {
			some[i].ID = newID(tick, binary.NativeEndian.Uint64(random[8*i:]))
			tick++
		}
	}
}

func newID(tick int64, random uint64) uuid.UUID {
	const version, variant = 7 << 12, 2 << 62
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(tick>>12<<16|version|tick&0xfff))
	binary.BigEndian.PutUint64(id[8:], variant|random>>2)
	return id
}

// ticksPerMilli makes a tick the least difference of time that a UUIDv7 shows: a quarter of a microsecond.
const ticksPerMilli = 1 << 12

// lastTick is the greatest that was taken. Ticks count from the start of 1970.
var lastTick atomic.Int64

// takeTicks returns the first of count ticks in a row that nobody has taken. They begin now, or after the last that was
// taken if that is not past.
func takeTicks(count int) int64 {
	const nanosPerMilli = int64(time.Millisecond)
	nanos := time.Now().UnixNano()
	now := nanos/nanosPerMilli*ticksPerMilli + nanos%nanosPerMilli*ticksPerMilli/nanosPerMilli
	for {
		last := lastTick.Load()
		first := max(now, last+1)
		if lastTick.CompareAndSwap(last, first+int64(count)-1) {
			return first
		}
	}
}
