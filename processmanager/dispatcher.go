package processmanager

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// timerLease is how long an instance whose timers are due belongs to the process that took it up, at most, and so how
// soon it is looked at again where they could not fire. To fire them takes milliseconds, and is done once.
const timerLease = 5 * time.Second

// dispatcher is one run of what a manager does besides reading events: it dispatches commands, or fires timers. It
// claims no more tasks than it has workers for, since their leases run from then on.
type dispatcher[C any] struct {
	*core[C]
	duty    eventstore.Duty
	workers sync.WaitGroup
	// free is the number of workers that may be started.
	free int
	// finished gets a signal from each worker.
	finished chan struct{}
	// failures counts how often the agenda has failed since it last answered.
	failures int
	// settled is there for timers only.
	settled settled
}

// dispatchUntil does one duty until ctx ends, and then returns when what is in hand is finished.
func (m *core[C]) dispatchUntil(ctx context.Context, duty eventstore.Duty) {
	d := &dispatcher[C]{
		core:     m,
		duty:     duty,
		free:     m.options.Concurrency,
		finished: make(chan struct{}, m.options.Concurrency),
	}
	defer d.workers.Wait()
	for ctx.Err() == nil {
		delay := d.begin(ctx)
		d.wait(ctx, delay)
	}
}

// begin starts a worker for each task that is due, as far as workers are free. It returns how long to wait before it
// looks again, if nothing happens.
func (d *dispatcher[C]) begin(ctx context.Context) time.Duration {
	if d.free == 0 {
		return d.options.PollInterval
	}
	tasks, deadline, err := d.claim(ctx, d.duty, d.free)
	if err != nil {
		return d.afterFailure(ctx, err)
	}
	d.failures = 0
	if d.duty == eventstore.DutyTimers {
		chosen, err := choose(ctx, d.core, &d.settled, tasks)
		if err != nil {
			d.handBackAll(ctx, tasks)
			return d.afterFailure(ctx, err)
		}
		tasks = chosen
	}
	d.free -= len(tasks)
	for _, task := range tasks {
		d.workers.Go(func() {
			defer func() { d.finished <- struct{}{} }()
			d.work(ctx, task, deadline)
		})
	}
	return d.options.PollInterval
}

// handBackAll ends leases of timers when ctx has ended, so that others need not wait for that.
func (d *dispatcher[C]) handBackAll(ctx context.Context, tasks []eventstore.Task) {
	if ctx.Err() == nil {
		return // the next look at them is soon enough
	}
	for _, task := range tasks {
		d.handBack(ctx, task)
	}
}

func (d *dispatcher[C]) afterFailure(ctx context.Context, err error) time.Duration {
	d.failures++
	delay := d.options.retry().Delay(d.failures)
	if ctx.Err() == nil {
		d.log.WarnContext(ctx, "process manager cannot go on, trying again",
			"error", err, "failures", d.failures, "delay", delay)
	}
	return delay
}

func (d *dispatcher[C]) work(ctx context.Context, task eventstore.Task, deadline time.Time) {
	if err := d.workOn(ctx, task, deadline); err != nil && ctx.Err() == nil {
		d.log.WarnContext(ctx, "process manager failed at a task, trying again later",
			"instance", task.Instance, "duty", task.Duty.String(), "attempt", task.Attempts+1, "error", err)
	}
}

// workOn does what a task is for.
func (m *core[C]) workOn(ctx context.Context, task eventstore.Task, deadline time.Time) error {
	if task.Duty == eventstore.DutyCommands {
		return m.workOnCommands(ctx, task, deadline)
	}
	leased, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	return m.workOnTimers(leased, task)
}

// wait returns when it is time to look for tasks again: after the delay, when some were planned, and when a worker has
// finished. Then there may be others that it was not free for, or its own again, planned while it was at work.
func (d *dispatcher[C]) wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.planned[d.duty]:
	case <-d.finished:
		d.free++
	}
	for len(d.finished) > 0 {
		<-d.finished
		d.free++
	}
}

// claim returns tasks that are due, and when their lease ends. The lease begins later than this process's clock says, at
// the earliest when the agenda was asked.
func (m *core[C]) claim(ctx context.Context, duty eventstore.Duty, limit int) ([]eventstore.Task, time.Time, error) {
	lease := m.options.DispatchLease
	if duty == eventstore.DutyTimers {
		lease = min(lease, timerLease)
	}
	deadline := time.Now().Add(lease)
	tasks, err := m.agenda.Claim(ctx, m.consumer().Name, duty, m.options.now(), limit, lease)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("process %q: look for %s that are due: %w", m.name, duty, err)
	}
	return tasks, deadline, nil
}
