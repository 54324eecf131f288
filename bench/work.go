package main

import (
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// work is a line of the table: something that users of the library do, and the least that it can cost.
type work struct {
	name   string
	about  string // what is done, and what the limit is
	unit   string
	target target
	// ours and limit make their sides ready. They share a new database, and ours is made ready first.
	ours, limit prepare
	// soak is set instead of the two where ours is compared with itself. It works for d.
	soak func(ctx context.Context, db *database, d time.Duration) (result, error)
	// onRequest leaves the work out unless it is named.
	onRequest bool
	// once is for what takes minutes: it is measured in one round, without another one before.
	once bool
}

// labels mark what a side does in a CPU profile.
func (w work) labels(side string) pprof.LabelSet { return pprof.Labels("work", w.name, "side", side) }

// prepare makes a side ready in a database that has the store's schema and the limit's table, both empty at first.
type prepare func(ctx context.Context, db *database) (side, error)

// start calls f under a profiler's labels, which the goroutines that it starts keep.
func (f prepare) start(ctx context.Context, db *database, labels pprof.LabelSet) (s side, err error) {
	pprof.Do(ctx, labels, func(ctx context.Context) { s, err = f(ctx, db) })
	return s, err
}

// target is what ours must reach: a ratio, or latencies.
type target struct {
	ratio    float64 // the least
	atMost   bool    // the ratio is the greatest, as what is measured is a cost
	p50, p99 time.Duration

	// Where the work named by of was measured in the same run, the ratio is this share of that work's.
	of    string
	share float64
}

func (t target) isLatency() bool { return t.p50 > 0 }

// given fills in what depends on results of the same run.
func (t target) given(results []result) target {
	for _, r := range results {
		if t.of == r.Name {
			t.ratio = t.share * r.Ratio
		}
	}
	return t
}

// works are all works, in the order of the table.
func works() []work {
	return slices.Concat(appends(), imports(), loads(), reads(), executes(), snapshots(), codecs(), projections(), waits(), processes(), timers(), live(), subscriptions(), memory(), soaks())
}

// choose returns the works that a list of names separated by commas selects, in the order of the table; when it is empty,
// all but those on request.
func choose(all []work, only string) ([]work, error) {
	if strings.TrimSpace(only) == "" {
		return slices.DeleteFunc(all, func(w work) bool { return w.onRequest }), nil
	}
	wanted := make(map[string]bool)
	for name := range strings.SplitSeq(only, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("there is no work %q; there are %s", name, strings.Join(names(all), ", "))
		}
		wanted[name] = true
	}
	return slices.DeleteFunc(all, func(w work) bool { return !wanted[w.name] }), nil
}

func names(works []work) []string {
	names := make([]string, len(works))
	for i, w := range works {
		names[i] = w.name
	}
	return names
}
