package processmanagertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// world is where the inputs of a scenario are played, one after the other.
type world[S, C any] struct {
	*place
	manager *processmanager.Manager[S, C]
	tasks   *tasks
	// dispatch is what becomes of the commands whose task is handed out.
	dispatch func(c processmanager.Command[C]) error
}

func newWorld[S, C any](m *processmanager.Manager[S, C]) *world[S, C] {
	p := newPlace()
	p.process = m.Consumer().Name
	w := &world[S, C]{place: p, tasks: &tasks{Agenda: p.agenda}}
	w.manager = m.In(processmanager.Surroundings[C]{
		Store:    p.store,
		Agenda:   w.tasks,
		Dispatch: func(_ context.Context, c processmanager.Command[C]) error { return w.dispatch(c) },
		Options:  strictly(processmanager.Options{Attempts: math.MaxInt}),
	})
	return w
}

// tasks is an agenda that hands out a task when it is told to, and otherwise says that there is nothing to do.
type tasks struct {
	eventstore.Agenda
	next *eventstore.Task
}

func (t *tasks) Claim(
	_ context.Context, _ string, duty eventstore.Duty, _ time.Time, _ int, _ time.Duration,
) ([]eventstore.Task, error) {
	if t.next == nil || t.next.Duty != duty {
		return nil, nil
	}
	task := *t.next
	t.next = nil
	return []eventstore.Task{task}, nil
}

func (t *tasks) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) ([]eventstore.Entry, error) {
	if query.Pending { // nobody is to wait for them
		return nil, nil
	}
	return t.Agenda.Entries(ctx, process, query)
}

// play lets the process react to an input, and returns what it has decided on that, and on nothing that came before.
func (w *world[S, C]) play(ctx context.Context, input Input) ([]Decision[S, C], error) {
	fire := func(t dueTimer) error { return w.handOut(ctx, t.instance, eventstore.DutyTimers) }
	switch {
	case input.err != nil:
		return nil, input.err
	case input.settled != nil:
		return w.settle(ctx, *input.settled)
	case input.elapsed != nil:
		return w.watch(ctx, func() error { return w.elapse(ctx, *input.elapsed, fire) })
	case input.timer != "":
		return w.playTimer(ctx, input.timer, fire)
	}
	if err := w.record(ctx, input.events, fire); err != nil {
		return nil, err
	}
	return w.watch(ctx, func() error { return w.catchUp(ctx) })
}

func (w *world[S, C]) playTimer(ctx context.Context, name string, fire func(dueTimer) error) ([]Decision[S, C], error) {
	timer, err := w.timer(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := w.passTimeBefore(ctx, timer, fire); err != nil {
		return nil, err
	}
	decisions, err := w.watch(ctx, func() error { return fire(timer) })
	return only(decisions, name), err
}

// only returns the first decision on a timer. Others may be due at the same time.
func only[S, C any](decisions []Decision[S, C], timer string) []Decision[S, C] {
	for n, decision := range decisions {
		inputs := decision.After.Inputs
		if fired := inputs[len(inputs)-1].Timer; fired != nil && fired.Name == timer {
			return decisions[n : n+1]
		}
	}
	return nil
}

// settle dispatches the commands of an instance up to one, and gives what its receiver answers.
func (w *world[S, C]) settle(ctx context.Context, s settled) ([]Decision[S, C], error) {
	instance, command, err := w.pending(ctx, s.command)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w.dispatch = func(c processmanager.Command[C]) error {
		if c.ID != command.ID {
			return nil
		}
		stop() // those after it remain
		return processmanager.Refuse(s.refusal)
	}
	return w.watch(context.WithoutCancel(ctx), func() error {
		err := w.handOut(ctx, instance, eventstore.DutyCommands)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = nil
		}
		return err
	})
}

// pending returns the first command that is equal to one and still to be dispatched, with its instance.
func (w *world[S, C]) pending(ctx context.Context, command any) (instance string, _ processmanager.Sent[C], _ error) {
	decisions, err := w.decisions(ctx, 0)
	if err != nil {
		return "", processmanager.Sent[C]{}, err
	}
	last := make(map[string]processmanager.Instance[S, C])
	for _, decision := range decisions {
		key := decision.After.Key
		if last[key], err = w.manager.Instance(ctx, key); err != nil {
			return "", processmanager.Sent[C]{}, err
		}
	}
	for _, decision := range decisions {
		for _, sent := range decision.sent {
			isPending := slices.ContainsFunc(last[decision.After.Key].Commands, func(c processmanager.Sent[C]) bool {
				return c.ID == sent.ID && c.Outcome == processmanager.OutcomePending
			})
			if isPending && reflect.DeepEqual(any(sent.Command), command) {
				return decision.After.Key, sent, nil
			}
		}
	}
	return "", processmanager.Sent[C]{}, fmt.Errorf("the process has no such command to dispatch: %s", line(command))
}

// handOut lets the process do a duty for an instance.
func (w *world[S, C]) handOut(ctx context.Context, instance string, duty eventstore.Duty) error {
	now := w.clock.Now()
	w.tasks.next = &eventstore.Task{
		Process: w.process, Instance: instance, Duty: duty, ClaimedAt: now, Until: now.Add(time.Hour),
	}
	return w.catchUp(ctx)
}

// catchUp lets the process do what it can, and returns an error where an instance had to be parked.
func (w *world[S, C]) catchUp(ctx context.Context) error {
	if err := w.manager.CatchUp(ctx); err != nil {
		return err
	}
	return parkedAtReaction(ctx, w.manager)
}

// parkedAtReaction returns why an instance is parked, if any is because a reaction has failed.
func parkedAtReaction[S, C any](ctx context.Context, m *processmanager.Manager[S, C]) error {
	all, err := m.Parked(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	return errors.New(all[0].Reason)
}

// watch returns what is decided while something is done.
func (w *world[S, C]) watch(ctx context.Context, do func() error) ([]Decision[S, C], error) {
	before, err := w.store.Head(ctx)
	if err == nil {
		err = do()
	}
	if err != nil {
		return nil, err
	}
	return w.decisions(ctx, before)
}

// decisions returns what was decided after a position, in order.
func (w *world[S, C]) decisions(ctx context.Context, after eventstore.Position) ([]Decision[S, C], error) {
	var decisions []Decision[S, C]
	for record, err := range w.store.ReadAll(ctx, after, w.records()) {
		if err != nil {
			return nil, err
		}
		decision, decided, err := w.decision(ctx, record)
		if err != nil {
			return nil, err
		}
		if decided {
			decisions = append(decisions, decision)
		}
	}
	return decisions, nil
}

// decision returns what a record says, unless it is not that of a decision.
func (w *world[S, C]) decision(
	ctx context.Context, record eventstore.RecordedEvent,
) (_ Decision[S, C], decided bool, _ error) {
	before := 0
	for step, err := range w.manager.History(ctx, record.Stream.Key) {
		switch {
		case err != nil:
			return Decision[S, C]{}, false, err
		case step.After.Version == record.Version && step.Record == "decided":
			return decisionOf(step, before), true, nil
		case step.After.Version == record.Version:
			return Decision[S, C]{}, false, nil
		}
		before = len(step.After.Commands)
	}
	return Decision[S, C]{}, false, nil
}

func decisionOf[S, C any](step processmanager.Step[S, C], before int) Decision[S, C] {
	decision := Decision[S, C]{Effects: step.Effects, After: step.After, sent: step.After.Commands[before:]}
	for _, sent := range decision.sent {
		if sent.Undoes != nil {
			decision.Undone = append(decision.Undone, sent.Command)
		}
	}
	return decision
}
