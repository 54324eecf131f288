package eventstore

import (
	"errors"
	"fmt"
	"time"
)

// ConsumerStatus is how far a consumer has come, who works on it, and whether it goes on.
type ConsumerStatus struct {
	// Consumer is its name and version; Live says that this is the version that readers see.
	Consumer ConsumerID
	Live     bool
	// Partitions are the checkpoints, each with its owner. There are none before it has first run.
	Partitions []Checkpoint
	// Position is the lowest of them: everything at or below it was handled, or is parked.
	Position Position
	// Head is the highest position in the store. Positions have gaps: the difference is not a number of events.
	Head Position
	// EventsBehind is how many events after Position it listens to, but no more than [MostEventsBehind].
	EventsBehind int
	// Behind is the age of the first of them, 0 where there is none.
	Behind time.Duration
	// Parked are the sequences that were set aside last, the latest first, but no more than [MostParked].
	Parked []Parked
	// LastError is why a partition is paused, or else why an event was parked or skipped last; empty where none was.
	LastError string
}

// MostEventsBehind is as far as [ConsumerStatus] counts, lest looking at a consumer be slow because it is behind.
const MostEventsBehind = 10_000

// MostParked is how many parked sequences a [ConsumerStatus] has, lest looking at a consumer be slow because it has parked
// many. [Parking].Parked returns all.
const MostParked = 100

// ConsumerState sums up a [ConsumerStatus].
type ConsumerState string

const (
	// ConsumerRunning means that every partition has an owner and goes on.
	ConsumerRunning ConsumerState = "running"
	// ConsumerPaused means that a partition is paused.
	ConsumerPaused ConsumerState = "paused"
	// ConsumerIdle means that nobody works on a partition.
	ConsumerIdle ConsumerState = "idle"
	// ConsumerStopping means that the partitions wait for each other, as for a switch of versions or another number of partitions, for a moment.
	ConsumerStopping ConsumerState = "stopping"
)

// State returns the first of these that is true of a partition: [ConsumerPaused], [ConsumerIdle],
// [ConsumerStopping], [ConsumerRunning].
func (s ConsumerStatus) State() ConsumerState {
	state := ConsumerRunning
	if len(s.Partitions) == 0 {
		state = ConsumerIdle
	}
	for _, at := range s.Partitions {
		switch {
		case at.Paused:
			return ConsumerPaused
		case at.Owner == "":
			state = ConsumerIdle
		case at.StopAt > 0 && state == ConsumerRunning:
			state = ConsumerStopping
		}
	}
	return state
}

// Health returns nil when the consumer does what it should: every partition has an owner, none is paused, and it is
// not behind for longer than maxBehind. Otherwise the error says all that is wrong. What is parked is not: look at Parked.
func (s ConsumerStatus) Health(maxBehind time.Duration) error {
	var wrong []error
	for _, at := range s.Partitions {
		switch {
		case at.Paused:
			wrong = append(wrong, fmt.Errorf("partition %d: %w at position %d: %s",
				at.Partition, ErrPaused, at.Position, at.Reason))
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
	return fmt.Errorf("consumer %q is not healthy: %w", s.Consumer, errors.Join(wrong...))
}
