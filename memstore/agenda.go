package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// agenda has the tasks of each process, by instance.
type agenda map[string]map[string]*eventstore.Task

// Plan implements [eventstore.Agenda]. The process of the tasks is the move's consumer.
func (t *Target) Plan(
	ctx context.Context, move eventstore.Move, instances map[string]eventstore.Version,
) error {
	return moveError(move, t.step(ctx, move, func(now time.Time) {
		t.agenda.plan(move.Consumer.Name, instances, now)
	}))
}

// Claim implements [eventstore.Agenda]. The DueAt of a returned task is the end of the lease.
func (t *Target) Claim(
	ctx context.Context, process string, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("claim tasks of process %q: %w", process, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	due := slices.DeleteFunc(t.agenda.byDueTime(process), func(task *eventstore.Task) bool {
		return task.DueAt.After(now)
	})
	due = due[:min(len(due), max(limit, 0))]
	for _, task := range due {
		task.DueAt = now.Add(lease)
	}
	return values(due), nil
}

// Postpone implements [eventstore.Agenda].
func (t *Target) Postpone(ctx context.Context, task eventstore.Task, delay time.Duration, reason string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("postpone task %q of process %q: %w", task.Instance, task.Process, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	if planned, found := t.agenda[task.Process][task.Instance]; found {
		if reason != "" {
			planned.Attempts++
			planned.Reason = reason
		}
		planned.DueAt = now.Add(delay)
	}
	return nil
}

// Done implements [eventstore.Agenda].
func (t *Target) Done(ctx context.Context, task eventstore.Task) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("finish task %q of process %q: %w", task.Instance, task.Process, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	planned, found := t.agenda[task.Process][task.Instance]
	switch {
	case !found:
	case planned.Version > task.Version:
		planned.Attempts, planned.Reason, planned.DueAt = 0, "", now
	default:
		delete(t.agenda[task.Process], task.Instance)
	}
	return nil
}

// Tasks implements [eventstore.Agenda].
func (t *Target) Tasks(ctx context.Context, process string) ([]eventstore.Task, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("list tasks of process %q: %w", process, err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return values(t.agenda.byDueTime(process)), nil
}

// plan adds tasks that are due at once. A task that is there already gets the greater version.
func (a agenda) plan(process string, instances map[string]eventstore.Version, now time.Time) {
	tasks := a[process]
	if tasks == nil {
		tasks = make(map[string]*eventstore.Task)
		a[process] = tasks
	}
	for instance, version := range instances {
		if planned, found := tasks[instance]; found {
			planned.Version = max(planned.Version, version)
			continue
		}
		tasks[instance] = &eventstore.Task{Process: process, Instance: instance, Version: version, DueAt: now}
	}
}

// byDueTime returns the tasks of a process, the one that is due first at the front.
func (a agenda) byDueTime(process string) []*eventstore.Task {
	tasks := make([]*eventstore.Task, 0, len(a[process]))
	for _, task := range a[process] {
		tasks = append(tasks, task)
	}
	slices.SortFunc(tasks, func(one, other *eventstore.Task) int {
		return cmp.Or(one.DueAt.Compare(other.DueAt), cmp.Compare(one.Instance, other.Instance))
	})
	return tasks
}

func values(tasks []*eventstore.Task) []eventstore.Task {
	copies := make([]eventstore.Task, len(tasks))
	for i, task := range tasks {
		copies[i] = *task
	}
	return copies
}
