package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// dueAt is when a timer is due.
func (o outcome) dueAt(name string) time.Time {
	after, of := o.plan.placed.RemindAfter, placedType
	if name == closingName {
		after, of = mostLate, checkedOutType
	}
	return o.recordedAt(of).Add(after).Truncate(time.Microsecond)
}

// recordedAt is when an event of the order was recorded, zero if it was not.
func (o outcome) recordedAt(eventType string) time.Time {
	for _, event := range o.order {
		if event.Type == eventType {
			return event.RecordedAt
		}
	}
	return time.Time{}
}

// took returns how long it took to confirm the order, 0 if it is not.
func (o outcome) took() time.Duration {
	at := o.recordedAt(confirmedType)
	if at.IsZero() {
		return 0
	}
	return at.Sub(o.recordedAt(checkedOutType))
}

// late returns how long after their times the timers have fired.
func (o outcome) late() (late []time.Duration) {
	for _, in := range o.instance.Inputs {
		if in.Timer != nil {
			late = append(late, in.Timer.FiredAt.Sub(in.Timer.DueAt))
		}
	}
	return late
}

// lookAt reads all there is of an order.
func (t *torture) lookAt(ctx context.Context, p plannedOrder) (o outcome, err error) {
	o.plan = p
	if o.order, err = t.read(ctx, orderStream(p.key)); err != nil {
		return o, err
	}
	if o.stock, err = t.read(ctx, stockStream(p.key)); err != nil {
		return o, err
	}
	if o.records, err = t.read(ctx, eventstore.StreamID{Category: "$pm." + processName, Key: p.key}); err != nil {
		return o, err
	}
	o.mails = make(map[mailKind][]uuid.UUID)
	for _, kind := range []mailKind{confirmationMail, reminder} {
		o.mails[kind] = t.mail.keys(mail{Order: p.key, Kind: kind})
	}
	o.instance, err = t.manager.Instance(ctx, p.key)
	return o, err
}

func (t *torture) read(ctx context.Context, stream eventstore.StreamID) (events []eventstore.RecordedEvent, err error) {
	for event, err := range t.main.Store.ReadStream(ctx, stream, eventstore.ReadOptions{}) {
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// describe says all there is of an order, for those who look for the reason.
func describe(o outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "planned %+v; instance version %d is %s (%s)",
		o.plan, o.instance.Version, o.instance.Status, o.instance.Reason)
	for _, in := range o.instance.Inputs {
		switch {
		case in.Timer != nil:
			fmt.Fprintf(&b, "\n    input: timer %+v", *in.Timer)
		case in.Refused != nil:
			fmt.Fprintf(&b, "\n    input: refusal of %s", in.Refused)
		default:
			fmt.Fprintf(&b, "\n    input: %s %s at %d %s", in.Type, in.ID, in.Position, in.Ignored)
		}
	}
	for _, c := range o.instance.Commands {
		fmt.Fprintf(&b, "\n    command: %s %T%+v, attempt %d, %s %s",
			c.ID, c.Command, c.Command, c.Attempt, c.Outcome, c.Reason)
	}
	for _, events := range [][]eventstore.RecordedEvent{o.order, o.stock, o.records} {
		for _, e := range events {
			fmt.Fprintf(&b, "\n    event: %s %s at %d, %s, by %s",
				e.Type, e.ID, e.Position, e.RecordedAt, e.Metadata.CausationID)
		}
	}
	fmt.Fprintf(&b, "\n    mails: %v", o.mails)
	return b.String()
}
