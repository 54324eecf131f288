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

	"github.com/pasttense/pasttense/bench/internal/child"
	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/processmanager"
)

// torture is one run.
type torture struct {
	flags
	progress io.Writer
	log      *trial.Log
	server   *throwaway.Server
	url      string
	main     *client.Client
	manager  *manager // that looks, and does not run
	mail     *mailService
	fleet    *trouble.Fleet
	report   *report

	plan   []plannedOrder
	totals totals
}

func newTorture(ctx context.Context, f flags, progress io.Writer) (*torture, error) {
	t := &torture{flags: f, progress: progress, log: trial.NewLog(progress), report: newReport()}
	t.plan = plan(t.random(planRole), f.orders, f.Duration()*9/10)
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// prepare starts the server, unless it is given, and the mail service.
func (t *torture) prepare(ctx context.Context) (err error) {
	if t.server, err = t.OpenServer(ctx); err != nil {
		return err
	}
	if t.url, err = t.server.CreateStore(ctx, "processes"); err != nil {
		return err
	}
	discard := slog.New(slog.DiscardHandler)
	if t.main, err = client.Connect(ctx, t.url, discard); err != nil {
		return err
	}
	t.manager = newManager(t.main, dispatchNothing, &processmanager.Options{Logger: discard})
	t.mail, err = openMail(ctx, t.Seed, t.report, func(ctx context.Context, key string) (bool, error) {
		return isConfirmed(ctx, t.main.Store, key)
	})
	if err != nil {
		return err
	}
	for _, o := range t.plan {
		if o.unlucky {
			t.mail.breakDown(o.key)
		}
	}
	return nil
}

// dispatchNothing is for a manager that does not run.
func dispatchNothing(context.Context, processmanager.Command[command]) error {
	return errors.New("this process dispatches no commands")
}

// meanTermination is how often backends are terminated on average.
const meanTermination = 500 * time.Millisecond

// Roles have chances of their own.
const (
	planRole = iota
	incidentRole
	terminatorRole
	operatorRole
)

func (t *torture) random(role uint64) *rand.Rand { return rand.New(rand.NewPCG(t.Seed, role)) }

// Run tortures the process manager and then verifies what it has done.
func (t *torture) Run(ctx context.Context) (err error) {
	a := assignment{
		URL: t.url, MailURL: t.mail.url, Partitions: t.Partitions, Lease: t.Lease, Verbose: t.Verbose, Careless: t.careless,
	}
	if t.fleet, err = trouble.StartFleet(a, t.Processes); err != nil {
		return err
	}
	t.log.Printf("%d processes run the manager", t.Processes)
	o := &operator{manager: t.manager, mail: t.mail, report: t.report, rng: t.random(operatorRole)}
	if err := t.trouble(ctx, o); err != nil {
		return err
	}
	t.log.Printf("the trouble is over, %d orders are checked out", len(t.plan))
	t.main.Pool.Reset() // some of its backends were terminated
	if err := t.awaitRest(ctx, o); err != nil {
		return err
	}
	if err := t.fleet.Terminate(ctx); err != nil {
		return err
	}
	t.log.Printf("verifying")
	return t.verify(ctx)
}

// trouble makes trouble until time is up, and returns when all processes run and all orders are checked out.
func (t *torture) trouble(ctx context.Context, o *operator) error {
	makers, making := errgroup.WithContext(ctx)
	stop, cancel := context.WithTimeout(making, t.Duration())
	defer cancel()
	begun := time.Now()
	w := &writer{store: t.main.Store, begun: begun}
	incidents := &trouble.Incidents{
		Fleet: t.fleet, Lease: t.Lease, Rand: t.random(incidentRole), Prepare: t.prepareIncident,
	}
	terminator := &trouble.Terminator{
		URL: t.url, Mean: meanTermination, Rand: t.random(terminatorRole),
		Terminated: func(string) { t.report.Add("backends terminated") }, Failed: func(error) {},
	}
	makers.Go(func() error { return w.write(making, t.plan) })
	makers.Go(func() error { return o.fail(making, t.plan, begun) })
	makers.Go(func() error { return o.retry(making, stop) })
	makers.Go(func() error { return incidents.Run(making, stop) })
	makers.Go(func() error { return t.killServer(making, stop) })
	makers.Go(func() error { terminator.Run(stop); return nil })
	if makers.Wait() != nil {
		return context.Cause(making) // the first error, or the interruption that it came of
	}
	return context.Cause(ctx)
}

func (t *torture) prepareIncident(
	_ context.Context, kind trouble.Kind, victim *child.Process,
) (watch func(context.Context), err error) {
	t.report.Incident(kind)
	t.log.Printf("process %d: %s", victim.ID(), kind)
	return func(context.Context) {}, nil
}

// killServer kills the server at half time, if it is ours.
func (t *torture) killServer(ctx, stop context.Context) error {
	local := t.server.Local()
	if local == nil || !wait.For(stop, t.Duration()/2) {
		return nil
	}
	if err := local.KillPostmaster(ctx); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	if err := local.Restart(ctx); err != nil {
		return fmt.Errorf("restart the server: %w", err)
	}
	t.report.Add("servers killed")
	t.log.Printf("the server was killed and is back")
	return nil
}

// Close ends everything that was started.
func (t *torture) Close() error {
	var errs []error
	if t.fleet != nil {
		errs = append(errs, t.fleet.Kill())
	}
	if t.mail != nil {
		errs = append(errs, t.mail.close())
	}
	if t.main != nil {
		errs = append(errs, t.main.Close())
	}
	if t.server != nil {
		errs = append(errs, t.server.Close())
	}
	return errors.Join(errs...)
}
