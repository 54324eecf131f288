package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/trouble"
)

// Tell prints what was counted and found. It returns an error when anything is wrong.
func (t *torture) Tell(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(table, "%s\t%v\n", name, value) }
	line("checkouts", len(t.plan))
	line("instances", t.totals.instances)
	line("  completed", t.totals.completed)
	line("  failed as the order was refused", t.totals.failed)
	line("  failed by hand", t.totals.failedByHand)
	for _, outcome := range slices.Sorted(maps.Keys(t.totals.commands)) {
		line("commands "+string(outcome), t.totals.commands[outcome])
	}
	line("  at a later attempt than the first", t.totals.again)
	line("  that undo others", t.totals.undone)
	line("timers fired", t.totals.fired)
	asked, accepted := t.mail.counts()
	line("mails asked for", asked)
	line("mails accepted", accepted)
	t.report.Tell(line)
	line("processes killed", t.report.Incidents(trouble.Killed))
	line("processes stopped for longer than their leases", t.report.Incidents(trouble.Stopped))
	line("processes terminated cleanly", t.report.Incidents(trouble.Terminated))
	line("lease", t.Lease)
	tellTimes(line, "from checkout to confirmation", t.totals.confirmed)
	tellTimes(line, "timers fired late by", t.totals.late)
	if err := table.Flush(); err != nil {
		return err
	}
	t.report.findings.Tell(out, t.progress, "")
	if !t.report.findings.None() {
		return errors.New("the process manager has broken its guarantees")
	}
	return nil
}

// tellTimes tells of which order the longest time was, and when that was placed: near that something has happened.
func tellTimes(line func(name string, value any), name string, of times) {
	if len(of.all) == 0 {
		line(name, "none")
		return
	}
	middle, most := trial.Sum(of.all)
	line(name, fmt.Sprintf("median %s, max %s (order %s, placed after %s)",
		trial.Round(middle), trial.Round(most), of.worst.key, trial.Round(of.worst.placedAt)))
}
