package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

// Tell prints what was counted and found. It returns an error when anything is wrong.
func (t *torture) Tell(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(table, "%s\t%v\n", name, value) }
	line("events", t.totals.events)
	line("  appended before the processes started", t.before)
	line("appends", t.writer.appends)
	line("streams", len(t.writer.versions))
	line("events applied", t.totals.applied)
	line("processes that have applied some", t.totals.processes)
	line("epochs of partitions", t.totals.epochs)
	t.report.Tell(line)
	line("processes killed", t.report.Incidents(trouble.Killed))
	line("processes stopped for longer than their lease", t.report.Incidents(trouble.Stopped))
	line("  that went on before they were replaced", t.report.notTaken)
	line("processes terminated cleanly", t.report.Incidents(trouble.Terminated))
	line("lease", t.Lease)
	t.tellTakeovers(line)
	if err := table.Flush(); err != nil {
		return err
	}
	t.report.findings.Tell(out, t.progress, "")
	if !t.report.findings.None() {
		return errors.New("the projection has broken its guarantees")
	}
	return nil
}

// tellTakeovers tells how long it took until the partitions of a process that was gone had other owners: where nothing else
// happened meanwhile, and where something did.
func (t *torture) tellTakeovers(line func(name string, value any)) {
	for k := range trouble.Kinds {
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
	middle, most := trial.Sum(all)
	line(name, fmt.Sprintf("n %d, median %s (%.2f of the lease), max %s (%.2f)",
		len(all), trial.Round(middle), t.ofLease(middle), trial.Round(most), t.ofLease(most)))
}

func (t *torture) ofLease(d time.Duration) float64 { return d.Seconds() / t.Lease.Seconds() }
