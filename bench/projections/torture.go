package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// torture is one run.
type torture struct {
	flags
	progress io.Writer
	log      *trial.Log
	server   *throwaway.Server
	url      string
	main     *client.Client
	writer   *writer
	fleet    *trouble.Fleet
	report   *report

	before int // events that were there before the processes
	totals totals
}

func newTorture(ctx context.Context, f flags, progress io.Writer) (*torture, error) {
	t := &torture{flags: f, progress: progress, log: trial.NewLog(progress), report: newReport()}
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// prepare starts the server unless it is given, and makes what is in the database before the processes come.
func (t *torture) prepare(ctx context.Context) (err error) {
	if t.server, err = t.OpenServer(ctx); err != nil {
		return err
	}
	if t.url, err = t.server.CreateStore(ctx, "projections"); err != nil {
		return err
	}
	if t.main, err = client.Connect(ctx, t.url, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if _, err := t.main.Pool.Exec(ctx, sqlModel); err != nil {
		return fmt.Errorf("make the read model: %w", err)
	}
	t.writer = newWriter(t.main.Store, t.random(writerRole), t.events)
	t.before = t.events / 2
	if err := t.writer.write(ctx, t.before, 0); err != nil {
		return err
	}
	t.log.Printf("%d events before the processes", t.before)
	return nil
}

// meanTermination is how often backends are terminated on average.
const meanTermination = 500 * time.Millisecond

// Roles have chances of their own.
const (
	writerRole = iota
	incidentRole
	terminatorRole
)

func (t *torture) random(role uint64) *rand.Rand { return rand.New(rand.NewPCG(t.Seed, role)) }

// Run tortures the projection and then verifies what it has made.
func (t *torture) Run(ctx context.Context) (err error) {
	a := assignment{URL: t.url, Partitions: t.Partitions, Lease: t.Lease, Verbose: t.Verbose}
	if t.fleet, err = trouble.StartFleet(a, t.Processes); err != nil {
		return err
	}
	r := &repairer{
		main: t.main, counter: newProjection(t.main.Store, t.main.Target, nil), report: t.report, over: t.Duration(),
	}
	t.log.Printf("%d processes run the projection", t.Processes)
	if err := t.trouble(ctx, r); err != nil {
		return err
	}
	t.log.Printf("the trouble is over, %d events are appended", t.writer.events)
	if err := t.comeToRest(ctx, r); err != nil {
		return err
	}
	t.log.Printf("verifying")
	t.totals, err = verify(ctx, t.main, t.writer, t.report.findings)
	return err
}

// trouble makes trouble until time is up, and returns when all processes run and all events are appended.
func (t *torture) trouble(ctx context.Context, r *repairer) error {
	makers, making := errgroup.WithContext(ctx)
	stop, cancel := context.WithTimeout(making, t.Duration())
	defer cancel()
	w := &watcher{main: t.main, report: t.report, log: t.log.Printf}
	incidents := &trouble.Incidents{Fleet: t.fleet, Lease: t.Lease, Rand: t.random(incidentRole), Prepare: w.prepare}
	terminator := &trouble.Terminator{
		URL: t.url, Mean: meanTermination, Rand: t.random(terminatorRole),
		Terminated: func(string) { t.report.Add("backends terminated") }, Failed: func(error) {},
	}
	p := &repartitioner{
		main: t.main, report: t.report, partitions: t.Partitions, over: t.Duration(), disturbs: &w.begun, log: t.log.Printf,
	}
	makers.Go(func() error { return t.writer.write(making, t.events, t.Duration()*9/10) })
	makers.Go(func() error { return incidents.Run(making, stop) })
	makers.Go(func() error { return p.run(making, stop) })
	makers.Go(func() error { return r.run(making, stop) })
	makers.Go(func() error { terminator.Run(stop); return nil })
	if makers.Wait() != nil {
		return context.Cause(making) // the first error, or the interruption that it came of
	}
	return context.Cause(ctx)
}

// comeToRest waits until everything is applied, nothing is parked, and the processes have ended.
func (t *torture) comeToRest(ctx context.Context, r *repairer) error {
	t.main.Pool.Reset() // some of its backends were terminated
	if err := t.awaitHead(ctx); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	return t.fleet.Terminate(ctx)
}

// awaitHead waits as long as the partitions come nearer to the head.
func (t *torture) awaitHead(ctx context.Context) error {
	var head eventstore.Position
	err := wait.Insist(ctx, func() (err error) {
		head, err = t.main.Store.Head(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for handled, since := int64(-1), time.Now(); ; {
		checkpoints, err := t.main.Target.Checkpoints(ctx, projectionID)
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
		if time.Since(since) > wait.Patience {
			t.report.findings.Object("%d of %d partitions have not come to the head, position %d, and stand still for %s: %+v",
				late, len(checkpoints), head, wait.Patience, checkpoints)
			return nil
		}
		if !wait.For(ctx, lookEvery) {
			return ctx.Err()
		}
	}
}

// Close ends everything that was started.
func (t *torture) Close() error {
	var errs []error
	if t.fleet != nil {
		errs = append(errs, t.fleet.Kill())
	}
	if t.main != nil {
		errs = append(errs, t.main.Close())
	}
	if t.server != nil {
		errs = append(errs, t.server.Close())
	}
	return errors.Join(errs...)
}
