package consumer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// never is a position that no store reaches.
const never eventstore.Position = math.MaxInt64

var (
	// errChanged says that the checkpoint is not what the session took it to be: it must be read again.
	errChanged = errors.New("checkpoint has changed")
	// errStopped says that the partition is where it is to stop.
	errStopped = errors.New("partition has stopped")
)

// session is the work on one partition in one epoch.
type session struct {
	Config

	at eventstore.Checkpoint
	// until is a position that the session need not go beyond.
	until eventstore.Position
	// attempts is how often an event is tried by itself before it is given up.
	attempts int
	giveUp   func(ctx context.Context, s *session, move eventstore.Move, event eventstore.RecordedEvent, err error) error
	// anyParked says that the consumer has set aside some streams' events, perhaps of other partitions.
	anyParked bool
	// withheld are the sequences whose events the session has passed over as parked. They remain so to it: when somebody
	// unparks one meanwhile, its epoch has ended, and what Handle does besides the move might come before those.
	withheld map[eventstore.StreamID]bool
	// moved is when the checkpoint was moved last.
	moved time.Time
}

// run hands on what the store has after the checkpoint, up to until. It returns errChanged when the checkpoint is to be
// read again, errStopped when it is to move no further, and else what went wrong.
func (s *session) run(ctx context.Context) error {
	if s.at.Paused {
		return fmt.Errorf("%w at position %d: %s", eventstore.ErrPaused, s.at.Position, s.at.Reason)
	}
	ctx = WithLive(ctx, s.at.Live)
	if err := s.readParked(ctx); err != nil {
		return err
	}
	if err := s.retryParked(ctx); err != nil {
		return err
	}
	if s.isAtStop() {
		return errStopped
	}
	return s.follow(ctx)
}

func (s *session) isAtStop() bool { return s.at.StopAt > 0 && s.at.Position >= s.at.StopAt }

// follow hands on the batches of a subscription. Where they have nothing for the partition, the checkpoint follows a
// little later, and not each time.
func (s *session) follow(ctx context.Context) error {
	batches := read(ctx, s.Store, s.at.Position, s.Filter)
	defer batches.close()
	idle := time.NewTimer(idleMoves)
	defer idle.Stop()
	through := s.at.Position
	for {
		var events []eventstore.RecordedEvent
		var stuck *unrouted
		select {
		case batch, ok := <-batches.next:
			if !ok {
				return <-batches.err
			}
			events, through, stuck = s.gather(batch, batches)
			var err error
			if events, err = s.withoutParked(ctx, events); err != nil {
				return err
			}
			if len(events) == 0 && stuck == nil && through < s.until && !s.isStop(through) && time.Since(s.moved) < idleMoves {
				idle.Reset(idleMoves)
				continue
			}
		case <-idle.C:
		}
		if err := s.deliver(ctx, s.move(s.at.Position, through), events); err != nil {
			return err
		}
		switch {
		case s.isAtStop():
			return errStopped
		case through >= s.until:
			return nil
		case stuck != nil:
			return s.giveUpUnrouted(ctx, stuck)
		}
	}
}

// gather returns what a batch has for the partition, together with what has been read meanwhile, unless that is enough for
// a transaction, and how far the checkpoint may move. Where an event is stuck that is right before it.
func (s *session) gather(
	batch eventstore.Batch, batches *batches,
) (events []eventstore.RecordedEvent, through eventstore.Position, stuck *unrouted) {
	events, through, stuck = s.own(batch)
	for len(events) < batchEvents && stuck == nil {
		next, ok := batches.poll()
		if !ok {
			break
		}
		var more []eventstore.RecordedEvent
		var reached eventstore.Position
		more, reached, stuck = s.own(next)
		events, through = append(slices.Clip(events), more...), max(through, reached)
	}
	return events, through, stuck
}

func (s *session) isStop(position eventstore.Position) bool {
	return s.at.StopAt > 0 && position >= s.at.StopAt
}

// own returns the events of a batch that are for this partition and before its stop, and how far it may move: up to an
// event that is stuck.
func (s *session) own(
	batch eventstore.Batch,
) (events []eventstore.RecordedEvent, through eventstore.Position, stuck *unrouted) {
	through = max(batch.Through, s.at.Position)
	if s.at.StopAt > 0 {
		through = min(through, s.at.StopAt)
	}
	events = batch.Events
	for len(events) > 0 && events[len(events)-1].Position > through {
		events = events[:len(events)-1]
	}
	if s.Sequence != nil {
		return s.ownRouted(events, through)
	}
	if s.at.Partitions == 1 {
		return events, through, nil
	}
	var own []eventstore.RecordedEvent
	for _, event := range events {
		if s.owns(event.Stream) {
			own = append(own, event)
		}
	}
	return own, through, nil
}

// owns reports whether a sequence belongs to the partition.
func (s *session) owns(sequence eventstore.StreamID) bool {
	return eventstore.PartitionOf(sequence, s.at.Partitions) == s.at.Partition
}

// move is a step of the partition's checkpoint.
func (s *session) move(from, to eventstore.Position) eventstore.Move {
	return eventstore.Move{
		Consumer: s.ID, Partition: s.at.Partition, Epoch: s.at.Epoch, From: from, To: to,
		IdleTimeout: s.Lease * 3 / 4,
	}
}

// has notes that a move was made.
func (s *session) has(move eventstore.Move) {
	s.at.Position = move.To
	s.moved = time.Now()
}

// checkpoint reads the partition's checkpoint as it is now.
func (s *session) checkpoint(ctx context.Context) (eventstore.Checkpoint, error) {
	return checkpointOf(ctx, s.Config, s.at.Partition)
}

func checkpointOf(ctx context.Context, config Config, partition int) (eventstore.Checkpoint, error) {
	all, err := config.Keeper.Checkpoints(ctx, config.ID)
	if err != nil {
		return eventstore.Checkpoint{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	if partition >= len(all) {
		return eventstore.Checkpoint{Epoch: -1}, nil // of an epoch that never was
	}
	return all[partition], nil
}
