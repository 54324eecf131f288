package main

import (
	"cmp"
	"context"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// side is one of the two that a work compares.
type side interface {
	// measure works for d, and finishes what has begun by then.
	measure(ctx context.Context, d time.Duration) (sample, error)
}

// sample is what a side did in a round.
type sample struct {
	amount    int // of the work's units
	elapsed   time.Duration
	latencies []time.Duration
}

func (s sample) rate() float64 { return float64(s.amount) / s.elapsed.Seconds() }

// throughput is a side of which counts how much it does.
type throughput struct {
	callers int
	amount  int // of the work's units in a call
	call    func(ctx context.Context) error
}

// measure lets all callers make one call after the other.
func (t throughput) measure(ctx context.Context, d time.Duration) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var calls atomic.Int64
	var callers sync.WaitGroup
	start := time.Now()
	for range t.callers {
		callers.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				if err := t.call(ctx); err != nil {
					cancel(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	callers.Wait()
	elapsed := time.Since(start)
	if ctx.Err() != nil {
		return sample{}, context.Cause(ctx)
	}
	return sample{amount: t.amount * int(calls.Load()), elapsed: elapsed}, nil
}

// latency is a side of which counts how soon it does it.
type latency struct {
	probe func(ctx context.Context) (time.Duration, error)
}

// measure makes one probe after the other, with pauses in which the system becomes idle again.
func (l latency) measure(ctx context.Context, d time.Duration) (sample, error) {
	start := time.Now()
	var latencies []time.Duration
	for time.Since(start) < d {
		took, err := l.probe(ctx)
		if err != nil {
			return sample{}, err
		}
		latencies = append(latencies, took)
		if err := pause(ctx); err != nil {
			return sample{}, err
		}
	}
	return sample{amount: len(latencies), elapsed: time.Since(start), latencies: latencies}, nil
}

// defaultRound is how long a side is measured in a round.
const defaultRound = 1500 * time.Millisecond

// plan says how a work is measured.
type plan struct {
	rounds  int
	seconds time.Duration // of a side in a round, or of the soak; the default when 0
}

// compare measures ours and the limit in turn, after a round that does not count: it makes connections, prepares
// statements and warms caches. Where a call takes so long that this does not matter, there is one round.
func (p plan) compare(ctx context.Context, w work, ours, limit side, progress log) (result, error) {
	var ourSamples, limitSamples []sample
	first := 0
	if w.once {
		first, p.rounds = 1, 1
	}
	for round := first; round <= p.rounds; round++ {
		d := cmp.Or(p.seconds, defaultRound)
		if round == 0 {
			d /= 3
		}
		our, err := measure(ctx, w.labels("ours"), ours, d)
		if err != nil {
			return result{}, err
		}
		lim, err := measure(ctx, w.labels("limit"), limit, d)
		if err != nil {
			return result{}, err
		}
		if round == 0 {
			continue
		}
		ourSamples, limitSamples = append(ourSamples, our), append(limitSamples, lim)
		r := newResult(w, []sample{our}, []sample{lim})
		progress.printf("  round %d of %d: ours %s, limit %s %s", round, p.rounds, number(r.Ours), number(r.Limit), r.Unit)
	}
	return newResult(w, ourSamples, limitSamples), nil
}

// measure measures a side from a clean heap, which the other side's garbage would not be, and under a profiler's labels.
func measure(ctx context.Context, labels pprof.LabelSet, s side, d time.Duration) (measured sample, err error) {
	runtime.GC()
	pprof.Do(ctx, labels, func(ctx context.Context) {
		measured, err = s.measure(ctx, d)
	})
	return measured, err
}
