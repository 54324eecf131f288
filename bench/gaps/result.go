package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// reader takes down what is shown, and when.
type reader struct {
	name   string
	follow follow
	seen   []int64
	times  []time.Time // of the positions
}

func newReader(name string, follow follow) *reader { return &reader{name: name, follow: follow} }

func (r *reader) run(ctx context.Context, written <-chan struct{}) error {
	return r.follow(ctx, written, r.show)
}

func (r *reader) show(positions ...int64) {
	now := time.Now()
	for _, position := range positions {
		r.seen = append(r.seen, position)
		r.times = append(r.times, now)
	}
}

// result is how a reader fared.
type result struct {
	name       string
	seen       int
	missed     int
	doubled    int
	outOfOrder int
	silence    time.Duration // the longest while the unrelated transaction was open
}

// result compares what was seen with the log, which is sorted.
func (r *reader) result(log []int64, opened, closed time.Time) result {
	seen := make(map[int64]bool, len(r.seen))
	result := result{name: r.name, seen: len(r.seen), silence: longestSilence(r.times, opened, closed)}
	var highest int64
	for _, position := range r.seen {
		if position < highest {
			result.outOfOrder++
		}
		highest = max(highest, position)
		if seen[position] {
			result.doubled++
		}
		seen[position] = true
	}
	for _, position := range log {
		if !seen[position] {
			result.missed++
		}
	}
	return result
}

// longestSilence returns the longest time between two of the times, within a stretch of time.
func longestSilence(times []time.Time, from, to time.Time) time.Duration {
	var longest time.Duration
	last := from
	first, _ := slices.BinarySearchFunc(times, from, time.Time.Compare)
	for _, t := range times[first:] {
		if t.After(to) {
			break
		}
		longest = max(longest, t.Sub(last))
		last = t
	}
	return max(longest, to.Sub(last))
}

func table(s settings, results []result) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%-12s\tsaw\tmissed\tsaw twice\tout of order\tlongest silence*\t\n", "reader")
	for _, r := range results {
		fmt.Fprintf(table, "%-12s\t%d\t%d\t%d\t%d\t%s\t\n", r.name, r.seen, r.missed, r.doubled, r.outOfOrder, r.silence.Round(time.Millisecond))
	}
	table.Flush()
	fmt.Fprintf(&text, "\n* while an unrelated transaction was open in another database of the server, for %s\n", s.unrelated)
	return text.String()
}
