package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/agenda"
)

// Plan implements [eventstore.Agenda].
func (t *Target) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	prepared, err := agenda.Prepare(move.Consumer.Name, entries)
	if err == nil {
		err = t.step(ctx, move, func(now time.Time) {
			for _, entry := range prepared {
				t.instances.takeIn(entry, now)
			}
		})
	}
	return moveError(move, err)
}

// Note implements [eventstore.Agenda].
func (t *Target) Note(ctx context.Context, entry eventstore.Entry) error {
	prepared, err := agenda.Prepare(entry.Process, []eventstore.Entry{entry})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("note instance %q of process %q: %w", entry.Instance, entry.Process, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.instances.takeIn(prepared[0], now)
	return nil
}

// Claim implements [eventstore.Agenda]. Its cost grows with the number of instances that are open.
func (t *Target) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	err := eventstore.ValidateClaim(process, duty, limit, lease)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("claim tasks of process %q: %w", process, err)
	}
	by := t.time()
	if duty == eventstore.DutyTimers && !now.IsZero() {
		by = agenda.Time(now)
	}
	until := agenda.Time(by.Add(lease))
	t.mu.Lock()
	defer t.mu.Unlock()
	due := t.instances.due(process, duty, by)
	var tasks []eventstore.Task
	for _, i := range due[:min(len(due), limit)] {
		*i.dueAt(duty) = until
		tasks = append(tasks, eventstore.Task{
			Process: process, Instance: i.Instance, Duty: duty, Version: i.Version, Attempts: i.Attempts,
			ClaimedAt: by, Until: until,
		})
	}
	return tasks, nil
}

// Release implements [eventstore.Agenda].
func (t *Target) Release(ctx context.Context, releases ...eventstore.Release) error {
	if len(releases) == 0 {
		return nil
	}
	joined, err := agenda.Join(releases)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		first := releases[0].Task
		return fmt.Errorf("release %d tasks, of instance %q of process %q first: %w",
			len(releases), first.Instance, first.Process, err)
	}
	now := t.time()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, release := range joined {
		t.instances.release(release, now)
	}
	return nil
}

// Entries implements [eventstore.Agenda].
func (t *Target) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) ([]eventstore.Entry, error) {
	err := cmp.Or(eventstore.ValidateConsumer(process), query.Validate(), ctx.Err())
	if err != nil {
		return nil, fmt.Errorf("list instances of process %q: %w", process, err)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	var entries []eventstore.Entry
	for _, i := range t.instances[process] {
		if i.matches(query) {
			entries = append(entries, i.copy())
		}
	}
	slices.SortFunc(entries, func(one, other eventstore.Entry) int { return cmp.Compare(one.Instance, other.Instance) })
	if query.Limit > 0 {
		entries = entries[:min(len(entries), query.Limit)]
	}
	return entries, nil
}

// Summary implements [eventstore.Agenda].
func (t *Target) Summary(ctx context.Context, process string) (eventstore.AgendaSummary, error) {
	err := cmp.Or(eventstore.ValidateConsumer(process), ctx.Err())
	if err != nil {
		return eventstore.AgendaSummary{}, fmt.Errorf("count the instances of process %q: %w", process, err)
	}
	now := t.time()
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.instances.summary(process, now), nil
}
