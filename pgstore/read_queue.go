package pgstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// maxSharedReads is how many reads share a statement at most, so that the first of them is answered soon and the last has
// not long to wait.
const maxSharedReads = 32

// laneStall is how long the lanes may be busy without a change before there is one more for the reads that wait. What
// keeps them then is not work that becomes less by being shared, but the network, a disk, a dead connection or megabytes
// of events.
const laneStall = 5 * time.Millisecond

// readQueue is for reads what [queue] is for appends. A read that finds a lane free goes at once, by itself. When all
// lanes are busy it waits, and the next lane that is free reads for all that wait with one statement. So a lone read costs
// what it would cost without a queue, and the more there are the more share a statement.
type readQueue struct {
	usualLanes int
	maxLanes   int              // when they are stalled
	runLane    func(*readBatch) // reads this batch, and then takes others until there is none

	mu      sync.Mutex
	waiting []*queuedRead // only while the usual lanes are busy
	lanes   int           // that are busy
	changed time.Time     // when a lane was last taken, given back or given another batch
	running sync.WaitGroup
}

// queuedRead is a read that waits for a lane, or shares one.
type queuedRead struct {
	streamRead
	answers chan readAnswer // gets one
	batch   *readBatch      // which it is in; nil while it waits; belongs to the queue's mutex
}

// readBatch is a number of reads that share a statement.
type readBatch struct {
	reads    []*queuedRead
	answered int // how many of them have been, in this order

	// ctx ends when all of the callers have gone.
	ctx     context.Context
	cancel  context.CancelFunc
	callers int // that have not gone; belongs to the queue's mutex
}

func newReadQueue(usualLanes, maxLanes int, runLane func(*readBatch)) *readQueue {
	return &readQueue{usualLanes: usualLanes, maxLanes: maxLanes, runLane: runLane}
}

// begin takes a lane for a read that goes by itself, and returns nil. When there is none it puts the read into the queue.
func (q *readQueue) begin(read streamRead) *queuedRead {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lanes < q.usualLanes {
		q.lanes++
		q.changed = now
		return nil
	}
	queued := &queuedRead{streamRead: read, answers: make(chan readAnswer, 1)}
	q.waiting = append(q.waiting, queued)
	if q.lanes < q.maxLanes && now.Sub(q.changed) > laneStall {
		q.startLane(now)
	}
	return queued
}

// end gives back a lane that begin has taken.
func (q *readQueue) end() {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lanes--
	q.changed = now
	if len(q.waiting) > 0 && q.lanes < q.usualLanes {
		q.startLane(now)
	}
}

// startLane starts a lane, which has a batch from the start.
func (q *readQueue) startLane(now time.Time) {
	q.lanes++
	b := q.take(now)
	q.running.Go(func() { q.runLane(b) })
}

// next makes a batch of the reads in front. It returns nil when the lane is to end.
func (q *readQueue) next() *readBatch {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || q.lanes > q.usualLanes {
		q.lanes--
		q.changed = now
		return nil
	}
	return q.take(now)
}

func (q *readQueue) take(now time.Time) *readBatch {
	q.changed = now
	count := min(len(q.waiting), maxSharedReads)
	b := &readBatch{reads: slices.Clone(q.waiting[:count]), callers: count}
	q.waiting = slices.Delete(q.waiting, 0, count)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, read := range b.reads {
		read.batch = b
	}
	return b
}

// leave is for a caller who waits for a read no longer.
func (q *readQueue) leave(read *queuedRead) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := read.batch
	if b == nil {
		q.waiting = slices.DeleteFunc(q.waiting, func(other *queuedRead) bool { return other == read })
		return
	}
	b.callers--
	if b.callers == 0 {
		b.cancel()
	}
}

// readLanes returns how many lanes there are for reads. They leave connections to others, and where processors are few
// there is more to be gained from sharing than from reading side by side.
func readLanes(connections int) int {
	return max(1, min(2*runtime.GOMAXPROCS(0), connections/2))
}
