package main

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// lookEvery is how often it is looked whether the partitions of a process that is gone have another owner.
const lookEvery = 20 * time.Millisecond

// takeover is how long it took until the partitions of a process had other owners.
type takeover struct {
	kind   kind
	begun  time.Time
	number int64 // of the incident

	took time.Duration
	// disturbed says that something else happened meanwhile: to another process, or to the partitions.
	disturbed bool
}

// watch times a takeover. It is none when the process owned nothing, or went on before.
func (c *culprit) watch(ctx context.Context, t *takeover, victim *child, owned []eventstore.Checkpoint) {
	if len(owned) == 0 {
		return
	}
	for pause(ctx, lookEvery) {
		checkpoints, err := c.main.target.Checkpoints(ctx, projectionID)
		if err != nil || len(checkpoints) == 0 {
			continue // its backend was terminated
		}
		if len(checkpoints) != owned[0].Partitions || areOthers(checkpoints, victim, owned) {
			t.took = time.Since(t.begun)
			t.disturbed = len(checkpoints) != owned[0].Partitions || c.begun.Load() != t.number
			c.report.add(*t)
			c.log("%d partitions taken over %s after %s", len(owned), round(t.took), t.kind)
			return
		}
	}
	switch {
	case t.kind == stopped:
		c.report.untaken()
	case time.Since(t.begun) >= patience:
		c.report.findings.object("%d partitions were not taken over within %s of %s", len(owned), patience, t.kind)
	}
}

// areOthers reports whether partitions have owners, and other ones than the process that is gone.
func areOthers(checkpoints []eventstore.Checkpoint, gone *child, partitions []eventstore.Checkpoint) bool {
	for _, was := range partitions {
		owner := checkpoints[was.Partition].Owner
		if owner == "" || gone.is(owner) {
			return false
		}
	}
	return true
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
