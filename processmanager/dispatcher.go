package processmanager

import (
	"context"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// dispatchUntil dispatches commands until ctx ends, and then returns when the dispatches in hand are finished.
func (m *Manager[S, C]) dispatchUntil(ctx context.Context) {
	d := &dispatcher[S, C]{
		Manager:  m,
		free:     m.options.Concurrency,
		finished: make(chan struct{}, m.options.Concurrency),
	}
	defer d.workers.Wait()
	for ctx.Err() == nil {
		delay := d.begin(ctx)
		d.wait(ctx, delay)
	}
}

// dispatcher is one run of a manager's dispatches. It claims no more tasks than it has workers for, since their leases
// run from then on.
type dispatcher[S, C any] struct {
	*Manager[S, C]
	workers sync.WaitGroup
	// free is the number of workers that may be started.
	free int
	// finished gets a signal from each worker.
	finished chan struct{}
	// failures counts how often the agenda has failed since it last answered.
	failures int
}

// begin starts a worker for each task that is due, as far as workers are free. It returns how long to wait before it
// looks again, if nothing happens.
func (d *dispatcher[S, C]) begin(ctx context.Context) time.Duration {
	if d.free == 0 {
		return d.options.PollInterval
	}
	tasks, deadline, err := d.claim(ctx, d.free)
	if err != nil {
		return d.afterFailure(ctx, err)
	}
	d.failures = 0
	d.free -= len(tasks)
	for _, task := range tasks {
		d.workers.Go(func() { d.workOn(ctx, task, deadline) })
	}
	return d.options.PollInterval
}

func (d *dispatcher[S, C]) afterFailure(ctx context.Context, err error) time.Duration {
	d.failures++
	delay := d.options.retry().Delay(d.failures)
	if ctx.Err() == nil {
		d.log.WarnContext(ctx, "process manager cannot go on, trying again",
			"error", err, "failures", d.failures, "delay", delay)
	}
	return delay
}

func (d *dispatcher[S, C]) workOn(ctx context.Context, task eventstore.Task, deadline time.Time) {
	defer func() { d.finished <- struct{}{} }()
	if err := d.work(ctx, task, deadline); err != nil {
		d.log.WarnContext(ctx, "process manager failed at a command, trying again later",
			"instance", task.Instance, "attempt", task.Attempts+1, "error", err)
	}
}

// wait returns when it is time to look for tasks again: after the delay, when some were planned, and when a worker has
// finished. Then there may be others that it was not free for, or its own again, planned while it was at work.
func (d *dispatcher[S, C]) wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.planned:
	case <-d.finished:
		d.free++
	}
	for len(d.finished) > 0 {
		<-d.finished
		d.free++
	}
}
