package eventstoretest

import (
	"context"
	"errors"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// keeper is what targets and agendas have in common.
type keeper interface {
	eventstore.Checkpoints
	eventstore.Leases
}

// consumerHandle is a target or an agenda as one process has it.
type consumerHandle struct {
	keeper

	// move makes a move with which no work goes.
	move func(ctx context.Context, move eventstore.Move) error
}

// consumerTrial is one run of a clause of what keeps consumers.
type consumerTrial struct {
	*run

	handles  []consumerHandle
	passTime func(d time.Duration)
}

// consumerGuarantees hold what targets and agendas have in common.
func consumerGuarantees[C any](of func(c C) *consumerTrial) []guarantee[C] {
	var guarantees []guarantee[C]
	for _, g := range []guarantee[*consumerTrial]{
		{"definitions", definitionClauses()},
		{"checkpoints", checkpointClauses()},
		{"pauses", pauseClauses()},
		{"epochs", epochClauses()},
		{"leases", leaseClauses()},
		{"halts", haltClauses()},
		{"partitions", partitionClauses()},
		{"await", awaitClauses()},
		{"forget", forgetClauses()},
	} {
		guarantees = append(guarantees, guarantee[C]{g.name, clausesOf(g.clauses, of)})
	}
	return guarantees
}

// clausesOf makes the clauses of a part of C those of C.
func clausesOf[C, P any](clauses []clause[P], of func(c C) P) []clause[C] {
	var those []clause[C]
	for _, k := range clauses {
		those = append(those, clause[C]{name: k.name, check: func(c C) { k.check(of(c)) }, needs: k.needs})
	}
	return those
}

// first returns the ID of a consumer that has no other versions.
func first(name string) eventstore.ConsumerID { return eventstore.ConsumerID{Name: name, Version: 1} }

// live returns the ID by which the live version of a consumer is read.
func live(name string) eventstore.ConsumerID { return eventstore.ConsumerID{Name: name} }

// leaving returns the move from a checkpoint to a position.
func leaving(at eventstore.Checkpoint, to eventstore.Position) eventstore.Move {
	return eventstore.Move{
		Consumer: at.Consumer, Partition: at.Partition, Epoch: at.Epoch, From: at.Position, To: to,
	}
}

// pass lets time pass on the clock of what keeps the consumers.
func (c *consumerTrial) pass(d time.Duration) {
	if c.passTime != nil {
		c.passTime(d)
		return
	}
	c.pause(d)
}

// another returns a handle that is not the first where there are several. Numbers go round.
func (c *consumerTrial) another(number int) consumerHandle { return c.handles[number%len(c.handles)] }

// define makes a consumer.
func (c *consumerTrial) define(id eventstore.ConsumerID, partitions int) {
	c.Helper()
	definition := eventstore.Definition{Kind: "projection", Partitions: partitions}
	c.ok(c.handles[0].Define(c.ctx, id, definition), "define %q", id)
}

// all returns the checkpoints of a consumer by a handle, and ends the clause when they are not those of partitions 0, 1 …
func (c *consumerTrial) all(handle consumerHandle, id eventstore.ConsumerID) []eventstore.Checkpoint {
	c.Helper()
	all, err := handle.Checkpoints(c.ctx, id)
	c.ok(err, "read checkpoints of %q", id)
	for i, at := range all {
		if id.Version != 0 {
			equal(c, "consumer of a checkpoint", at.Consumer, id)
		}
		equal(c, "name of a checkpoint", at.Consumer.Name, id.Name)
		equal(c, "partition of a checkpoint", at.Partition, i)
		equal(c, "partitions of a checkpoint", at.Partitions, len(all))
	}
	return all
}

// at returns the checkpoint of a partition.
func (c *consumerTrial) at(id eventstore.ConsumerID, partition int) eventstore.Checkpoint {
	c.Helper()
	all := c.all(c.handles[0], id)
	if partition >= len(all) {
		c.Fatalf("%q has %d partitions, there must be one more than %d", id, len(all), partition)
	}
	return all[partition]
}

// is ends the clause unless all handles have all partitions of a consumer at a position, not paused.
func (c *consumerTrial) is(id eventstore.ConsumerID, position eventstore.Position) {
	c.Helper()
	for _, handle := range c.handles {
		all := c.all(handle, id)
		if len(all) == 0 {
			c.Fatalf("%q has no checkpoints", id)
		}
		for _, at := range all {
			equal(c, "position of "+id.String(), at.Position, position)
			equal(c, "paused "+id.String(), at.Paused, false)
			equal(c, "reason of "+id.String(), at.Reason, "")
		}
	}
}

// moves brings all partitions of a consumer from where they are to a position.
func (c *consumerTrial) moves(id eventstore.ConsumerID, to eventstore.Position) {
	c.Helper()
	for _, at := range c.all(c.handles[0], id) {
		c.goes(at, to)
	}
}

// goes makes the move from a checkpoint.
func (c *consumerTrial) goes(at eventstore.Checkpoint, to eventstore.Position) {
	c.Helper()
	c.ok(c.handles[0].move(c.ctx, leaving(at, to)), "move partition %d of %q from %d to %d",
		at.Partition, at.Consumer, at.Position, to)
}

// refuses ends the clause unless all handles refuse a move.
func (c *consumerTrial) refuses(want error, move eventstore.Move) {
	c.Helper()
	for _, handle := range c.handles {
		c.fails(handle.move(c.ctx, move), want, "the move %+v", move)
	}
}

// pauses stops the partition of a checkpoint.
func (c *consumerTrial) pauses(at eventstore.Checkpoint, reason string) {
	c.Helper()
	c.ok(c.handles[0].Pause(c.ctx, at, reason), "pause partition %d of %q", at.Partition, at.Consumer)
}

// coordinates changes the roster of a consumer.
func (c *consumerTrial) coordinates(
	handle consumerHandle, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) {
	c.Helper()
	c.ok(handle.Coordinate(c.ctx, id, change), "coordinate %q", id)
}

// roster returns the roster of a consumer.
func (c *consumerTrial) roster(id eventstore.ConsumerID) eventstore.Roster {
	c.Helper()
	var is eventstore.Roster
	c.coordinates(c.handles[0], id, func(roster *eventstore.Roster) { is = *roster })
	return is
}

// joins makes a member the owner of partitions, with a lease. Without any it has none.
func joins(member string, lease time.Duration, partitions ...int) func(roster *eventstore.Roster) {
	return func(roster *eventstore.Roster) {
		roster.Members[member] = roster.Now.Add(lease)
		for _, partition := range partitions {
			roster.Partitions[partition].Owner = member
		}
	}
}

// ownersOf returns the owners of the partitions.
func ownersOf(checkpoints []eventstore.Checkpoint) []string {
	owners := make([]string, len(checkpoints))
	for i, at := range checkpoints {
		owners[i] = at.Owner
	}
	return owners
}

// unless returns err, but nil when it wraps one of those expected.
func unless(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
