package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// connections is the size of each pool of a process.
const connections = 16

// assignment is what one operating system process has to do. The child gets it as JSON.
type assignment struct {
	URL         string
	AppendURL   string // by which appenders connect: through a proxy
	Seed        uint64
	Incarnation int
	Writers     int
	Subscribers []subscription
}

// process is an operating system process's part of the torture: its stores, its writers and its subscribers.
type process struct {
	assignment
	report reporter

	appender, reader *pgstore.Store
	pool             *pgxpool.Pool // for transactions that AppendTx is called in

	appends   atomic.Int64
	streams   atomic.Int64
	highest   atomic.Int64 // position that was acknowledged
	versions  [len(categories) * sharedKeys]atomic.Int64
	finishing atomic.Bool // subscribers hurry

	writers, subscribers sync.WaitGroup
	stop                 chan struct{}      // closed: writers end, each after what it has begun
	interrupt            context.CancelFunc // writers end at once
	stopReading          context.CancelFunc
}

// startProcess connects, also while the server recovers, and starts the writers and the subscribers. The caller stops them.
func startProcess(ctx context.Context, a assignment, report reporter) (*process, error) {
	p := &process{assignment: a, report: report, stop: make(chan struct{})}
	if err := p.connect(ctx); err != nil {
		return nil, errors.Join(err, p.disconnect())
	}
	reading, stopReading := context.WithCancel(ctx)
	p.stopReading = stopReading
	for _, s := range a.Subscribers {
		p.subscribers.Go(func() { newSubscriber(p, s).run(reading) })
	}
	writing, interrupt := context.WithCancel(ctx)
	p.interrupt = interrupt
	for i := range a.Writers {
		p.writers.Go(func() { newWriter(p, i).run(writing) })
	}
	return p, nil
}

func (p *process) connect(ctx context.Context) (err error) {
	if p.appender, err = p.open(ctx, p.AppendURL, "appender"); err != nil {
		return err
	}
	if p.reader, err = p.open(ctx, p.URL, "reader"); err != nil {
		return err
	}
	p.pool, err = pgxpool.New(ctx, withRole(p.AppendURL, "transaction"))
	return err
}

// withRole names the connections after what they are for, by which the terminator counts them.
func withRole(url, role string) string {
	return throwaway.WithParameter(throwaway.WithPool(url, connections), "application_name", role)
}

func (p *process) open(ctx context.Context, url, role string) (*pgstore.Store, error) {
	quiet := &pgstore.Options{Logger: slog.New(slog.DiscardHandler)}
	for deadline := time.Now().Add(wait.Patience); ; {
		store, err := pgstore.Open(ctx, withRole(url, role), quiet)
		if err == nil {
			return store, nil
		}
		if classify(err) != connectionError || ctx.Err() != nil || time.Now().After(deadline) {
			return nil, err
		}
		wait.For(ctx, wait.RetryPause)
	}
}

// random returns the source of chance of one of the process's goroutines.
func (p *process) random(role, index int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(p.Incarnation)<<32|uint64(role)<<16|uint64(index)))
}

// stopWriters ends the writers, each after what it has begun.
func (p *process) stopWriters() {
	close(p.stop)
	p.writers.Wait()
}

// close ends the subscribers, and the writers if they have not been stopped, and closes what is open.
func (p *process) close() error {
	p.interrupt()
	p.stopReading()
	p.writers.Wait()
	p.subscribers.Wait()
	return p.disconnect()
}

func (p *process) disconnect() error {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	var errs []error
	for _, store := range []*pgstore.Store{p.appender, p.reader} {
		if store != nil {
			errs = append(errs, store.Close(ctx))
		}
	}
	if p.pool != nil {
		p.pool.Close()
	}
	return errors.Join(errs...)
}

// version returns what the process believes a stream to be at.
func (p *process) version(stream streamNumber) eventstore.Version {
	if !stream.shared() {
		return 0
	}
	return eventstore.Version(p.known(stream).Load())
}

// learn takes note of the version of a stream.
func (p *process) learn(stream streamNumber, version eventstore.Version) {
	if stream.shared() {
		raise(p.known(stream), int64(version))
	}
}

func (p *process) known(stream streamNumber) *atomic.Int64 {
	return &p.versions[int(stream>>keyBits)*sharedKeys+stream.key()]
}

// raise makes n at least as great as value.
func raise(n *atomic.Int64, value int64) {
	for {
		before := n.Load()
		if before >= value || n.CompareAndSwap(before, value) {
			return
		}
	}
}
