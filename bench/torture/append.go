package main

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// made is an append with IDs of its own, and its first result.
type made struct {
	plan   *plan
	result eventstore.AppendResult
}

const (
	keptAppends = 8 // of each writer
	impatient   = 20 * time.Millisecond
)

// append makes an append until its outcome is known, as far as it can be.
func (w *writer) append(ctx context.Context, p *plan) {
	floor := eventstore.Position(w.highest.Load())
	result, err := w.try(ctx, p)
	if err == nil {
		w.acknowledge(p, result, floor)
		return
	}
	kind := classify(err)
	switch {
	case kind == unknownError && p.given:
		w.report.count("append: " + kind)
		w.findOut(ctx, p)
	case kind == unknownError:
		w.report(report{Counts: []string{"append: " + kind}, Records: p.outcome(unknown)})
	case ctx.Err() != nil:
		w.report(report{Records: p.outcome(refused)}) // the torture was interrupted
	case kind == "":
		w.report(report{Wrong: "unexpected error of an append: " + err.Error(), Records: p.outcome(refused)})
	default:
		w.refuse(p, "append", kind, err)
	}
}

// try appends, now and then with little patience.
func (w *writer) try(ctx context.Context, p *plan) (eventstore.AppendResult, error) {
	limit := wait.Patience
	if w.rng.IntN(30) == 0 {
		limit = time.Duration(w.rng.Int64N(int64(impatient)))
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	seen := watch(wait.Patience, func() string { return suspects(w.URL) })
	result, err := w.appender.Append(ctx, p.writes...)
	suspects := seen()
	if err != nil && time.Since(begun) >= wait.Patience {
		w.report.wrong("an append was stuck for %s: %v\n%s", wait.Patience, err, suspects)
	}
	return result, err
}

func (p *process) acknowledge(plan *plan, result eventstore.AppendResult, floor eventstore.Position) {
	p.report(report{Counts: []string{"append: acknowledged"}, Records: plan.result(result), Wrong: plan.judge(result, floor)})
	for i, r := range plan.records {
		if r.Count > 0 {
			p.learn(r.Stream, result.Writes[i].Version)
		}
	}
	raise(&p.highest, int64(result.Position))
}

// acknowledge keeps an append with IDs of its own to repeat it.
func (w *writer) acknowledge(p *plan, result eventstore.AppendResult, floor eventstore.Position) {
	w.process.acknowledge(p, result, floor)
	if p.given && p.events() > 0 {
		w.made = append(w.made, made{p, result})
		w.made = w.made[max(0, len(w.made)-keptAppends):]
	}
}

func (w *writer) refuse(plan *plan, what, kind string, err error) {
	w.lost = kind == connectionError
	w.process.refuse(plan, what, kind, err)
}

// refuse reports an append of which nothing was written. A conflict must be one, as far as it says.
func (p *process) refuse(plan *plan, what, kind string, err error) {
	r := report{Counts: []string{what + ": " + kind}, Records: plan.outcome(refused)}
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) && conflict.Actual != eventstore.VersionUnknown {
		if conflict.Expected.Allows(conflict.Actual) {
			r.Wrong = "a conflict that is none: " + err.Error()
		}
		if stream, err := streamOf(conflict.Stream); err == nil {
			p.learn(stream, conflict.Actual)
		}
	}
	p.report(r)
}

// findOut repeats an append of unknown outcome until it is told whether the append was made.
func (w *writer) findOut(ctx context.Context, p *plan) {
	giveUp := time.Now().Add(wait.Patience)
	for ctx.Err() == nil && time.Now().Before(giveUp) {
		attempt, cancel := context.WithDeadline(ctx, giveUp)
		result, err := w.appender.Append(attempt, p.writes...)
		cancel()
		if err == nil {
			w.report.count("unknown, then repeated: acknowledged")
			w.acknowledge(p, result, 0)
			return
		}
		switch kind := classify(err); kind {
		case conflictError:
			w.refuse(p, "unknown, then repeated", kind, err)
			return
		case "":
			w.report(report{Wrong: "unexpected error of a repeated append: " + err.Error(), Records: p.outcome(unknown)})
			return
		}
		wait.For(ctx, wait.RetryPause)
	}
	w.report(report{Records: p.outcome(unknown)})
	if ctx.Err() == nil {
		w.report.wrong("an append with IDs of its own has no outcome after %s", wait.Patience)
	}
}

// repeat makes an append again that was acknowledged, and wants the same result.
func (w *writer) repeat(ctx context.Context) {
	if len(w.made) == 0 {
		return
	}
	m := w.made[w.rng.IntN(len(w.made))]
	result, err := w.try(ctx, m.plan)
	switch {
	case err != nil && ctx.Err() != nil:
	case err != nil && classify(err) == conflictError:
		w.report.wrong("a repeated append was refused: %v", err)
	case err != nil && classify(err) == deadlineError:
		w.report.count("repeat: " + deadlineError)
	case err != nil:
		w.failed("repeat", err)
	case !reflect.DeepEqual(result, m.result):
		w.report.wrong("an append gave %+v, and when repeated %+v", m.result, result)
	default:
		w.report.count("repeat: acknowledged")
	}
}

// reuse appends other events with IDs that were used, and wants a refusal.
func (w *writer) reuse(ctx context.Context) {
	if len(w.made) == 0 {
		return
	}
	first := w.made[w.rng.IntN(len(w.made))].plan
	other := &plan{given: true}
	number, index := w.appends.Add(1), 0
	for i, write := range first.writes {
		other.add(first.records[i].Stream, write.Expected, newTag(w.Incarnation, number, index), len(write.Events))
		index += len(write.Events)
		for j, event := range write.Events {
			other.writes[i].Events[j].ID = event.ID
		}
	}
	_, err := w.try(ctx, other)
	kind := classify(err)
	r := report{Records: other.outcome(refused)}
	switch {
	case err == nil:
		r.Wrong = "an append with other events and IDs that were used was acknowledged"
	case errors.Is(err, eventstore.ErrIDReused):
		r.Counts = []string{"append: ID reused"}
	case ctx.Err() != nil:
	case kind == connectionError || kind == deadlineError || kind == unknownError: // it is not there all the same
		r.Counts = []string{"append: " + kind}
	default:
		r.Wrong = "an append with IDs that were used was not refused for that: " + err.Error()
	}
	w.report(r)
}

// skew has two appends race, each of which writes a new stream and requires that the other's has no events.
func (w *writer) skew(ctx context.Context) {
	key := w.newKey() &^ 1
	a, b := newStream(skewCategory, key), newStream(skewCategory, key|1)
	one, other := w.skewed(a, b), w.skewed(b, a)
	done := make(chan struct{})
	racer := &writer{process: w.process, rng: w.random(skewRole, w.rng.IntN(1<<16))}
	go func() {
		defer close(done)
		racer.append(ctx, other)
	}()
	w.append(ctx, one)
	<-done
	w.report.count("races of two appends that exclude each other")
}

func (w *writer) skewed(writes, checks streamNumber) *plan {
	p := &plan{}
	p.check(checks, eventstore.NoStream)
	p.add(writes, eventstore.NoStream, newTag(w.Incarnation, w.appends.Add(1), 0), 1+w.rng.IntN(2))
	return p
}
