package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// byHand is why the operator fails instances.
const byHand = "failed by hand"

// operator does what people do: it retries the instances that are parked, in vain at first, and fails some.
type operator struct {
	manager *manager
	mail    *mailService
	report  *report
	rng     *rand.Rand // of the one who retries
}

// retry looks for parked instances until stop ends.
func (o *operator) retry(ctx, stop context.Context) error {
	for wait.For(stop, operateEvery) {
		if err := o.retryParked(ctx, 0.5); err != nil {
			return err
		}
	}
	return nil
}

const operateEvery = 500 * time.Millisecond

// retryParked retries all that is parked, and repairs a part of it first.
func (o *operator) retryParked(ctx context.Context, repaired float64) error {
	return wait.Insist(ctx, func() error {
		parked, err := o.manager.Parked(ctx)
		if err != nil {
			return err
		}
		for _, p := range parked {
			if p.Position > 0 || p.Timer != "" {
				o.report.findings.Object("an instance is parked with an event or timer, although no reaction fails: %+v", p)
			}
			if o.rng.Float64() < repaired {
				o.mail.repair(p.Instance)
			}
			err := o.manager.Retry(ctx, p.Instance)
			switch {
			case errors.Is(err, eventstore.ErrNotParked):
				o.report.Add("retried an instance that was not parked any more")
			case err != nil:
				return err
			default:
				o.report.Add("retried an instance that was parked")
			}
		}
		return nil
	})
}

// fail fails the instances that are to be failed by hand, each when it is time.
func (o *operator) fail(ctx context.Context, orders []plannedOrder, begun time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var failing sync.WaitGroup
	for _, order := range orders {
		if order.failedAt == 0 {
			continue
		}
		failing.Go(func() {
			if !wait.For(ctx, time.Until(begun.Add(order.failedAt))) {
				return
			}
			if err := o.failOne(ctx, order.key); err != nil {
				cancel(fmt.Errorf("fail instance %s: %w", order.key, err))
			}
		})
	}
	failing.Wait()
	return context.Cause(ctx)
}

func (o *operator) failOne(ctx context.Context, key string) error {
	return wait.Insist(ctx, func() error {
		err := o.manager.Fail(ctx, key, byHand)
		if errors.Is(err, eventstore.ErrInvalid) {
			o.report.Add("could not fail an instance by hand, as it was over or not there")
			return nil
		}
		return err
	})
}
