package processmanagertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// mortalAgenda is an agenda as one process has it. Each call that a process manager makes at work is a step.
type mortalAgenda struct {
	eventstore.Agenda // for what only operators call
	life              *life
}

// asking is a step that returns something.
func asking[T any](l *life, s step, ask func() (T, error)) (answer T, err error) {
	err = l.do(s, func() error {
		answer, err = ask()
		return err
	})
	return answer, err
}

func (a mortalAgenda) Define(ctx context.Context, id eventstore.ConsumerID, d eventstore.Definition) error {
	return a.life.do(step{name: "Agenda.Define", changes: true}, func() error { return a.Agenda.Define(ctx, id, d) })
}

func (a mortalAgenda) Checkpoints(ctx context.Context, id eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	return asking(a.life, step{name: "Agenda.Checkpoints"}, func() ([]eventstore.Checkpoint, error) {
		return a.Agenda.Checkpoints(ctx, id)
	})
}

func (a mortalAgenda) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	return asking(a.life, step{name: "Agenda.Parked"}, func() ([]eventstore.Parked, error) {
		return a.Agenda.Parked(ctx, id, query)
	})
}

func (a mortalAgenda) Plan(ctx context.Context, move eventstore.Move, entries []eventstore.Entry) error {
	name := fmt.Sprintf("Agenda.Plan of the move to %d", move.To)
	return a.life.do(step{name: name, changes: true}, func() error { return a.Agenda.Plan(ctx, move, entries) })
}

func (a mortalAgenda) Note(ctx context.Context, entry eventstore.Entry) error {
	name := fmt.Sprintf("Agenda.Note of instance %q", entry.Instance)
	return a.life.do(step{name: name, changes: true}, func() error { return a.Agenda.Note(ctx, entry) })
}

func (a mortalAgenda) Claim(
	ctx context.Context, process string, duty eventstore.Duty, now time.Time, limit int, lease time.Duration,
) ([]eventstore.Task, error) {
	called := step{name: "Agenda.Claim of " + duty.String(), changes: true}
	return asking(a.life, called, func() ([]eventstore.Task, error) {
		tasks, err := a.Agenda.Claim(ctx, process, duty, now, limit, lease)
		a.life.claims(tasks)
		return tasks, err
	})
}

// Release does not delay what has failed, as the clock stands still.
func (a mortalAgenda) Release(ctx context.Context, releases ...eventstore.Release) error {
	of := make([]string, len(releases))
	releases = slices.Clone(releases)
	for n := range releases {
		task := releases[n].Task
		of[n] = fmt.Sprintf("the %s of instance %q", task.Duty, task.Instance)
		releases[n].Delay = 0
	}
	called := step{name: "Agenda.Release of " + strings.Join(of, ", "), changes: true}
	return a.life.do(called, func() error { return a.Agenda.Release(ctx, releases...) })
}

func (a mortalAgenda) Entries(
	ctx context.Context, process string, query eventstore.EntryQuery,
) ([]eventstore.Entry, error) {
	return asking(a.life, step{name: "Agenda.Entries"}, func() ([]eventstore.Entry, error) {
		return a.Agenda.Entries(ctx, process, query)
	})
}
