package processmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// maxFired is how many timers of an instance fire in one append: a timer that sets itself again in the past does not
// keep the others from their turn.
const maxFired = 100

// fire lets the timers of an instance fire that were due when the task was claimed, in the order of their times.
func (m *core[C]) fire(ctx context.Context, task eventstore.Task) (eventstore.Release, error) {
	release := eventstore.Release{Task: task}
	i, err := m.recall(ctx, task.Instance, task.Version)
	if err != nil {
		return release, err
	}
	var failed error
	fire := func(d *draft, most int) error {
		if failed = m.fireDue(d, task.ClaimedAt, most); consumer.IsPermanent(failed) {
			return m.parkTimer(d, failed)
		}
		return failed
	}
	err = m.update(ctx, i, func(d *draft) error { return fire(d, maxFired) })
	if errors.Is(err, eventstore.ErrInvalid) { // what they decide cannot be stored, perhaps only not together
		err = m.update(ctx, i, func(d *draft) error { return fire(d, 1) })
	}
	if unstorable := err; errors.Is(err, eventstore.ErrInvalid) {
		failed = unstorable
		err = m.update(ctx, i, func(d *draft) error {
			if len(d.Timers) == 0 || d.Timers[0].DueAt.After(task.ClaimedAt) || d.Parked != nil && d.Parked.Timer != "" {
				return nil
			}
			return m.parkTimer(d, unstorable)
		})
	}
	if err == nil && failed != nil {
		m.log.ErrorContext(ctx, "process manager has parked an instance: retry, skip or fail it",
			"instance", task.Instance, "error", failed)
	}
	release.Entry = i.entry(task.Process)
	return release, err
}

// fireDue lets timers fire until none is due, or one has failed.
func (m *core[C]) fireDue(d *draft, now time.Time, most int) error {
	if err := giveUpKept(d, now); err != nil {
		return err
	}
	for range most {
		if len(d.Timers) == 0 || d.Timers[0].DueAt.After(now) || d.Parked != nil && d.Parked.Timer != "" {
			return nil
		}
		if err := m.fireFirst(d, now); err != nil {
			return hopeless(err)
		}
	}
	return nil
}

// parkTimer parks an instance that could not react to its first timer. What those before it have decided remains. If it
// was parked with a command, that is tried again together with the timer.
func (m *core[C]) parkTimer(d *draft, failed error) error {
	return d.add(parkedRecord{culprit: culprit{Timer: d.Timers[0].Name}, Reason: reasonOf(failed)}, d.Timers[0].Metadata)
}

// giveUpKept lets go the events that have waited too long for the instance to start.
func giveUpKept(d *draft, now time.Time) error {
	for _, kept := range d.Kept {
		if kept.Until.After(now) {
			continue
		}
		if err := d.add(expired(kept), kept.Metadata); err != nil {
			return err
		}
	}
	return nil
}

// fireFirst lets a draft decide on the timer that is due first.
func (m *core[C]) fireFirst(d *draft, now time.Time) error {
	timer := d.Timers[0]
	by, err := m.prepare(d, timer.Metadata)
	if err != nil {
		return fmt.Errorf("process %q, instance %q: fire timer %q: %w", m.name, d.stream.Key, timer.Name, err)
	}
	if _, still := d.timer(timer.Name); !still { // the migration has canceled it
		return nil
	}
	react, known := by.timers[timer.Name]
	if !known {
		return fmt.Errorf("process %q, instance %q: timer %q has fired, but there is no OnTimer for it",
			m.name, d.stream.Key, timer.Name)
	}
	fired := Fired{Name: timer.Name, DueAt: timer.DueAt, FiredAt: now.UTC()}
	in := input{Timer: &timerInput{Name: fired.Name, DueAt: fired.DueAt, FiredAt: fired.FiredAt, Number: d.Fired + 1}}
	return m.decide(d, by, in, react(fired), timer.Metadata)
}

// workOnTimers fires the timers of a task. Where that fails it is tried again when the lease ends.
func (m *core[C]) workOnTimers(ctx context.Context, task eventstore.Task) error {
	query := eventstore.ParkedQuery{Streams: []eventstore.StreamID{m.stream(task.Instance)}, WithoutReason: true}
	parked, err := m.agenda.Parked(ctx, m.consumer(), query)
	if err != nil || len(parked) > 0 { // it is tried again when the lease ends
		return err
	}
	release, err := m.fire(ctx, task)
	if err != nil {
		return err
	}
	if err := m.agenda.Release(ctx, release); err != nil {
		return fmt.Errorf("process %q, instance %q: finish the firing of timers: %w", m.name, task.Instance, err)
	}
	if release.Entry.Pending {
		m.wake()
	}
	return nil
}

// handBack ends the lease of a task of timers that was not worked on.
func (m *core[C]) handBack(ctx context.Context, task eventstore.Task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.reserve())
	defer cancel()
	i, err := m.recall(ctx, task.Instance, task.Version)
	if err == nil {
		err = m.agenda.Release(ctx, eventstore.Release{Task: task, Entry: i.entry(task.Process)})
	}
	if err != nil {
		m.log.WarnContext(ctx, "process manager could not hand back timers", "instance", task.Instance, "error", err)
	}
}
