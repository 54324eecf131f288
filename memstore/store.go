package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// Bounds of a subscription's batches where Options gives none.
const (
	defaultBatchEvents = 512
	defaultBatchBytes  = 1 << 20
)

// Options changes what [New] makes. The zero value of a field is its default.
type Options struct {
	// Now is the clock that events and snapshots are stamped with; the default is [time.Now]. It is called from several
	// goroutines.
	Now func() time.Time
	// BatchEvents is the greatest number of events in a subscription's batch; the default is 512.
	BatchEvents int
	// BatchBytes is the greatest size of the data in a subscription's batch, in bytes; the default is 1 MiB. An event
	// that is larger makes a batch of its own.
	BatchBytes int
}

// Store keeps events in memory. It implements [eventstore.Store] with all its guarantees, but that nothing survives the
// process. It is made by [New].
//
// All methods are safe for concurrent use. It has no goroutines of its own.
type Store struct {
	now         func() time.Time
	batchEvents int
	batchBytes  int

	mu      sync.Mutex
	closed  bool
	streams map[eventstore.StreamID]*stream
	// snapshots are those of each stream, one of a kind.
	snapshots map[eventstore.StreamID][]keptSnapshot
	// log has the event at position p at index p-1. Like the events of a stream it only grows and its elements never
	// change, so a slice of it taken under mu is read without.
	log []*eventstore.RecordedEvent
	// grown is closed when log grows or the store closes. It is nil while nobody waits, so that appends need not make
	// a channel each.
	grown chan struct{}
}

var _ eventstore.Store = (*Store)(nil)

// stream is guarded by Store.mu.
type stream struct {
	events []*eventstore.RecordedEvent
	// given has the events whose appender gave their IDs. Who gives none pays nothing.
	given map[uuid.UUID]*eventstore.RecordedEvent
}

// New returns an empty store. Nil options are the defaults.
func New(opts *Options) *Store {
	s := &Store{
		now:         time.Now,
		batchEvents: defaultBatchEvents,
		batchBytes:  defaultBatchBytes,
		streams:     make(map[eventstore.StreamID]*stream),
		snapshots:   make(map[eventstore.StreamID][]keptSnapshot),
	}
	if opts == nil {
		return s
	}
	if opts.Now != nil {
		s.now = opts.Now
	}
	if opts.BatchEvents > 0 {
		s.batchEvents = opts.BatchEvents
	}
	if opts.BatchBytes > 0 {
		s.batchBytes = opts.BatchBytes
	}
	return s
}

// Head returns the position of the last event, 0 in an empty store.
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	log, err := s.currentLog(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the head: %w", err)
	}
	return head(log), nil
}

// Close ends subscriptions with [eventstore.ErrClosed] and forgets all events and snapshots. It waits for nothing, so it always
// succeeds. A read that is under way goes on with the events it began with.
func (s *Store) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.streams, s.snapshots, s.log = nil, nil, nil
	s.wake()
	return nil
}

// currentLog returns the events there are now. They are read without a lock.
func (s *Store) currentLog(ctx context.Context) ([]*eventstore.RecordedEvent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, eventstore.ErrClosed
	}
	return s.log, nil
}

// wake lets go whoever waits for the log to grow. The caller holds mu.
func (s *Store) wake() {
	if s.grown != nil {
		close(s.grown)
		s.grown = nil
	}
}

// head returns the position of the last event of the log.
func head(log []*eventstore.RecordedEvent) eventstore.Position {
	return eventstore.Position(len(log))
}
