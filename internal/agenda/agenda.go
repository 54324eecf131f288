// Package agenda is what agendas have in common, wherever they keep their entries.
package agenda

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Prepare checks entries of one process and returns them as they are to be taken in: one for each instance, that of the
// greatest version and of equal ones the last; by instance, so that all who lock several lock them in one order; each as
// Normal returns it.
func Prepare(process string, entries []eventstore.Entry) ([]eventstore.Entry, error) {
	prepared := make([]eventstore.Entry, 0, len(entries))
	for _, entry := range entries {
		if err := entry.Validate(); err != nil {
			return nil, err
		}
		if entry.Process != process {
			return nil, fmt.Errorf("%w: instance %q is of process %q", eventstore.ErrInvalid, entry.Instance, entry.Process)
		}
		prepared = append(prepared, Normal(entry))
	}
	slices.SortStableFunc(prepared, func(one, other eventstore.Entry) int {
		return cmp.Or(cmp.Compare(one.Instance, other.Instance), cmp.Compare(one.Version, other.Version))
	})
	last := prepared[:0]
	for i, entry := range prepared {
		if i+1 == len(prepared) || prepared[i+1].Instance != entry.Instance {
			last = append(last, entry)
		}
	}
	return last, nil
}

// Normal returns an entry as it is stored, and nothing of what is the agenda's own. Its timers, which are never nil, are in
// their order and due to the microsecond. Where no commands wait, none are parked.
func Normal(e eventstore.Entry) eventstore.Entry {
	timers := make([]eventstore.Timer, len(e.Timers))
	for i, timer := range e.Timers {
		timers[i] = eventstore.Timer{Name: timer.Name, DueAt: Time(timer.DueAt)}
	}
	slices.SortFunc(timers, func(one, other eventstore.Timer) int {
		return cmp.Or(one.DueAt.Compare(other.DueAt), cmp.Compare(one.Name, other.Name))
	})
	return eventstore.Entry{
		Process: e.Process, Instance: e.Instance, Version: e.Version,
		Pending: e.Pending, Parked: e.Parked && e.Pending, Timers: timers, Over: e.Over,
	}
}

// IsNothing reports whether an entry is one that an agenda does not keep.
func IsNothing(e eventstore.Entry) bool { return e.Over && !e.Pending }

// IsIdle reports whether there is nothing to do for an instance. The entry of one that was removed is not made again by a
// release that leaves nothing to do: nobody would claim it, and see that the instance is over.
func IsIdle(e eventstore.Entry) bool { return !e.Pending && len(e.Timers) == 0 }

// Time returns a time as agendas tell it: UTC, to the microsecond.
func Time(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Release is all that one call of [eventstore.Agenda].Release says of an instance.
type Release struct {
	// Entry is as Normal returns it.
	Entry eventstore.Entry
	// CommandsUntil and TimersUntil name the leases that end, zero where there is none.
	CommandsUntil, TimersUntil time.Time
	// Failed, Progress, Reason and Delay are of the commands.
	Failed, Progress bool
	Reason           string
	Delay            time.Duration
}

// Join checks releases and returns what they say of each instance, by process and instance, so that all who lock several
// lock them in one order. Of several entries that of the greatest version counts and of equal ones the last, of several
// leases with one duty the last one.
func Join(releases []eventstore.Release) ([]Release, error) {
	joined := make(map[[2]string]*Release, len(releases))
	for _, r := range releases {
		if err := r.Validate(); err != nil {
			return nil, err
		}
		key := [2]string{r.Task.Process, r.Task.Instance}
		if joined[key] == nil {
			joined[key] = &Release{Entry: Normal(r.Entry)}
		}
		joined[key].add(r)
	}
	all := make([]Release, 0, len(joined))
	for _, r := range joined {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(one, other Release) int {
		return cmp.Or(cmp.Compare(one.Entry.Process, other.Entry.Process),
			cmp.Compare(one.Entry.Instance, other.Entry.Instance))
	})
	return all, nil
}

func (r *Release) add(one eventstore.Release) {
	if one.Entry.Version >= r.Entry.Version {
		r.Entry = Normal(one.Entry)
	}
	until := Time(one.Task.Until)
	switch {
	case one.Task.Duty == eventstore.DutyTimers:
		if until.After(r.TimersUntil) {
			r.TimersUntil = until
		}
	case until.After(r.CommandsUntil):
		r.CommandsUntil = until
		r.Failed, r.Progress, r.Reason, r.Delay = one.Failed, one.Progress, one.Reason, one.Delay
	}
}
