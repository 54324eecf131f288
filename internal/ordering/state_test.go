package ordering

import (
	"fmt"
	"math/bits"
	"strings"
)

// Sizes of the model. An append has two events, so that it can be seen by halves.
const (
	maxSessions  = 3
	maxReaders   = 2
	maxPosition  = 14
	maxAppends   = 9
	appendEvents = 2

	// prelog is how many draws nextval writes to the log in advance. Postgres takes 32.
	prelog = 1
)

// state is everything at one moment: the database, its sessions, and the readers with what they remember. Equal states
// have equal futures, so whatever no longer matters is set to zero. The fields leave no gaps in memory, as then Go
// compares and hashes states as bytes: three times as fast under the race detector.
type state struct {
	sequence sequence
	visible  positions             // rows that a new snapshot shows
	durable  positions             // rows whose commit is on disk
	written  [maxAppends]positions // the rows of each append, visible or not
	acked    positions             // rows that were acknowledged
	nextXID  int8                  // for the reader that goes by transaction IDs
	sessions [maxSessions]session
	readers  [maxReaders]reader
	settled  int8 // the highest position that the readers' process was told

	crashes, restarts int8      // that may still happen
	offenses          guarantee // those that a step has broken, as against those that the state shows
}

// sequence is Postgres's. A draw writes to the log when what was logged is used up; a commit brings the log to disk.
type sequence struct {
	last    int8 // the last position drawn, 0 when none was (is_called is false)
	logged  int8 // where it goes on after a crash if all of the log is on disk
	flushed int8 // and where if only that is which commits have brought there
	drawer  int8 // 1 + the session in the middle of nextval, for mistakes by which others see what it does there
}

// session is a connection that appends, one transaction after another.
type session struct {
	pc    int8 // the next instruction of its program; at 0 it is not under way
	left  int8 // transactions that it may still begin
	after int8 // what was acknowledged when it began

	lower int8 // the lower bound it has read
	held  bool // it holds its advisory lock
	lock  int8 // the lower bound that the lock carries

	rows positions // written, and not yet committed or not yet forgotten
	deaf bool      // its client is gone

	cached     int8 // a position drawn in advance (CACHE 2)
	remembered bool // the client believes that the lock is held
	xid        int8
}

// reader reads the store in looks, and keeps a checkpoint.
type reader struct {
	pc      int8 // the next instruction of its look; at 0 it is between looks
	due     bool // it is to look; when it is not, it sleeps
	stopped bool // it has found itself beyond the head
	told    int8 // up to where it was told that it has seen everything
	given   positions
	look    look
}

// look is what a reader knows within one look.
type look struct {
	floor    int8 // what the process had settled before
	last     int8 // the last position drawn
	bound    int8
	heldBack bool
	snapshot positions
	rows     positions
}

// positions is a set of them.
type positions uint16

// through returns the positions from 1 to p.
func through(p int8) positions { return 1<<p - 1 }

// block returns the n positions that end with p.
func block(p, n int8) positions { return through(p) &^ through(p-n) }

func (s positions) highest() int8 { return int8(bits.Len16(uint16(s))) }
func (s positions) count() int    { return bits.OnesCount16(uint16(s)) }
func (s positions) lowest() int8  { return int8(bits.TrailingZeros16(uint16(s)) + 1) }

func (s positions) String() string {
	var list []string
	for p := int8(1); p <= maxPosition; p++ {
		if s&block(p, 1) != 0 {
			list = append(list, fmt.Sprint(p))
		}
	}
	return "{" + strings.Join(list, " ") + "}"
}

// forget removes rows that were never committed.
func (s *state) forget(rows positions) {
	for i := range s.written {
		s.written[i] &^= rows
	}
}

// stop is what a reader does when the head is below what was settled before: what was there has been lost.
func (r *reader) stop() { *r = reader{stopped: true, told: r.told, given: r.given} }

// wake tells all readers to look.
func (s *state) wake() {
	for i := range s.readers {
		s.readers[i].due = true
	}
}
