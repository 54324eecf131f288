package memstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/agenda"
)

// instance is what an agenda knows of an instance of a process. Its CommandsDueAt is also the end of the lease of who
// works on the commands.
type instance struct {
	eventstore.Entry

	// timersDueAt is when the first timer is due, or the lease ends of who fires it; zero where there is no timer.
	timersDueAt time.Time
}

// instances has those of each process, by their keys. It is guarded by Target.mu.
type instances map[string]map[string]*instance

// takeIn puts an entry, which agenda.Prepare has returned, in the place of one that is not of a greater version.
func (all instances) takeIn(given eventstore.Entry, now time.Time) {
	before, found := all[given.Process][given.Instance]
	switch {
	case found && before.Version > given.Version:
	case agenda.IsNothing(given):
		delete(all[given.Process], given.Instance)
	case found:
		before.become(given, now)
	default:
		if all[given.Process] == nil {
			all[given.Process] = make(map[string]*instance)
		}
		i := &instance{}
		i.become(given, now)
		all[given.Process][given.Instance] = i
	}
}

// become takes over what an entry says. Commands that are due at some time already remain so, as do timers that are the
// same: somebody may be working on them.
func (i *instance) become(given eventstore.Entry, now time.Time) {
	before := *i
	*i = instance{Entry: given, timersDueAt: before.timersDueAt}
	i.UpdatedAt = now
	if given.Pending && !given.Parked {
		i.CommandsDueAt = before.CommandsDueAt
		if before.CommandsDueAt.IsZero() {
			i.CommandsDueAt = now
		}
	}
	if given.Pending && (given.Parked || !before.Parked) {
		i.Attempts, i.Reason = before.Attempts, before.Reason
	}
	if !slices.Equal(given.Timers, before.Timers) {
		i.timersDueAt = i.firstTimer()
	}
}

func (i *instance) firstTimer() time.Time {
	if len(i.Timers) == 0 {
		return time.Time{}
	}
	return i.Timers[0].DueAt
}

// release ends the leases that are not others' by now, and takes in the entry.
func (all instances) release(r agenda.Release, now time.Time) {
	i, found := all[r.Entry.Process][r.Entry.Instance]
	switch {
	case found:
		i.endLeases(r, now)
	case agenda.IsIdle(r.Entry):
		return
	}
	all.takeIn(r.Entry, now)
}

func (i *instance) endLeases(r agenda.Release, now time.Time) {
	if !r.CommandsUntil.IsZero() && i.CommandsDueAt.Equal(r.CommandsUntil) {
		i.CommandsDueAt, i.UpdatedAt = agenda.Time(now.Add(r.Delay)), now
		if r.Progress {
			i.Attempts, i.Reason = 0, ""
		}
		if r.Failed {
			i.Attempts++
			i.Reason = r.Reason
		}
	}
	if !r.TimersUntil.IsZero() && i.timersDueAt.Equal(r.TimersUntil) {
		i.timersDueAt, i.UpdatedAt = i.firstTimer(), now
	}
}

// due returns the instances of a process for which there is something to do by now, the longest due at the front.
func (all instances) due(process string, duty eventstore.Duty, now time.Time) []*instance {
	var due []*instance
	for _, i := range all[process] {
		if at := i.dueAt(duty); !at.IsZero() && !at.After(now) {
			due = append(due, i)
		}
	}
	slices.SortFunc(due, func(one, other *instance) int {
		return cmp.Or(one.dueAt(duty).Compare(*other.dueAt(duty)), cmp.Compare(one.Instance, other.Instance))
	})
	return due
}

func (i *instance) dueAt(duty eventstore.Duty) *time.Time {
	if duty == eventstore.DutyTimers {
		return &i.timersDueAt
	}
	return &i.CommandsDueAt
}

func (i *instance) matches(q eventstore.EntryQuery) bool {
	return (q.Instance == "" || i.Instance == q.Instance) && i.Instance > q.After &&
		(!q.Pending || i.Pending) && (!q.Parked || i.Parked) && (!q.WithTimers || len(i.Timers) > 0)
}

// copy returns the entry, with nothing in it that is shared.
func (i *instance) copy() eventstore.Entry {
	entry := i.Entry
	entry.Timers = append([]eventstore.Timer(nil), i.Timers...)
	return entry
}

func (all instances) summary(process string, now time.Time) eventstore.AgendaSummary {
	var sum eventstore.AgendaSummary
	for _, i := range all[process] {
		sum.Open++
		sum.Pending += count(i.Pending)
		sum.Parked += count(i.Parked)
		sum.WithTimers += count(len(i.Timers) > 0)
		for _, at := range []time.Time{i.CommandsDueAt, i.timersDueAt} {
			if !at.IsZero() {
				sum.Overdue = max(sum.Overdue, now.Sub(at))
			}
		}
	}
	return sum
}

// count returns how many things there are where there is one or none.
func count(there bool) int {
	if there {
		return 1
	}
	return 0
}
