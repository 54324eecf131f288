package memstore

import (
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// consumer is what the target keeps of a consumer. It is guarded by Target.mu.
type consumer struct {
	eventstore.DefinedConsumer

	partitions []*partition
	// members has when the lease of each member ends.
	members map[string]time.Time
	parked  sequences
	skipped []eventstore.Skipped
}

// partition is guarded by Target.mu. Its checkpoint has all that belongs to the partition alone; the owner is whom it was
// given to.
type partition struct {
	checkpoint eventstore.Checkpoint
	stopUntil  time.Time
}

// newPartitions makes the partitions of a consumer, all at one position and in one epoch.
func newPartitions(
	consumer eventstore.ConsumerID, count int, at eventstore.Position, epoch int64, now time.Time,
) []*partition {
	partitions := make([]*partition, count)
	for i := range partitions {
		partitions[i] = &partition{checkpoint: eventstore.Checkpoint{
			Consumer: consumer, Partition: i, Partitions: count, Position: at, Epoch: epoch, UpdatedAt: now,
		}}
	}
	return partitions
}

// renew begins a new epoch.
func (p *partition) renew(now time.Time) {
	p.checkpoint.Epoch++
	p.checkpoint.UpdatedAt = now
}

// find returns a consumer, the live version where the ID names none, and nil when there is none. The caller holds mu.
func (t *Target) find(id eventstore.ConsumerID) *consumer {
	if id.Version != 0 {
		return t.consumers[id]
	}
	for _, c := range t.consumers {
		if c.Name == id.Name && c.Live {
			return c
		}
	}
	return nil
}

// of returns what tells whether a partition belongs to one of the consumers.
func (t *Target) of(ids ...eventstore.ConsumerID) func(p *partition) bool {
	return func(p *partition) bool {
		return slices.ContainsFunc(ids, func(id eventstore.ConsumerID) bool {
			c := t.find(id)
			return c != nil && c.ConsumerID == p.checkpoint.Consumer
		})
	}
}

// partition returns a partition of a consumer, and nil when there is none. The caller holds mu.
func (t *Target) partition(id eventstore.ConsumerID, number int) *partition {
	c := t.find(id)
	if c == nil || number < 0 || number >= len(c.partitions) {
		return nil
	}
	return c.partitions[number]
}

// partitionOf returns the partition that a stream belongs to.
func (c *consumer) partitionOf(stream eventstore.StreamID) *partition {
	return c.partitions[eventstore.PartitionOf(stream, len(c.partitions))]
}

// works reports whether the lease of a member has not run out.
func (c *consumer) works(member string, now time.Time) bool {
	end, found := c.members[member]
	return found && now.Before(end)
}

// isRun reports whether there is a member whose lease has not run out. It need not own a partition.
func (c *consumer) isRun(now time.Time) bool {
	for _, end := range c.members {
		if now.Before(end) {
			return true
		}
	}
	return false
}

// given returns the checkpoints, with the members that the partitions were given to as owners.
func (c *consumer) given(now time.Time) []eventstore.Checkpoint {
	checkpoints := make([]eventstore.Checkpoint, len(c.partitions))
	for i, p := range c.partitions {
		checkpoints[i] = p.checkpoint
		checkpoints[i].Live = c.Live
		if !now.Before(p.stopUntil) {
			checkpoints[i].StopAt = 0
		}
	}
	return checkpoints
}

// checkpoints returns the checkpoints, with the members that work as owners.
func (c *consumer) checkpoints(now time.Time) []eventstore.Checkpoint {
	checkpoints := c.given(now)
	for i := range checkpoints {
		if !c.works(checkpoints[i].Owner, now) {
			checkpoints[i].Owner = ""
		}
	}
	return checkpoints
}
