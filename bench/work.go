package main

import (
	"context"
	"fmt"
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
}

// prepare makes a side ready in a database that has the store's schema and the limit's table, both empty at first.
type prepare func(ctx context.Context, db *database) (side, error)

// target is what ours must reach: a ratio, or latencies.
type target struct {
	ratio    float64
	p50, p99 time.Duration
}

func (t target) isLatency() bool { return t.p50 > 0 }

// works are all works, in the order of the table.
func works() []work {
	return slices.Concat(appends(), loads(), reads(), projections(), live(), memory())
}

// choose returns the works that a list of names separated by commas selects, in the order of the table; all when it is
// empty.
func choose(all []work, only string) ([]work, error) {
	if strings.TrimSpace(only) == "" {
		return all, nil
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
