package pgstore

import (
	"errors"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// importTransaction is how long a transaction of an import should take: subscriptions wait for it.
	importTransaction = 100 * time.Millisecond

	firstChunkBytes = 256 << 10
	minChunkBytes   = 64 << 10
	maxChunkBytes   = 32 << 20
)

// errImportEnded tells the reader that the writer has ended, which knows why.
var errImportEnded = errors.New("the import has ended")

// importQueue is between the reader of an import's source and the writer. It has one chunk, which the reader fills while
// the writer writes another, and which the writer takes as soon as it can: a write never waits for those after it.
type importQueue struct {
	mu     sync.Mutex
	moved  *sync.Cond   // something has changed
	chunk  *importChunk // being filled
	limit  int          // of its bytes, at which the reader waits
	closed bool         // the reader has ended
	ended  bool         // the writer has ended
}

func newImportQueue() *importQueue {
	q := &importQueue{chunk: &importChunk{}, limit: firstChunkBytes}
	q.moved = sync.NewCond(&q.mu)
	return q
}

// put adds a write to the chunk, and waits for the writer before when there is no room, or when the write has an ID of
// one in the chunk and so can only be judged once that is in the store.
func (q *importQueue) put(prepared eventstore.Prepared, recordedAt time.Time, checksum uint32) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended && (len(q.chunk.rows) >= q.limit || q.chunk.repeats(prepared)) {
		q.moved.Wait()
	}
	if q.ended {
		return errImportEnded
	}
	q.moved.Signal()
	return q.chunk.add(prepared, recordedAt, checksum)
}

// close tells the writer that nothing more will be put.
func (q *importQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.moved.Signal()
}

// next waits for writes and returns their chunk, nil when there will be none. The reader goes on with spare, a chunk
// that was written.
func (q *importQueue) next(spare *importChunk) *importChunk {
	spare.reset()
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.chunk.writes) == 0 && !q.closed {
		q.moved.Wait()
	}
	if len(q.chunk.writes) == 0 {
		return nil
	}
	chunk := q.chunk
	q.chunk = spare
	q.moved.Signal()
	return chunk
}

// end tells the reader that nothing more will be taken.
func (q *importQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.moved.Signal()
}

// adapt sets the limit by how long a chunk took. One that is much smaller than the limit tells nothing of larger ones.
func (q *importQueue) adapt(bytes int, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	factor := float64(importTransaction) / float64(max(took, time.Millisecond))
	if factor > 1 && bytes < q.limit/2 {
		return
	}
	next := float64(q.limit) * min(max(factor, 0.5), 2)
	q.limit = int(min(max(next, minChunkBytes), maxChunkBytes))
}
