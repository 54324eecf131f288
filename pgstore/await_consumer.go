package pgstore

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

// awaited is a consumer that somebody waits for. It is guarded by lookout.mu.
type awaited struct {
	consumer eventstore.ConsumerID
	waiting  map[*waiter]struct{}

	looked time.Time // when the last look began
	due    time.Time // when the next one should; the zero time is at once

	// seen is what the last look has seen, with the moves that this process has made since. It is replaced and never
	// changed, as those who wait have it too.
	seen  []eventstore.Checkpoint
	moves []madeMove // are not in seen yet, in the order in which they were made
}

// madeMove is a move, and what the checkpoint has by it.
type madeMove struct {
	eventstore.Move

	epoch int64     // that the partition is in by it
	at    time.Time // when it was made, zero where it was not
}

func newMadeMove(move eventstore.Move) madeMove {
	made := madeMove{Move: move, epoch: move.Epoch}
	if len(move.Park)+len(move.Unpark) > 0 {
		made.epoch++
	}
	return made
}

// scanMade scans when a move was made from the row that it returns, if there is one.
func scanMade(at *time.Time) func(row pgx.Row) error {
	return func(row pgx.Row) error {
		err := row.Scan(at)
		*at = at.UTC()
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}
}

// isConcernedBy reports whether what is seen may change by a move. A move of a version other than the live one does not
// concern those who wait for that.
func (a *awaited) isConcernedBy(m madeMove) bool {
	switch {
	case a.consumer.Version != 0:
		return a.consumer == m.Consumer
	case len(a.seen) > 0:
		return a.seen[0].Consumer == m.Consumer
	default:
		return true
	}
}

// isRipe reports whether a look that is made anyhow should be for this consumer too. Those whose turn comes soon are
// taken along, so that the looks for many consumers fall together.
func (a *awaited) isRipe(now time.Time) bool {
	return now.Sub(a.looked) >= a.due.Sub(a.looked)/2
}

// beginLook notes that a look begins now, which sees all moves that are known by now.
func (a *awaited) beginLook(now time.Time) {
	interval := time.Duration(math.MaxInt64)
	for w := range a.waiting {
		interval = min(interval, w.interval(now))
	}
	a.looked, a.due = now, now.Add(interval)
	a.moves = nil
}

// takeMoves puts the moves that were made into what is seen, and reports whether that has changed. Where a move shows
// that others have changed more than is known here, a look is due.
func (a *awaited) takeMoves() (changed bool) {
	if len(a.moves) == 0 {
		return false
	}
	seen := slices.Clone(a.seen)
	for _, m := range a.moves {
		switch m.relationTo(seen) {
		case isNext:
			m.carryOut(&seen[m.Partition])
			changed = true
		case isUnclear:
			a.due = time.Time{}
		case isKnown:
		}
	}
	a.moves = nil
	if changed {
		a.seen = seen
	}
	return changed
}

// relation is how a move stands to checkpoints that were seen.
type relation int

const (
	isNext    relation = iota // it is what happened next to its partition
	isKnown                   // they have it, and perhaps more
	isUnclear                 // it cannot be told, or something was before it that they do not have
)

// relationTo says whether a partition was seen before a move or after it. In an epoch no position comes twice, but for
// moves that go nowhere.
func (m madeMove) relationTo(seen []eventstore.Checkpoint) relation {
	if m.Partition >= len(seen) || seen[m.Partition].Consumer != m.Consumer {
		return isUnclear
	}
	at := seen[m.Partition]
	goesOn := m.To > m.From || m.epoch > m.Epoch
	switch {
	case at.Epoch < m.Epoch:
		return isUnclear
	case at.Epoch > m.Epoch, at.Position > m.From:
		return isKnown
	case at.Position == m.From && goesOn:
		return isNext
	default:
		return isUnclear
	}
}

func (m madeMove) carryOut(at *eventstore.Checkpoint) {
	at.Position = m.To
	at.Handled += int64(m.Events)
	at.Epoch = m.epoch
	at.UpdatedAt = m.at
}
