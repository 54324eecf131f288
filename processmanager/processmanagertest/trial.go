package processmanagertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	// maxLives and maxCalls end a trial that comes to no end.
	maxLives = 10_000
	maxCalls = 10_000
)

// plan says what happens in a trial.
type plan struct {
	// at is the step at which there is trouble for the first process, 0 for none.
	at      int
	trouble trouble
	// again lets each process crash after so many steps, before and after them in turn.
	again bool
	// forgets loses the agenda in the crash, so that all events come again.
	forgets bool
	// repeats lets all events come again at the end.
	repeats bool
}

// trial is one run of a process from the first input to the end, in which it may crash.
type trial[S, C any] struct {
	*place
	plan  plan
	setup Setup[S, C]
	// life and manager are those of the present process.
	life    *life
	manager *processmanager.Manager[S, C]
	// lives counts the processes, and extra by how much the present one lives longer than planned: two in a row that have
	// achieved nothing would go on so for ever.
	lives, extra int
	achieved     int
	// struck is the step of the first trouble.
	struck string
	// first is the first life.
	first *life
}

func newTrial[S, C any](begin func() Setup[S, C], p plan) *trial[S, C] {
	t := &trial[S, C]{place: newPlace(), plan: p, setup: begin()}
	t.start()
	t.first = t.life
	return t
}

// start starts a process.
func (t *trial[S, C]) start() {
	t.lives++
	t.life = &life{trouble: t.plan.trouble}
	switch {
	case t.plan.again:
		t.life.at = t.plan.at + t.extra
		if t.lives%2 == 0 {
			t.life.trouble = crashAfter
		}
	case t.lives == 1:
		t.life.at = t.plan.at
	}
	t.manager = t.mortal(t.life)
	t.process = t.manager.Consumer().Name
}

// mortal returns the manager of a process that has a life.
func (t *trial[S, C]) mortal(l *life) *processmanager.Manager[S, C] {
	store, agenda := mortalStore{t.store, l}, mortalAgenda{t.agenda, l}
	made := t.setup.Manager(store, agenda)
	own := made.Surroundings()
	dispatch := func(ctx context.Context, c processmanager.Command[C]) error {
		l.excuse()
		name := fmt.Sprintf("dispatch of %T, instance %q", c.Command, c.Instance)
		return l.do(step{name: name, changes: true}, func() error { return own.Dispatch(ctx, c) })
	}
	return made.In(processmanager.Surroundings[C]{
		Store: store, Agenda: agenda, Dispatch: dispatch, Options: strictly(own.Options),
	})
}

// run plays the inputs, and returns how it all ends.
func (t *trial[S, C]) run(ctx context.Context, inputs []Input) ([]string, error) {
	for n, input := range inputs {
		if err := t.play(ctx, input); err != nil {
			return nil, fmt.Errorf("input %d: %w", n, err)
		}
	}
	if t.plan.repeats {
		t.agenda = newAgenda(t.clock)
		t.start()
		if err := t.catchUp(ctx); err != nil {
			return nil, err
		}
	}
	return t.ending(ctx)
}

func (t *trial[S, C]) play(ctx context.Context, input Input) error {
	fire := func(dueTimer) error { return t.catchUp(ctx) }
	switch {
	case input.err != nil:
		return input.err
	case input.settled != nil:
		return errors.New("what becomes of a command is for dispatch to say")
	case input.elapsed != nil:
		return t.elapse(ctx, *input.elapsed, fire)
	case input.timer != "":
		timer, err := t.timer(ctx, input.timer)
		if err == nil {
			err = t.passTimeBefore(ctx, timer, fire)
		}
		if err != nil {
			return err
		}
		return fire(timer)
	}
	if err := t.record(ctx, input.events, fire); err != nil {
		return err
	}
	return t.catchUp(ctx)
}

// parkedAtReaction returns why an instance is parked, if any is because it could not react to an event or a timer. It
// asks the agenda itself, as that is no step of the process.
func (t *trial[S, C]) parkedAtReaction(ctx context.Context) error {
	surroundings := t.manager.Surroundings()
	surroundings.Store, surroundings.Agenda = t.store, t.agenda
	all, err := t.manager.In(surroundings).Parked(ctx)
	for _, parked := range all {
		if parked.Command == uuid.Nil {
			return errors.New(parked.Reason)
		}
	}
	return err
}

// catchUp lets the process do what there is to do. When it crashes another one does.
func (t *trial[S, C]) catchUp(ctx context.Context) error {
	for range maxCalls {
		err := t.manager.CatchUp(ctx)
		excused := t.life.takeExcuse()
		if t.struck == "" {
			t.struck = t.life.struck
		}
		switch {
		case t.life.isOver():
			err = t.afterCrash(ctx)
		case err == nil:
			return t.parkedAtReaction(ctx)
		case excused:
			err = t.endLeases(ctx)
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the process comes to no end")
}

// afterCrash starts another process, when the leases of the one that has crashed have ended. The clock does not move for
// that, so that the times that are recorded are the same in all trials.
func (t *trial[S, C]) afterCrash(ctx context.Context) error {
	if t.lives == maxLives {
		return errors.New("one process after the other crashes, and there is no end")
	}
	if err := t.endLeases(ctx); err != nil {
		return err
	}
	achieved, err := t.progress(ctx)
	if err != nil {
		return err
	}
	t.extra++
	if achieved != t.achieved {
		t.extra, t.achieved = 0, achieved
	}
	if t.plan.forgets {
		t.agenda = newAgenda(t.clock)
	}
	t.start()
	return nil
}

// endLeases makes due what the present process has in hand.
func (t *trial[S, C]) endLeases(ctx context.Context) error {
	for _, task := range t.life.claimed {
		entries, err := t.agenda.Entries(ctx, t.process, eventstore.EntryQuery{Instance: task.Instance})
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := t.agenda.Release(ctx, eventstore.Release{Task: task, Entry: entry}); err != nil {
				return err
			}
		}
	}
	return nil
}

// progress returns how many records the instances have.
func (t *trial[S, C]) progress(ctx context.Context) (records int, err error) {
	head, err := t.store.Head(ctx)
	if err != nil {
		return 0, err
	}
	return t.store.Count(ctx, 0, head, t.records(), 0)
}

// records selects what the instances have recorded.
func (p *place) records() eventstore.Filter {
	return eventstore.Filter{Categories: []string{p.process}}
}
