package main

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// outcome is all that there is of an order in the end.
type outcome struct {
	plan     plannedOrder
	order    []eventstore.RecordedEvent
	stock    []eventstore.RecordedEvent
	records  []eventstore.RecordedEvent // of the instance
	mails    map[mailKind][]uuid.UUID   // the keys under which they were accepted
	instance processmanager.Instance[checkout, command]
}

// judge finds what is wrong with an order. What is right follows from how the instance has ended, and from what it says of
// its commands: each must have had an effect, or none.
type judge struct {
	outcome
	found *findings.Findings
}

func (j *judge) note(kind, format string, args ...any) {
	j.found.Note(kind, 1, "order %s: "+format+"\n    %s", append(append([]any{j.plan.key}, args...), describe(j.outcome))...)
}

func (j *judge) judge() {
	j.judgeInputs()
	j.judgeEnd()
	j.judgeTimers()
	j.judgeCommands()
	j.judgeUndoing()
	j.judgeOrder()
	j.judgeCauses()
}

// judgeInputs compares the order's events with those that the instance has taken note of.
func (j *judge) judgeInputs() {
	taken := make(map[uuid.UUID]int)
	var last eventstore.Position
	for _, in := range j.instance.Inputs {
		if in.ID == uuid.Nil {
			continue
		}
		taken[in.ID]++
		if in.Position < last {
			j.note(reordered, "%q at position %d was handled after position %d", in.Type, in.Position, last)
		}
		last = in.Position
	}
	for _, event := range j.order {
		switch n := taken[event.ID]; {
		case n == 0:
			j.note(lost, "%q at position %d was not handled", event.Type, event.Position)
		case n > 1:
			j.note(doubled, "%q at position %d was handled %d times", event.Type, event.Position, n)
		}
		delete(taken, event.ID)
	}
	if len(taken) > 0 {
		j.note(findings.Other, "%d events were handled that are not there", len(taken))
	}
}

// judgeEnd looks whether the instance has ended as it should, with everything done that belongs to that end.
func (j *judge) judgeEnd() {
	switch {
	case j.instance.Status == processmanager.StatusCompleted && !j.plan.placed.Refuses:
		j.want("reservations", j.reservations(), 1)
		j.want("releases", len(j.stock)-j.reservations(), 0)
		j.want("confirmations", j.confirmations(), 1)
		j.want("mails", len(j.mails[confirmationMail]), 1)
		if j.plan.placed.Keeps {
			j.want("reminders", len(j.mails[reminder]), 1)
		}
	case j.instance.Status == processmanager.StatusFailed && j.instance.Reason == byHand && j.plan.failedAt > 0:
		j.want("confirmations", j.confirmations(), min(j.confirmations(), 1)) // one, or none
	case j.instance.Status == processmanager.StatusFailed && j.plan.placed.Refuses:
		j.want("reservations", j.reservations(), 1)
		j.want("releases", len(j.stock)-j.reservations(), 1)
		j.want("confirmations", j.confirmations(), 0)
		j.want("mails", len(j.mails[confirmationMail]), 1)
	default:
		j.note(lost, "its instance has not ended as it should: %s, %q", j.instance.Status, j.instance.Reason)
	}
}

func (j *judge) want(what string, got, want int) {
	switch {
	case got < want:
		j.note(lost, "%d %s, there should be %d", got, what, want)
	case got > want:
		j.note(doubled, "%d %s, there should be %d", got, what, want)
	}
}

// judgeTimers looks whether each timer has fired once, not too early, in order, and not after it was canceled.
func (j *judge) judgeTimers() {
	fired, isCheckedOut := make(map[string]int), false
	for _, in := range j.instance.Inputs {
		switch {
		case in.Timer != nil:
			fired[in.Timer.Name]++
			j.judgeTimer(*in.Timer, isCheckedOut, fired[closingName] > 0)
		case in.Type == checkedOutType && in.Ignored == "":
			isCheckedOut = true
		}
	}
	for name, times := range fired {
		if times > 1 {
			j.note(doubled, "its timer %s has fired %d times", name, times)
		}
	}
	if j.instance.Status == processmanager.StatusCompleted {
		j.want("closings", fired[closingName], 1)
	}
	if sends := j.commands(isReminder); len(sends) != fired[reminderName] {
		j.note(findings.Other, "its reminder has fired %d times and %d were sent", fired[reminderName], len(sends))
	}
	if len(j.instance.Timers) > 0 {
		j.note(findings.Other, "timers are set when it is over")
	}
}

// visibleWithin is how long an event takes at most from its time to its commit, on a loaded machine.
const visibleWithin = time.Second

func (j *judge) judgeTimer(fired processmanager.Fired, isCheckedOut, isClosed bool) {
	if due := j.dueAt(fired.Name); fired.FiredAt.Before(fired.DueAt) || !fired.DueAt.Equal(due) {
		j.note(findings.Other, "a timer was due at %s and has fired as %+v", due, fired)
	}
	if fired.Name != reminderName {
		return
	}
	checkedOutAt := j.recordedAt(checkedOutType)
	switch {
	case j.plan.placed.Keeps:
	case isCheckedOut:
		j.note(findings.Other, "its reminder has fired after it was canceled")
	case !checkedOutAt.IsZero() && fired.FiredAt.Sub(checkedOutAt) > visibleWithin:
		j.note(reordered, "its reminder has fired before the instance has decided on the checkout, recorded at %s", checkedOutAt)
	}
	if isClosed {
		j.note(reordered, "its reminder has fired after it was closed")
	}
}

