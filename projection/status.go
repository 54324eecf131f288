package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Status is how far a projection has come, who works on it, and whether it goes on.
type Status struct {
	// Consumer is the projection's name and version; Live says that this is the version that readers see.
	Consumer eventstore.ConsumerID
	Live     bool
	// Partitions are the checkpoints, each with its owner. There are none before the projection has first run.
	Partitions []eventstore.Checkpoint
	// Position is the lowest of them: everything at or below it was applied, or is parked.
	Position eventstore.Position
	// Head is the highest position in the store. Positions have gaps: the difference is not a number of events.
	Head eventstore.Position
	// EventsBehind is how many events after Position the projection listens to, but no more than [MostEventsBehind].
	EventsBehind int
	// Behind is the age of the first of them, 0 where there is none.
	Behind time.Duration
	// Parked are the sequences that were set aside last, the latest first, but no more than [MostParked].
	Parked []eventstore.Parked
	// LastError is why a partition is paused, or else why an event was parked or skipped last; empty where none was.
	LastError string
}

// MostEventsBehind is as far as [Status] counts, lest looking at a projection be slow because it is behind.
const MostEventsBehind = 10_000

// MostParked is how many parked sequences a [Status] has, lest looking at a projection be slow because it has parked
// many. [Projection.Parked] returns all.
const MostParked = 100

// State sums up a [Status].
type State string

const (
	// Running means that every partition has an owner and goes on.
	Running State = "running"
	// Paused means that a partition is paused.
	Paused State = "paused"
	// Idle means that nobody works on a partition.
	Idle State = "idle"
	// Stopping means that the partitions wait for each other, as for [Switch] and [Repartition], for a moment.
	Stopping State = "stopping"
)

// State returns the first of these that is true of a partition: [Paused], [Idle], [Stopping], [Running].
func (s Status) State() State {
	state := Running
	if len(s.Partitions) == 0 {
		state = Idle
	}
	for _, at := range s.Partitions {
		switch {
		case at.Paused:
			return Paused
		case at.Owner == "":
			state = Idle
		case at.StopAt > 0 && state == Running:
			state = Stopping
		}
	}
	return state
}

// Health returns nil when the projection does what it should: every partition has an owner, none is paused, and it is
// not behind for longer than maxBehind. Otherwise the error says all that is wrong. What is parked is not: look at Parked.
func (s Status) Health(maxBehind time.Duration) error {
	var wrong []error
	for _, at := range s.Partitions {
		switch {
		case at.Paused:
			wrong = append(wrong, fmt.Errorf("partition %d: %w at position %d: %s",
				at.Partition, eventstore.ErrPaused, at.Position, at.Reason))
		case at.Owner == "":
			wrong = append(wrong, fmt.Errorf("partition %d: nobody works on it", at.Partition))
		}
	}
	if len(s.Partitions) == 0 {
		wrong = append(wrong, errors.New("it has never run"))
	}
	if s.Behind > maxBehind {
		wrong = append(wrong, fmt.Errorf("it is %s behind, more than %s", s.Behind.Round(time.Millisecond), maxBehind))
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("projection %q is not healthy: %w", s.Consumer, errors.Join(wrong...))
}

// Status returns the projection's status, whoever runs it. On Postgres the view consumer_status tells the same of all.
func (p *Projection[Tx]) Status(ctx context.Context) (Status, error) {
	status, err := p.status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("status of projection %q: %w", p.ID(), err)
	}
	return status, nil
}

func (p *Projection[Tx]) status(ctx context.Context) (status Status, err error) {
	p.mu.Lock()
	status.Consumer = p.id
	filter := p.filter()
	p.mu.Unlock()
	if status.Partitions, err = p.target.Checkpoints(ctx, status.Consumer); err != nil {
		return Status{}, fmt.Errorf("read the checkpoints: %w", err)
	}
	latest := eventstore.ParkedQuery{LatestFirst: true, Limit: MostParked}
	if status.Parked, err = p.target.Parked(ctx, status.Consumer, latest); err != nil {
		return Status{}, fmt.Errorf("list what is parked: %w", err)
	}
	if status.Head, err = p.store.Head(ctx); err != nil {
		return Status{}, fmt.Errorf("read the head: %w", err)
	}
	if status.LastError, err = p.lastError(ctx, status); err != nil {
		return Status{}, fmt.Errorf("list what was skipped: %w", err)
	}
	status.Position = lowest(status.Partitions)
	status.Live = len(status.Partitions) > 0 && status.Partitions[0].Live
	status.EventsBehind, status.Behind, err = p.behind(ctx, status.Position, status.Head, filter)
	return status, err
}

func (p *Projection[Tx]) lastError(ctx context.Context, status Status) (reason string, err error) {
	for _, at := range status.Partitions {
		if at.Paused {
			return at.Reason, nil
		}
	}
	var latest time.Time
	if len(status.Parked) > 0 {
		latest, reason = status.Parked[0].ParkedAt, status.Parked[0].Reason
	}
	skipped, err := p.target.Skipped(ctx, status.Consumer, 1)
	if err != nil {
		return "", err
	}
	if len(skipped) > 0 && skipped[0].SkippedAt.After(latest) {
		reason = skipped[0].Reason
	}
	return reason, nil
}

// lowest returns the lowest position of the checkpoints, 0 where there are none.
func lowest(checkpoints []eventstore.Checkpoint) eventstore.Position {
	var position eventstore.Position
	for i, at := range checkpoints {
		if i == 0 || at.Position < position {
			position = at.Position
		}
	}
	return position
}

// behind returns how many events there are after a position, and how old the first of them is. It counts from that one
// on, so that what lies before it, which may be all the events of others, is read once.
func (p *Projection[Tx]) behind(
	ctx context.Context, after, head eventstore.Position, filter eventstore.Filter,
) (events int, age time.Duration, err error) {
	if after >= head {
		return 0, 0, nil
	}
	for next, err := range p.store.ReadAll(ctx, after, filter) {
		if err != nil {
			return 0, 0, fmt.Errorf("read the next event: %w", err)
		}
		others, err := count(ctx, p.store, next.Position, head, filter, MostEventsBehind-1)
		return 1 + others, max(time.Since(next.RecordedAt), time.Nanosecond), err
	}
	return 0, 0, nil
}

// count counts events in the store where it can, and otherwise by reading them.
func count(
	ctx context.Context, store eventstore.Store, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (events int, err error) {
	if counter, can := store.(eventstore.Counter); can {
		return counter.Count(ctx, after, through, filter, limit)
	}
	for event, err := range store.ReadAll(ctx, after, filter) {
		switch {
		case err != nil:
			return 0, fmt.Errorf("count events: %w", err)
		case event.Position > through, limit > 0 && events == limit:
			return events, nil
		}
		events++
	}
	return events, nil
}
