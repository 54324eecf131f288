package main

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// lookEvery is how often it is looked whether the partitions of a process that is gone have another owner.
const lookEvery = 20 * time.Millisecond

// takeover is how long it took until the partitions of a process had other owners.
type takeover struct {
	kind   trouble.Kind
	begun  time.Time
	number int64 // of the incident

	took time.Duration
	// disturbed says that something else happened meanwhile: to another process, or to the partitions.
	disturbed bool
}

// watcher times takeovers.
type watcher struct {
	main   *client.Client
	report *report
	log    func(format string, args ...any)

	begun atomic.Int64 // incidents and whatever else makes takeovers slow
}

// prepare is called before each incident.
func (w *watcher) prepare(
	ctx context.Context, kind trouble.Kind, victim *child.Process,
) (watch func(context.Context), err error) {
	var owned []eventstore.Checkpoint
	err = wait.Insist(ctx, func() (err error) {
		owned, err = w.ownedBy(ctx, victim)
		return err
	})
	if err != nil {
		return nil, err
	}
	w.report.Incident(kind)
	t := &takeover{kind: kind, begun: time.Now(), number: w.begun.Add(1)}
	return func(ctx context.Context) { w.watch(ctx, t, victim, owned) }, nil
}

// ownedBy returns the partitions that a process owns.
func (w *watcher) ownedBy(ctx context.Context, p *child.Process) (owned []eventstore.Checkpoint, err error) {
	checkpoints, err := w.main.Target.Checkpoints(ctx, projectionID)
	for _, at := range checkpoints {
		if is(p, at.Owner) {
			owned = append(owned, at)
		}
	}
	return owned, err
}

// watch times a takeover. It is none when the process owned nothing, or went on before.
func (w *watcher) watch(
	ctx context.Context, t *takeover, victim *child.Process, owned []eventstore.Checkpoint,
) {
	if len(owned) == 0 {
		return
	}
	for wait.For(ctx, lookEvery) {
		checkpoints, err := w.main.Target.Checkpoints(ctx, projectionID)
		if err != nil || len(checkpoints) == 0 {
			continue // its backend was terminated
		}
		if len(checkpoints) != owned[0].Partitions || areOthers(checkpoints, victim, owned) {
			t.took = time.Since(t.begun)
			t.disturbed = len(checkpoints) != owned[0].Partitions || w.begun.Load() != t.number
			w.report.add(*t)
			w.log("%d partitions taken over %s after %s", len(owned), trial.Round(t.took), t.kind)
			return
		}
	}
	switch {
	case t.kind == trouble.Stopped:
		w.report.untaken()
	case time.Since(t.begun) >= wait.Patience:
		w.report.findings.Object("%d partitions were not taken over within %s of %s", len(owned), wait.Patience, t.kind)
	}
}

// areOthers reports whether partitions have owners, and other ones than the process that is gone.
func areOthers(checkpoints []eventstore.Checkpoint, gone *child.Process, partitions []eventstore.Checkpoint) bool {
	for _, was := range partitions {
		owner := checkpoints[was.Partition].Owner
		if owner == "" || is(gone, owner) {
			return false
		}
	}
	return true
}

// is reports whether a process is the member of a name, which has its ID between the host and a random part.
func is(p *child.Process, member string) bool {
	parts := strings.Split(member, "/")
	return len(parts) == 3 && parts[1] == strconv.Itoa(p.ID())
}
