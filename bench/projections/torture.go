package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// torture is one run.
type torture struct {
	flags
	progress io.Writer
	telling  sync.Mutex // held while progress is written to
	server   *throwaway.Server
	url      string
	main     *database
	writer   *writer
	fleet    *fleet
	report   *report

	begun  time.Time
	before int // events that were there before the processes
	totals totals
}

func newTorture(ctx context.Context, f flags, progress io.Writer) (*torture, error) {
	t := &torture{flags: f, progress: progress, report: newReport(), begun: time.Now()}
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// prepare starts the server unless it is given, and makes what is in the database before the processes come.
func (t *torture) prepare(ctx context.Context) (err error) {
	settings := pgserver.Disposable()
	if t.fsync {
		settings = pgserver.Settings{}
	}
	settings["shared_buffers"], settings["max_wal_size"] = "256MB", "2GB"
	if t.server, err = throwaway.Open(ctx, t.serverURL, settings); err != nil {
		return err
	}
	if t.url, err = t.server.CreateStore(ctx, "projections"); err != nil {
		return err
	}
	if t.main, err = connect(ctx, t.url, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if _, err := t.main.pool.Exec(ctx, sqlModel); err != nil {
		return fmt.Errorf("make the read model: %w", err)
	}
	t.writer = newWriter(t.main.store, t.random(writerRole), t.events)
	t.before = t.events / 2
	if err := t.writer.write(ctx, t.before, 0); err != nil {
		return err
	}
	t.log("%d events before the processes", t.before)
	return nil
}

// Roles have chances of their own.
const (
	writerRole = iota
	culpritRole
	terminatorRole
)

func (t *torture) random(role uint64) *rand.Rand { return rand.New(rand.NewPCG(t.seed, role)) }

// run tortures the projection and then verifies what it has made.
func (t *torture) run(ctx context.Context) (err error) {
	a := assignment{URL: t.url, Partitions: t.partitions, Lease: t.lease, Verbose: t.verbose}
	if t.fleet, err = startFleet(a, t.processes); err != nil {
		return err
	}
	r := &repairer{
		main: t.main, counter: newProjection(t.main.store, t.main.target, nil), report: t.report, over: t.duration(),
	}
	t.log("%d processes run the projection", t.processes)
	if err := t.trouble(ctx, r); err != nil {
		return err
	}
	t.log("the trouble is over, %d events are appended", t.writer.events)
	if err := t.comeToRest(ctx, r); err != nil {
		return err
	}
	t.log("verifying")
	t.totals, err = verify(ctx, t.main, t.writer, &t.report.findings)
	return err
}

func (t *torture) duration() time.Duration { return time.Duration(t.seconds * float64(time.Second)) }

// trouble makes trouble until time is up, and returns when all processes run and all events are appended.
func (t *torture) trouble(ctx context.Context, r *repairer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, cancelStop := context.WithTimeout(ctx, t.duration())
	defer cancelStop()
	c := &culprit{
		flags: t.flags, fleet: t.fleet, main: t.main, rng: t.random(culpritRole), report: t.report, log: t.log,
	}
	p := &repartitioner{
		main: t.main, report: t.report, partitions: t.partitions, over: t.duration(), disturbs: &c.begun, log: t.log,
	}
	var makers sync.WaitGroup
	do := func(work func() error) {
		makers.Go(func() {
			if err := work(); err != nil {
				cancel(err)
			}
		})
	}
	do(func() error { return t.writer.write(ctx, t.events, t.duration()*9/10) })
	do(func() error { return c.run(ctx, stop) })
	do(func() error { return p.run(ctx, stop) })
	do(func() error { return r.run(ctx, stop) })
	do(func() error { terminate(stop, t.main, t.random(terminatorRole), t.report); return nil })
	makers.Wait()
	return context.Cause(ctx)
}

// comeToRest waits until everything is applied, nothing is parked, and the processes have ended.
func (t *torture) comeToRest(ctx context.Context, r *repairer) error {
	t.main.pool.Reset() // some of its backends were terminated
	if err := t.awaitHead(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	return t.fleet.stop(ctx)
}

// awaitHead waits as long as the partitions come nearer to the head.
func (t *torture) awaitHead(ctx context.Context) error {
	var head eventstore.Position
	err := insist(ctx, func() (err error) {
		head, err = t.main.store.Head(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for handled, since := int64(-1), time.Now(); ; {
		checkpoints, err := t.main.target.Checkpoints(ctx, projectionID)
		if err != nil {
			return err
		}
		late, now := 0, int64(0)
		for _, at := range checkpoints {
			now += int64(at.Position)
			if at.Position < head {
				late++
			}
		}
		if late == 0 {
			return nil
		}
		if now > handled {
			handled, since = now, time.Now()
		}
		if time.Since(since) > patience {
			t.report.findings.object("%d of %d partitions have not come to the head, position %d, and stand still for %s: %+v",
				late, len(checkpoints), head, patience, checkpoints)
			return nil
		}
		if !pause(ctx, lookEvery) {
			return ctx.Err()
		}
	}
}

func (t *torture) log(format string, args ...any) {
	t.telling.Lock()
	defer t.telling.Unlock()
	fmt.Fprintf(t.progress, "%6.1fs  %s\n", time.Since(t.begun).Seconds(), fmt.Sprintf(format, args...))
}

// close ends everything that was started.
func (t *torture) close() error {
	var errs []error
	if t.fleet != nil {
		errs = append(errs, t.fleet.kill())
	}
	if t.main != nil {
		errs = append(errs, t.main.close())
	}
	if t.server != nil {
		errs = append(errs, t.server.Close())
	}
	return errors.Join(errs...)
}
