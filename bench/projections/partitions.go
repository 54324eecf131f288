package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/projection"
)

// repartitioner changes the number of partitions twice: to fewer, and to more than there were.
type repartitioner struct {
	main       *client.Client
	report     *report
	partitions int
	over       time.Duration
	disturbs   *atomic.Int64 // counts what makes takeovers slow
	log        func(format string, args ...any)
}

// run ends with stop, after a change that has begun.
func (r *repartitioner) run(ctx, stop context.Context) error {
	for _, partitions := range []int{max(1, r.partitions*5/8), r.partitions * 3 / 2} {
		if !wait.For(stop, r.over/3) {
			return nil
		}
		if err := r.change(ctx, partitions); err != nil {
			return err
		}
	}
	return nil
}

// change tries again where the partitions have not come to one position, as whoever worked on them was away.
func (r *repartitioner) change(ctx context.Context, partitions int) error {
	begun := time.Now()
	for ctx.Err() == nil {
		r.disturbs.Add(1)
		err := projection.Repartition(ctx, tellingTarget{r.main.Target}, projectionID, partitions)
		r.disturbs.Add(1)
		if err == nil {
			r.report.Add("repartitions")
			r.log("%d partitions after %s", partitions, trial.Round(time.Since(begun)))
			return nil
		}
		r.report.Add("repartitions that were given up, and tried again")
		r.log("%v", err)
		if time.Since(begun) > wait.Patience {
			r.report.findings.Object("no repartition within %s: %v", wait.Patience, err)
			return nil
		}
	}
	return ctx.Err()
}