// judgeCommands compares what the instance says of its commands with their effects.
func (j *judge) judgeCommands() {
	took := j.effects()
	for _, c := range j.instance.Commands {
		n := took[c.ID]
		delete(took, c.ID)
		switch c.Outcome {
		case processmanager.OutcomeDispatched:
			if n == 0 {
				j.note(lost, "command %s (%T) was dispatched and had no effect", c.ID, c.Command)
			}
		case processmanager.OutcomeInDoubt: // one, or none
		case processmanager.OutcomeRefused, processmanager.OutcomeDropped:
			if n > 0 {
				j.note(findings.Other, "command %s (%T) has taken effect, although it was %s", c.ID, c.Command, c.Outcome)
			}
		default:
			j.note(lost, "command %s (%T) is %s", c.ID, c.Command, c.Outcome)
		}
		if n > 1 {
			j.note(doubled, "command %s (%T) has taken effect %d times", c.ID, c.Command, n)
		}
	}
	for id, n := range took {
		j.note(doubled, "something has taken effect %d times under ID %s, which is no command's", n, id)
	}
}

// effects counts the effects of commands by their IDs. Those under an ID that is no command's it counts by that.
func (j *judge) effects() map[uuid.UUID]int {
	commandOf := make(map[uuid.UUID]uuid.UUID)
	for _, c := range j.instance.Commands {
		commandOf[eventOf(c.ID, orderStream(j.plan.key))] = c.ID
		commandOf[eventOf(c.ID, stockStream(j.plan.key))] = c.ID
	}
	took := make(map[uuid.UUID]int)
	for _, event := range slices.Concat(j.order, j.stock) {
		switch id, isEffect := commandOf[event.ID]; {
		case isEffect:
			took[id]++
		case !isCustomers(event):
			took[event.ID]++
		}
	}
	for _, keys := range j.mails {
		for _, key := range keys {
			took[key]++
		}
	}
	return took
}

// eventOf is the ID of the one event that a command leads to in a stream, as ExecuteOnce gives it.
func eventOf(command uuid.UUID, stream eventstore.StreamID) uuid.UUID {
	return uuid.NewSHA1(command, []byte(stream.String()+"/0"))
}

// isCustomers reports whether an event is what the customer did, and nothing in the system has caused it.
func isCustomers(event eventstore.RecordedEvent) bool {
	return event.Type == placedType || event.Type == checkedOutType
}

// judgeCauses looks whether the cause of each event is there, before it: then all can be walked to what the customer did.
func (j *judge) judgeCauses() {
	all := slices.Concat(j.order, j.stock, j.records)
	positions := make(map[string]eventstore.Position)
	for _, event := range all {
		positions[event.ID.String()] = event.Position
	}
	for _, event := range all {
		at, found := positions[event.Metadata.CausationID]
		if !isCustomers(event) && (!found || at >= event.Position) {
			j.note(findings.Other, "the cause %q of %q at position %d is not there, or not before it",
				event.Metadata.CausationID, event.Type, event.Position)
		}
	}
}

// judgeUndoing looks whether the reservation of an instance that has failed was undone, once, and no other.
func (j *judge) judgeUndoing() {
	failed := j.instance.Status == processmanager.StatusFailed
	for _, c := range j.commands(func(c sent) bool { return c.Command == command(reserveStock{}) }) {
		undone := len(j.commands(func(u sent) bool {
			return u.Undoes != nil && *u.Undoes == c.ID && u.Outcome == processmanager.OutcomeDispatched
		}))
		done := c.Outcome == processmanager.OutcomeDispatched || c.Outcome == processmanager.OutcomeInDoubt
		toUndo := failed && done
		switch {
		case toUndo && undone != 1:
			j.note(lost, "command %s was %s, and undone %d times", c.ID, c.Outcome, undone)
		case !toUndo && undone != 0:
			j.note(findings.Other, "command %s was undone, although it was %s", c.ID, c.Outcome)
		}
	}
	for n, event := range j.stock {
		if event.Type == reservedType && n > 0 {
			j.note(reordered, "the stock was reserved at version %d", event.Version)
		}
	}
}

// judgeOrder looks whether the commands took effect in their order. That of the mail the mail service knows.
func (j *judge) judgeOrder() {
	if j.confirmations() == 0 || len(j.stock) == 0 {
		return
	}
	if at := j.order[len(j.order)-1].Position; j.stock[0].Position > at {
		j.note(reordered, "it was confirmed at position %d, and reserved at %d", at, j.stock[0].Position)
	}
}

func (j *judge) commands(which func(c sent) bool) (some []sent) {
	for _, c := range j.instance.Commands {
		if which(c) {
			some = append(some, c)
		}
	}
	return some
}

func (j *judge) reservations() int { return countType(j.stock, reservedType) }

func (j *judge) confirmations() int { return countType(j.order, confirmedType) }

func countType(events []eventstore.RecordedEvent, name string) (count int) {
	for _, event := range events {
		if event.Type == name {
			count++
		}
	}
	return count
}

func isReminder(c sent) bool { return c.Command == command(sendMail{Kind: reminder}) }
