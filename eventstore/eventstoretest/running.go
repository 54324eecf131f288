package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"
)

const (
	defaultPatience  = 2 * time.Minute
	defaultSize      = 240
	defaultSizeShort = 60

	// silence is how long the suite waits where it must see that nothing comes. It is never the only proof: what came
	// too early would also be out of order afterwards.
	silence = 50 * time.Millisecond
)

// run is what every clause works with. Its methods that end the clause on failure are for the clause's own goroutine.
type run struct {
	reporter

	ctx    context.Context
	random *rand.Rand
	// size is how many steps a randomized clause makes.
	size int

	cancel  context.CancelFunc
	seed    uint64
	running sync.WaitGroup
}

// newRun begins a run, which is to be ended with finish. Zero arguments are defaults.
func newRun(t reporter, patience time.Duration, size int, seed uint64) *run {
	if patience == 0 {
		patience = defaultPatience
	}
	if size == 0 {
		size = defaultSize
		if testing.Short() {
			size = defaultSizeShort
		}
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	r := &run{reporter: t, size: size, seed: seed}
	r.random = r.newRandom(0)
	r.ctx, r.cancel = context.WithTimeout(t.Context(), patience)
	return r
}

// finish ends what the clause has started, and waits for it.
func (r *run) finish() {
	r.cancel()
	r.running.Wait()
	if r.Failed() {
		r.Logf("to repeat the random choices, set Seed to %d", r.seed)
	}
}

// newRandom returns a generator for one goroutine of the clause, fixed by the seed and the goroutine's number.
func (r *run) newRandom(goroutine int) *rand.Rand {
	return rand.New(rand.NewPCG(r.seed, uint64(goroutine)))
}

// quiet waits where the suite must see that nothing comes; see silence.
func (r *run) quiet() { r.pause(silence) }

// pause waits, or until the clause ends.
func (r *run) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
	}
}

// eventually waits until a condition holds that can only be asked for.
func (r *run) eventually(what string, holds func() bool) {
	r.Helper()
	for delay := time.Millisecond; !holds(); delay = min(2*delay, silence) {
		if r.ctx.Err() != nil {
			r.Fatalf("waited in vain: %s", what)
		}
		r.pause(delay)
	}
}

// ok ends the clause when err is not nil.
func (r *run) ok(err error, doing string, args ...any) {
	r.Helper()
	if err != nil {
		r.Fatalf("%s: %v", fmt.Sprintf(doing, args...), err)
	}
}

// fails ends the clause when err does not wrap want.
func (r *run) fails(err, want error, doing string, args ...any) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Fatalf("%s: the error is %v; it must wrap %q", fmt.Sprintf(doing, args...), describe(err), want)
	}
}

// equal ends the clause when got is not want.
func equal[V any](t reporter, what string, got, want V) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func describe(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", err.Error())
}
