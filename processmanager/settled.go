package processmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// settlePatience is how long timers wait for the events before them, lest those of partitions that are behind, or
	// paused, hold up the others.
	settlePatience = time.Second
	// settleAgain is how soon they wait for a partition again that they have waited for in vain.
	settleAgain = 5 * time.Second
	// settleLook is how often it is looked at least how far the events are handled.
	settleLook = 10 * time.Millisecond
)

// settled is how far the instances of each partition have decided on events. Among those that are recorded and not
// decided on may be one that cancels a timer, after a downtime: so it does not fire before.
type settled []settledPartition

type settledPartition struct {
	// at is when all events were decided on that had been recorded by then, late when that was waited for in vain.
	at, late time.Time
}

func (s settled) partitionOf(stream eventstore.StreamID) settledPartition {
	if len(s) == 0 {
		return settledPartition{}
	}
	return s[eventstore.PartitionOf(stream, len(s))]
}

// choose returns the tasks whose timers may fire. The others are claimed again when their leases end. It waits at most
// once in a poll interval for each partition.
func choose[C any](ctx context.Context, m *core[C], s *settled, tasks []eventstore.Task) ([]eventstore.Task, error) {
	unsettled := slices.DeleteFunc(slices.Clone(tasks), func(task eventstore.Task) bool {
		partition := s.partitionOf(m.stream(task.Instance))
		return time.Since(partition.at) < m.options.PollInterval || time.Since(partition.late) < settleAgain
	})
	if len(unsettled) > 0 {
		if err := settle(ctx, m, s, unsettled); err != nil {
			return nil, fmt.Errorf("process %q: wait for the events before timers fire: %w", m.name, err)
		}
	}
	return slices.DeleteFunc(slices.Clone(tasks), func(task eventstore.Task) bool {
		partition := s.partitionOf(m.stream(task.Instance))
		return !partition.at.After(partition.late)
	}), nil
}

// settle waits until the instances of tasks have decided on all events that are recorded now, or for too long.
func settle[C any](ctx context.Context, m *core[C], s *settled, tasks []eventstore.Task) error {
	began := time.Now()
	head, err := m.store.Head(ctx)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	all, err := m.agenda.Await(waiting, m.consumer(), settleLook, func(all []eventstore.Checkpoint) bool {
		return !slices.ContainsFunc(tasks, func(task eventstore.Task) bool {
			return len(all) == 0 || all[eventstore.PartitionOf(m.stream(task.Instance), len(all))].Position < head
		})
	})
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return err
	}
	if len(*s) != len(all) {
		*s = make(settled, len(all))
	}
	for n, at := range all {
		if at.Position >= head {
			(*s)[n].at = began
		} else {
			(*s)[n].late = time.Now()
		}
	}
	return nil
}
