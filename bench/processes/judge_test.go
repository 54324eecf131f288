package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/findings"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// TestJudgeFindsWhatIsWrong breaks outcomes in the ways that are looked for.
func TestJudgeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	type outcomes = map[string]struct {
		outcome  func() outcome
		breakIt  func(o *outcome)
		finds    string
		describe string
	}
	for name, test := range (outcomes{
		"well":              {kept, func(*outcome) {}, "", ""},
		"well, and refused": {refused, func(*outcome) {}, "", ""},
		"an event is not handled": {
			kept, func(o *outcome) { o.instance.Inputs = o.instance.Inputs[:3] }, lost, "was not handled",
		},
		"an event is handled twice":  {kept, func(o *outcome) { again(o, 0) }, doubled, "handled 2 times"},
		"events change places":       {kept, func(o *outcome) { swap(o, 0, 1) }, reordered, "after position"},
		"the reminder fires twice":   {kept, func(o *outcome) { again(o, 2) }, doubled, "has fired 2 times"},
		"it fires after the closing": {kept, func(o *outcome) { swap(o, 2, 4) }, reordered, "after it was closed"},
		"it fires too early": {
			kept, func(o *outcome) { o.instance.Inputs[2].Timer.FiredAt = start }, findings.Other, "was due",
		},
		"it fires although the checkout was recorded": {
			kept, func(o *outcome) {
				o.plan.placed.Keeps = false
				o.instance.Inputs[2].Timer.FiredAt = start.Add(2 * time.Second)
				swap(o, 1, 2)
			}, reordered, "before the instance has decided",
		},
		"it does not fire": {
			kept, func(o *outcome) { o.instance.Inputs[2] = o.instance.Inputs[4] }, findings.Other, "fired 0 times and 1",
		},
		"it fires after it was canceled": {
			kept, func(o *outcome) { o.plan.placed.Keeps = false }, findings.Other, "canceled",
		},
		"a mail is lost": {
			kept, func(o *outcome) { o.mails[reminder] = nil }, lost, "had no effect",
		},
		"a mail has two keys": {
			kept, func(o *outcome) { o.mails[reminder] = append(o.mails[reminder], uuid.New()) }, doubled, "no command's",
		},
		"a command takes effect twice": {
			kept, func(o *outcome) { o.stock = append(o.stock, o.stock[0]) }, doubled, "2 times",
		},
		"the stock comes last": {
			kept, func(o *outcome) { o.stock[0].Position = 9 }, reordered, "reserved at 9",
		},
		"a command is forgotten": {
			kept, func(o *outcome) { o.instance.Commands[3].Outcome = "pending" }, lost, "is pending",
		},
		"an instance is forgotten": {
			kept, func(o *outcome) { o.instance.Status = "running" }, lost, "not ended",
		},
		"a refused order is completed": {
			refused, func(o *outcome) { o.instance.Status = "completed" }, lost, "not ended",
		},
		"nothing is undone": {
			refused, func(o *outcome) { o.stock = o.stock[:1] }, lost, "0 releases",
		},
		"something refused is done": {
			refused, func(o *outcome) { o.order[1].ID = eventOf(ids[2], orderStream("1")) }, findings.Other, "although",
		},
		"something done is undone": {
			refused, func(o *outcome) { o.instance.Commands[0].Outcome = "dropped" }, findings.Other, "was undone, although",
		},
		"an effect does not say what has caused it": {
			kept, func(o *outcome) { o.stock[0].Metadata.CausationID = ids[0].String() }, findings.Other, "is not there",
		},
		"a cause comes later": {
			kept, func(o *outcome) { o.records[0].Position = 9 }, findings.Other, "not before it",
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, found := test.outcome(), newFindings()
			test.breakIt(&o)
			(&judge{o, found}).judge()
			if test.finds == "" {
				require.Empty(t, found.Details())
				return
			}
			assert.Positive(t, found.Count(test.finds), found.Details())
			assert.Contains(t, strings.Join(found.Details(), "\n"), test.describe)
		})
	}
}

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	// ids are of commands.
	ids = []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	// decidedID is that of the record that has sent them.
	decidedID = uuid.New()
)

func again(o *outcome, input int) {
	o.instance.Inputs = append(o.instance.Inputs, o.instance.Inputs[input])
}

func swap(o *outcome, one, other int) {
	in := o.instance.Inputs
	in[one], in[other] = in[other], in[one]
}

// customers is what the customer of order 1 did.
func customers(position eventstore.Position, eventType string) eventstore.RecordedEvent {
	return eventstore.RecordedEvent{ID: uuid.New(), Type: eventType, Position: position, RecordedAt: start}
}

// effect is what a command that was decided on the placing of order 1 has led to in the order or its stock.
func effect(position eventstore.Position, eventType string, command uuid.UUID) eventstore.RecordedEvent {
	recorded, stream := customers(position, eventType), stockStream("1")
	if eventType == confirmedType {
		stream = orderStream("1")
	}
	recorded.ID = eventOf(command, stream)
	recorded.Metadata.CausationID = decidedID.String()
	return recorded
}

func inputOf(e eventstore.RecordedEvent) processmanager.Input {
	return processmanager.Input{ID: e.ID, Type: e.Type, Position: e.Position}
}

// kept is an order whose reminder was sent, although it was checked out.
func kept() outcome {
	o := outcome{
		plan: plannedOrder{key: "1", placed: placed{RemindAfter: time.Second, Keeps: true}},
		order: []eventstore.RecordedEvent{
			customers(1, placedType), customers(2, checkedOutType), effect(4, confirmedType, ids[2]),
		},
		stock: []eventstore.RecordedEvent{effect(3, reservedType, ids[0])},
		mails: map[mailKind][]uuid.UUID{confirmationMail: {ids[1]}, reminder: {ids[3]}},
	}
	o.records = []eventstore.RecordedEvent{{ID: decidedID, Type: "$pm.decided", Position: 2}}
	o.records[0].Metadata.CausationID = o.order[0].ID.String()
	fired := processmanager.Fired{Name: reminderName, DueAt: start.Add(time.Second), FiredAt: start.Add(time.Second)}
	closed := processmanager.Fired{Name: closingName, DueAt: start.Add(mostLate), FiredAt: start.Add(mostLate)}
	o.instance.Status = processmanager.StatusCompleted
	o.instance.Inputs = []processmanager.Input{
		inputOf(o.order[0]), inputOf(o.order[1]), {Timer: &fired}, inputOf(o.order[2]), {Timer: &closed},
	}
	for n, c := range []command{reserveStock{}, sendMail{confirmationMail}, confirmOrder{}, sendMail{reminder}} {
		o.instance.Commands = append(o.instance.Commands,
			sent{ID: ids[n], Command: c, Outcome: processmanager.OutcomeDispatched})
	}
	return o
}

// refused is an order that refused to be confirmed.
func refused() outcome {
	o := kept()
	o.plan.placed = placed{RemindAfter: time.Second, Refuses: true}
	o.order = o.order[:2]
	o.stock = append(o.stock, effect(5, releasedType, ids[3]))
	delete(o.mails, reminder)
	o.instance.Status, o.instance.Reason = processmanager.StatusFailed, "refused"
	o.instance.Inputs = append(o.instance.Inputs[:2:2], processmanager.Input{Refused: &ids[2]})
	o.instance.Commands[2].Outcome = processmanager.OutcomeRefused
	o.instance.Commands[3].Command, o.instance.Commands[3].Undoes = releaseStock{}, &ids[0]
	return o
}
