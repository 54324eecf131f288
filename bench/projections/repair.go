package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

// repairer retries what is parked, in vain at first, and repairs one fault after the other.
type repairer struct {
	main    *client.Client
	counter *projection.Projection[pgx.Tx]
	report  *report
	over    time.Duration
}

// run ends with stop, or when all faults are repaired.
func (r *repairer) run(ctx, stop context.Context) error {
	steps := time.Duration(poisonedStreams * faults)
	for fault := 1; fault <= faults; fault++ {
		for number := range poisonedStreams {
			if !wait.For(stop, r.over/steps) {
				return nil
			}
			stream := poisonedStream(number)
			r.retry(ctx, stream)
			if err := r.repair(ctx, stream, fault); err != nil {
				return err
			}
			r.retry(ctx, stream)
		}
	}
	return nil
}

func (r *repairer) repair(ctx context.Context, stream eventstore.StreamID, fault int) error {
	return wait.Insist(ctx, func() error {
		_, err := r.main.Pool.Exec(ctx, sqlRepair, stream.Key, fault)
		return err
	})
}

// retry retries a stream and counts what comes of it.
func (r *repairer) retry(ctx context.Context, stream eventstore.StreamID) {
	retrying, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	err := r.counter.Retry(retrying, stream)
	switch {
	case err == nil:
		r.report.Add("retried until the stream was level")
	case errors.Is(err, eventstore.ErrNotParked):
		r.report.Add("retried a stream that is not parked")
	case errors.Is(err, eventstore.ErrParked):
		r.report.Add("retried up to a fault that is not repaired")
	case ctx.Err() != nil:
	case errors.Is(err, context.DeadlineExceeded):
		r.report.findings.Object("retry of stream %s did not return within %s", stream, wait.Patience)
	default:
		r.report.Add("retried, and the backend was terminated")
	}
}

// finish repairs all faults and retries until nothing is parked.
func (r *repairer) finish(ctx context.Context) error {
	for number := range poisonedStreams {
		if err := r.repair(ctx, poisonedStream(number), faults); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(wait.Patience)
	for {
		parked, err := r.counter.Parked(ctx)
		if err != nil {
			return err
		}
		if len(parked) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			r.report.findings.Object("%d streams are still parked, such as %s from version %d on: %s",
				len(parked), parked[0].Stream, parked[0].Version, parked[0].Reason)
			return nil
		}
		for _, sequence := range parked {
			r.retry(ctx, sequence.Stream)
		}
	}
}
