package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
	"github.com/pasttense/pasttense/bench/internal/wait"
)

const (
	// Progress is told this often.
	progressInterval = 10 * time.Second

	// quietPoll is how often it is looked whether all has come to rest.
	quietPoll = 20 * time.Millisecond
)

// torture is one run.
type torture struct {
	flags
	progress  io.Writer
	log       *trial.Log
	directory string // of the spools
	server    *throwaway.Server
	url       string
	proxy     *proxy
	collector *collector
	main      *process
	children  *childKiller
	killer    *serverKiller

	heapStart uint64
	heapEnd   uint64
	rows      tally
}

func newTorture(ctx context.Context, f flags, progress io.Writer) (*torture, error) {
	t := &torture{flags: f, progress: progress}
	if err := t.prepare(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// prepare starts the server unless it is given, and makes what the processes report to.
func (t *torture) prepare(ctx context.Context) (err error) {
	if t.directory, err = os.MkdirTemp("", "pasttense-torture-*"); err != nil {
		return err
	}
	if t.server, err = t.OpenServer(ctx); err != nil {
		return err
	}
	if t.url, err = t.server.CreateStore(ctx, "torture"); err != nil {
		return err
	}
	if t.proxy, err = startProxy(ctx, t.url); err != nil {
		return err
	}
	ours, childs := subscriptions()
	t.collector, err = newCollector(t.directory, append(ours, childs...))
	return err
}

// Run tortures the store and then verifies it.
func (t *torture) Run(ctx context.Context) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	t.log.Printf("%d writers and a child process write", t.writers)
	if err := t.trouble(ctx); err != nil {
		return err
	}
	if err := t.comeToRest(ctx); err != nil {
		return err
	}
	t.heapEnd = heap()
	t.log.Printf("verifying")
	var err error
	t.rows, err = verify(ctx, t.url, t.main.reader, t.collector, t.children.kills)
	return errors.Join(err, t.collector.err)
}

func (t *torture) start(ctx context.Context) (err error) {
	t.log = trial.NewLog(t.progress)
	ours, _ := subscriptions()
	a := assignment{URL: t.url, AppendURL: t.proxy.url(t.url), Seed: t.Seed, Writers: t.writers, Subscribers: ours}
	t.killer = &serverKiller{server: t.server.Local(), every: t.killEvery, log: t.log.Printf}
	t.main, err = startProcess(ctx, a, func(r report) {
		t.collector.add(r)
		if len(r.Records) > 0 && r.Records[0].Outcome == acknowledged {
			t.killer.acknowledged()
		}
	})
	if err != nil {
		return err
	}
	t.killer.rng = t.main.random(serverKillerRole, 0)
	a.Writers = max(1, t.writers/4)
	t.children = &childKiller{
		assignment: a, rng: t.main.random(childKillerRole, 0), collector: t.collector, firstSubscriber: len(ours),
	}
	return t.children.start()
}

// trouble makes trouble until time is up, and returns when the server runs.
func (t *torture) trouble(ctx context.Context) error {
	stop, cancel := context.WithTimeout(ctx, t.Duration())
	defer cancel()
	report := reporter(t.collector.add)
	terminator := &trouble.Terminator{
		URL: t.url, Mean: meanTermination, Rand: t.main.random(terminatorRole, 0),
		Terminated: func(application string) { report.count("terminated: " + application) },
		Failed: func(err error) {
			if classify(err) != connectionError {
				report.wrong("unexpected error of the terminator: %v", err)
			}
		},
	}
	var killed, childKilled error
	var makers sync.WaitGroup
	makers.Go(func() { terminator.Run(stop) })
	makers.Go(func() { t.proxy.run(stop, t.main.random(proxyRole, 0), report) })
	makers.Go(func() {
		if killed = t.killer.run(ctx, stop); killed != nil {
			cancel()
		}
	})
	makers.Go(func() {
		if childKilled = t.children.run(stop); childKilled != nil {
			cancel()
		}
	})
	makers.Go(func() { t.watch(stop) })
	makers.Wait()
	return errors.Join(killed, childKilled, ctx.Err())
}

// watch tells how it goes.
func (t *torture) watch(ctx context.Context) {
	wait.For(ctx, min(progressInterval, t.Duration()/10)) // until all is warm
	t.heapStart = heap()
	for ctx.Err() == nil {
		wait.For(ctx, progressInterval)
		_, events, wrong := t.collector.totals()
		t.log.Printf("%d events acknowledged, %d things wrong, heap %s", events[acknowledged], wrong, megabytes(heap()))
	}
}

// comeToRest stops the writers, waits until no append is in flight, and then until all subscribers have seen everything.
func (t *torture) comeToRest(ctx context.Context) error {
	t.log.Printf("stopping")
	t.main.finishing.Store(true)
	t.main.stopWriters()
	if err := t.children.child.stopWriters(ctx); err != nil {
		return err
	}
	if err := t.awaitEndOfAppends(ctx); err != nil {
		return err
	}
	return t.awaitSubscribers(ctx)
}

// awaitEndOfAppends waits for what killed processes and lost connections have left behind.
func (t *torture) awaitEndOfAppends(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	for {
		inFlight, err := t.main.reader.InFlightAppends(ctx)
		if err == nil && len(inFlight) == 0 {
			return nil
		}
		if !wait.For(ctx, quietPoll) {
			return fmt.Errorf("wait for the appends in flight: %w: %v", errors.Join(ctx.Err(), err), inFlight)
		}
	}
}

func (t *torture) awaitSubscribers(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	head, err := t.main.reader.Head(waiting)
	if err != nil {
		return err
	}
	for {
		behind := t.collector.behind(int64(head))
		if len(behind) == 0 {
			return nil
		}
		if !wait.For(waiting, quietPoll) {
			t.collector.add(report{Wrong: fmt.Sprintf("subscribers that have not come to the head, position %d, within %s: %s",
				head, wait.Patience, strings.Join(behind, "; "))})
			return ctx.Err()
		}
	}
}

// Close ends everything that was started and removes all files.
func (t *torture) Close() error {
	var errs []error
	if t.children != nil {
		errs = append(errs, t.children.close())
	}
	if t.main != nil {
		errs = append(errs, t.main.close())
	}
	if t.proxy != nil {
		errs = append(errs, t.proxy.close())
	}
	if t.server != nil {
		errs = append(errs, t.server.Close())
	}
	if t.collector != nil {
		errs = append(errs, t.collector.close())
	}
	return errors.Join(append(errs, os.RemoveAll(t.directory))...)
}

// heap returns the size of what is alive on the heap.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func megabytes(bytes uint64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }
