package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// sqlBroken counts the streams whose versions or positions are not in order.
const sqlBroken = `
	SELECT count(DISTINCT (category, stream_key)) FROM (
		SELECT category, stream_key, version, row_number() OVER stream AS number,
			position < lag(position) OVER stream AS falls
		FROM pasttense.events WINDOW stream AS (PARTITION BY category, stream_key ORDER BY version)
	) AS e
	WHERE version <> number OR falls`

// sqlInstances counts the instances.
const sqlInstances = `
	SELECT count(DISTINCT stream_key) FROM pasttense.events WHERE category = '$pm.` + processName + `'`

// totals are what there is in the end.
type totals struct {
	instances, completed, failed, failedByHand int
	commands                                   map[processmanager.Outcome]int
	again                                      int // commands that were dispatched at a later attempt than the first
	undone                                     int
	fired                                      int
	confirmed                                  times // how long that took after the checkout
	late                                       times // how late timers have fired
}

// times are some of orders.
type times struct {
	all   []time.Duration
	worst plannedOrder
}

func (t *times) add(took time.Duration, o plannedOrder) {
	if len(t.all) == 0 || took > slices.Max(t.all) {
		t.worst = o
	}
	t.all = append(t.all, took)
}

// verify looks at everything, after all processes have ended.
func (t *torture) verify(ctx context.Context) error {
	t.totals.commands = make(map[processmanager.Outcome]int)
	for _, p := range t.plan {
		o, err := t.lookAt(ctx, p)
		if err != nil {
			return err
		}
		(&judge{o, t.report.findings}).judge()
		t.totals.add(o)
	}
	var broken int
	if err := t.main.Pool.QueryRow(ctx, sqlBroken).Scan(&broken); err != nil {
		return fmt.Errorf("look at the streams: %w", err)
	}
	if broken > 0 {
		t.report.findings.Note(reordered, broken, "%d streams are not in order", broken)
	}
	if err := t.main.Pool.QueryRow(ctx, sqlInstances).Scan(&t.totals.instances); err != nil {
		return fmt.Errorf("count the instances: %w", err)
	}
	if t.totals.instances != len(t.plan) {
		t.report.findings.Object("%d orders have %d instances", len(t.plan), t.totals.instances)
	}
	return t.verifyNothingIsLeft(ctx, t.report.findings)
}

// verifyNothingIsLeft looks whether the agenda has anything to do.
func (t *torture) verifyNothingIsLeft(ctx context.Context, found *findings.Findings) error {
	entries, err := t.manager.Entries(ctx, eventstore.EntryQuery{})
	if err != nil {
		return err
	}
	for _, entry := range entries {
		found.Object("the agenda has an entry left: %+v", entry)
	}
	parked, err := t.manager.Parked(ctx)
	if err != nil {
		return err
	}
	for _, p := range parked {
		found.Object("an instance is parked: %+v", p)
	}
	return nil
}

func (t *totals) add(o outcome) {
	switch {
	case o.instance.Status == processmanager.StatusCompleted:
		t.completed++
	case o.instance.Reason == byHand:
		t.failedByHand++
	case o.instance.Status == processmanager.StatusFailed:
		t.failed++
	}
	for _, c := range o.instance.Commands {
		t.commands[c.Outcome]++
		if c.Attempt > 1 {
			t.again++
		}
		if c.Undoes != nil {
			t.undone++
		}
	}
	if took := o.took(); took > 0 {
		t.confirmed.add(took, o.plan)
	}
	for _, late := range o.late() {
		t.fired++
		t.late.add(late, o.plan)
	}
}
