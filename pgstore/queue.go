package pgstore

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// A batch is closed once it has this much, so that it holds subscriptions back for milliseconds. A greater append is a
// batch by itself.
const (
	maxBatchEvents = 512
	maxBatchBytes  = 1 << 20
)

// maxPassed is how often others may go before a call that waits for several streams, of which now this one is in a batch
// and now that.
const maxPassed = 8

// batch is a number of calls that share a transaction.
type batch struct {
	calls []*call

	// ctx ends when all of the callers have gone.
	ctx    context.Context
	cancel context.CancelFunc

	// These belong to the queue's mutex.
	callers int  // that wait
	alone   bool // a lane has it, with a call that goes alone
}

// streams are those that the calls name, some of them more than once.
func (b *batch) streams() iter.Seq[eventstore.StreamID] {
	return func(yield func(eventstore.StreamID) bool) {
		for _, c := range b.calls {
			for _, write := range c.prepared.Writes {
				if !yield(write.Stream) {
					return
				}
			}
		}
	}
}

// queue holds the appends that wait for a lane. A lane takes all that it can as a batch, and commits it; what comes
// meanwhile waits, and makes up the next batch. So a lone append waits for nothing, and the more there are the more
// share a commit.
//
// No two batches in flight have a stream in common: they would only wait for each other in the database, and one of
// them would fail there.
type queue struct {
	maxLanes int
	slots    chan struct{} // holds a token for each call, waiting or in a batch
	runLane  func()        // takes batches until there is none

	mu      sync.Mutex
	waiting []*call
	lanes   int                          // running
	alone   int                          // lanes with a call that goes alone
	held    map[eventstore.StreamID]hold // the streams in batches
	running sync.WaitGroup               // goroutines that have a batch or look for one
}

// hold is a stream in a batch.
type hold struct {
	parked []*call // which wait for it
	long   bool    // the batch waits for something else itself
}

func newQueue(maxLanes, maxCalls int, runLane func()) *queue {
	return &queue{
		maxLanes: maxLanes,
		slots:    make(chan struct{}, maxCalls),
		runLane:  runLane,
		held:     make(map[eventstore.StreamID]hold),
	}
}

// enter waits for a place in the queue.
func (q *queue) enter(ctx context.Context) error {
	select {
	case q.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) exit() { <-q.slots }

// add puts a call at the end of the queue.
func (q *queue) add(c *call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	q.startLane()
}

// startLane starts a lane when there is work for one more.
func (q *queue) startLane() {
	if q.lanes < q.maxLanes && len(q.waiting) > 0 {
		q.lanes++
		q.running.Go(q.runLane)
	}
}

// next makes a batch of the calls in front. It returns nil when the lane is to end.
func (q *queue) next() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if calls := q.take(); len(calls) > 0 {
		b := q.newBatch(calls)
		if b.alone = calls[0].alone; b.alone {
			q.alone++
		}
		return b
	}
	q.lanes--
	return nil
}

// take takes as many calls as a batch can have. Those that wait for streams in other batches are parked with them.
func (q *queue) take() (taken []*call) {
	var rest []*call
	rows, bytes := 0, 0
	for i, c := range q.waiting {
		if stream, held := q.heldStream(c); held {
			hold := q.held[stream]
			if c.passed >= maxPassed && !hold.long {
				rest = append(rest, q.waiting[i:]...) // nobody goes before it again
				break
			}
			c.passed++
			hold.parked = append(hold.parked, c)
			q.held[stream] = hold
			continue
		}
		if c.alone && q.alone > 0 { // the other lanes are for those that need not go alone
			rest = append(rest, c)
			continue
		}
		full := rows+c.rows > maxBatchEvents || bytes+c.bytes > maxBatchBytes
		if len(taken) > 0 && (full || c.alone || taken[0].alone) {
			rest = append(rest, q.waiting[i:]...)
			break
		}
		taken = append(taken, c)
		rows += c.rows
		bytes += c.bytes
	}
	q.waiting = rest
	return taken
}

func (q *queue) heldStream(c *call) (eventstore.StreamID, bool) {
	for _, write := range c.prepared.Writes {
		if _, held := q.held[write.Stream]; held {
			return write.Stream, true
		}
	}
	return eventstore.StreamID{}, false
}

func (q *queue) newBatch(calls []*call) *batch {
	b := &batch{calls: calls, callers: len(calls)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, c := range calls {
		c.batch = b
		for _, write := range c.prepared.Writes {
			q.held[write.Stream] = hold{}
		}
	}
	return b
}

// send returns the calls of a batch that is about to be sent: those whose callers still wait.
func (q *queue) send(b *batch) []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := make([]*call, 0, len(b.calls))
	for _, c := range b.calls {
		if !c.left {
			c.sent = true
			calls = append(calls, c)
		}
	}
	return calls
}

// unsend says that calls are known not to be in the database. It returns those whose callers still wait.
func (q *queue) unsend(calls []*call) []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	var waiting []*call
	for _, c := range calls {
		if c.sent = false; !c.left {
			waiting = append(waiting, c)
		}
	}
	return waiting
}

// holdOn says that a batch leaves its lane and keeps its streams, for as long as it takes.
func (q *queue) holdOn(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaveLane(b)
	for stream := range b.streams() {
		hold := q.held[stream]
		hold.long = true
		q.held[stream] = hold
	}
	q.startLane()
}

func (q *queue) leaveLane(b *batch) {
	if b.alone {
		b.alone = false
		q.alone--
	}
}

// finish ends a batch. Those of its calls that are still to be decided go to the front of the queue, and after them
// those that waited for its streams; those that are to go alone, which may take long, to the end.
func (q *queue) finish(b *batch, undecided []*call) {
	b.cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaveLane(b)
	var front, back []*call
	for _, c := range undecided {
		c.batch, c.sent = nil, false
		switch {
		case c.left:
		case c.alone:
			back = append(back, c)
		default:
			front = append(front, c)
		}
	}
	for stream := range b.streams() {
		front = append(front, q.held[stream].parked...)
		delete(q.held, stream)
	}
	q.waiting = slices.Concat(front, q.waiting, back)
	q.startLane()
}

// withdraw takes back a call whose caller does not wait for it any longer, unless it may be in the database.
func (q *queue) withdraw(c *call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.sent {
		return false
	}
	q.leave(c)
	return true
}

// abandon leaves a call to its fate.
func (q *queue) abandon(c *call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leave(c)
}

func (q *queue) leave(c *call) {
	c.left = true
	if c.batch == nil {
		q.remove(c)
		return
	}
	c.batch.callers--
	if c.batch.callers == 0 {
		c.batch.cancel()
	}
}

// remove takes a waiting call out.
func (q *queue) remove(c *call) {
	is := func(other *call) bool { return other == c }
	q.waiting = slices.DeleteFunc(q.waiting, is)
	for _, write := range c.prepared.Writes {
		if hold, held := q.held[write.Stream]; held {
			hold.parked = slices.DeleteFunc(hold.parked, is)
			q.held[write.Stream] = hold
		}
	}
}
