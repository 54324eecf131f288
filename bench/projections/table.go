package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// tell prints what was counted and found. It returns an error when anything is wrong.
func (t *torture) tell(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(table, "%s\t%v\n", name, value) }
	line("events", t.totals.events)
	line("  appended before the processes started", t.before)
	line("appends", t.writer.appends)
	line("streams", len(t.writer.versions))
	line("events applied", t.totals.applied)
	line("processes that have applied some", t.totals.processes)
	line("epochs of partitions", t.totals.epochs)
	for _, name := range slices.Sorted(maps.Keys(t.report.counts)) {
		line(name, t.report.counts[name])
	}
	line("processes killed", t.report.incidents[killed])
	line("processes stopped for longer than their lease", t.report.incidents[stopped])
	line("  that went on before they were replaced", t.report.notTaken)
	line("processes terminated cleanly", t.report.incidents[terminated])
	line("lease", t.lease)
	t.tellTakeovers(line)
	if err := table.Flush(); err != nil {
		return err
	}
	found := &t.report.findings
	for _, detail := range found.details() {
		fmt.Fprintln(t.progress, detail)
	}
	if found.other.count > 0 {
		fmt.Fprintf(out, "other guarantees broken %d\n", found.other.count)
	}
	fmt.Fprintln(out, found.verdict())
	if !found.none() {
		return errors.New("the projection has broken its guarantees")
	}
	return nil
}

// tellTakeovers tells how long it took until the partitions of a process that was gone had other owners: where nothing else
// happened meanwhile, and where something did.
func (t *torture) tellTakeovers(line func(name string, value any)) {
	for k := range kinds {
		t.tellTimes(line, "takeover after "+k.String(), func(o takeover) bool { return o.kind == k && !o.disturbed })
	}
	t.tellTimes(line, "takeover while something else happened", func(o takeover) bool { return o.disturbed })
}

func (t *torture) tellTimes(line func(name string, value any), name string, which func(takeover) bool) {
	var all []time.Duration
	for _, o := range t.report.takeovers {
		if which(o) {
			all = append(all, o.took)
		}
	}
	if len(all) == 0 {
		line(name, "none")
		return
	}
	slices.Sort(all)
	middle, most := median(all), all[len(all)-1]
	line(name, fmt.Sprintf("n %d, median %s (%.2f of the lease), max %s (%.2f)",
		len(all), round(middle), t.ofLease(middle), round(most), t.ofLease(most)))
}

func (t *torture) ofLease(d time.Duration) float64 { return d.Seconds() / t.lease.Seconds() }

// median returns the median of sorted times.
func median(times []time.Duration) time.Duration {
	n := len(times)
	return (times[(n-1)/2] + times[n/2]) / 2
}
