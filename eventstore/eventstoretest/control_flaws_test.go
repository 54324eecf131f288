package eventstoretest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// Here are targets each of which breaks one method, or a few for one reason.

// redefining begins anew whenever a consumer is defined.
type redefining struct{ *memstore.Target }

func (f redefining) Define(ctx context.Context, id eventstore.ConsumerID, d eventstore.Definition) error {
	return errors.Join(f.Forget(ctx, id), f.Target.Define(ctx, id, d))
}

// definingOnce takes no note of what has changed.
type definingOnce struct{ *memstore.Target }

func (f definingOnce) Define(ctx context.Context, id eventstore.ConsumerID, d eventstore.Definition) error {
	if all, err := f.Checkpoints(ctx, id); err != nil || len(all) > 0 {
		return err
	}
	return f.Target.Define(ctx, id, d)
}

// definingAnything makes a valid definition of an invalid one.
type definingAnything struct{ *memstore.Target }

func (f definingAnything) Define(ctx context.Context, id eventstore.ConsumerID, d eventstore.Definition) error {
	d.Partitions = min(max(d.Partitions, 1), eventstore.MaxPartitions)
	return f.Target.Define(ctx, id, d)
}

// unsorted lists consumers in no order.
type unsorted struct{ *memstore.Target }

func (f unsorted) Consumers(ctx context.Context) ([]eventstore.DefinedConsumer, error) {
	all, err := f.Target.Consumers(ctx)
	slices.Reverse(all)
	return all, err
}

// lastLive takes the last version for the live one.
type lastLive struct{ *memstore.Target }

func (f lastLive) Checkpoints(ctx context.Context, id eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	if id.Version != 0 {
		return f.Target.Checkpoints(ctx, id)
	}
	all, err := f.Consumers(ctx)
	for _, consumer := range all {
		if consumer.Name == id.Name {
			id = consumer.ConsumerID
		}
	}
	if err != nil {
		return nil, err
	}
	return f.Target.Checkpoints(ctx, id)
}

// leaseless takes whom a partition was given to for its owner.
type leaseless struct{ *memstore.Target }

func (f leaseless) Checkpoints(ctx context.Context, id eventstore.ConsumerID) ([]eventstore.Checkpoint, error) {
	var all []eventstore.Checkpoint
	err := f.Coordinate(ctx, id, func(roster *eventstore.Roster) { all = roster.Partitions })
	return all, err
}

// pausingAnywhere pauses whoever is there.
type pausingAnywhere struct{ *memstore.Target }

func (f pausingAnywhere) Pause(ctx context.Context, was eventstore.Checkpoint, reason string) error {
	is, err := at(ctx, f.Target, eventstore.Move{Consumer: was.Consumer, Partition: was.Partition})
	return errors.Join(err, f.Target.Pause(ctx, is, reason))
}

// unresumable resumes nobody.
type unresumable struct{ *memstore.Target }

func (unresumable) Resume(context.Context, eventstore.ConsumerID) error { return nil }

// resumingAll begins an epoch also of who was not paused.
type resumingAll struct{ *memstore.Target }

func (f resumingAll) Resume(ctx context.Context, id eventstore.ConsumerID) error {
	return errors.Join(f.Target.Resume(ctx, id), f.Proceed(ctx, id))
}

// deaf does not say whom it has not found.
type deaf struct{ *memstore.Target }

func (f deaf) Resume(ctx context.Context, id eventstore.ConsumerID) error {
	return unless(f.Target.Resume(ctx, id), eventstore.ErrInvalid)
}

// forgettingIdle takes a consumer from members that own nothing.
type forgettingIdle struct{ *memstore.Target }

func (f forgettingIdle) Forget(ctx context.Context, id eventstore.ConsumerID) error {
	err := f.Coordinate(ctx, id, func(roster *eventstore.Roster) {
		owners := ownersOf(roster.Partitions)
		maps.DeleteFunc(roster.Members, func(member string, _ time.Time) bool { return !slices.Contains(owners, member) })
	})
	return errors.Join(err, f.Target.Forget(ctx, id))
}

// unforgetting keeps everything.
type unforgetting struct{ *memstore.Target }

func (unforgetting) Forget(context.Context, eventstore.ConsumerID) error { return nil }

// forgettingOwned takes a consumer from its members.
type forgettingOwned struct{ *memstore.Target }

func (f forgettingOwned) Forget(ctx context.Context, id eventstore.ConsumerID) error {
	err := f.Coordinate(ctx, id, func(roster *eventstore.Roster) { clear(roster.Members) })
	return errors.Join(err, f.Target.Forget(ctx, id))
}

// forgettingAll forgets all versions of a name.
type forgettingAll struct{ *memstore.Target }

func (f forgettingAll) Forget(ctx context.Context, id eventstore.ConsumerID) error {
	return errors.Join(f.Target.Forget(ctx, id), f.Target.Forget(ctx, live(id.Name)))
}

// uncounting does not count what was handled.
type uncounting struct{ *memstore.Target }

func (f uncounting) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx *memstore.Tx) error,
) error {
	move.Events = min(move.Events, 0)
	return f.Target.Advance(ctx, move, work)
}

// TestDefinitionFlawsAreNoticed breaks how consumers come and go, and are paused.
func TestDefinitionFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{"defining begins anew", func(target *memstore.Target) memstoreTarget { return redefining{target} }, []string{
			"definitions/defining again keeps position and partitions",
		}},
		{"the first definition stays", func(target *memstore.Target) memstoreTarget { return definingOnce{target} }, []string{
			"definitions/defining again notes what has changed",
		}},
		{"anything is a definition", func(target *memstore.Target) memstoreTarget { return definingAnything{target} }, []string{
			"definitions/an invalid definition is refused",
		}},
		{"the last version is live", func(target *memstore.Target) memstoreTarget { return lastLive{target} }, []string{
			"definitions/the first version is live",
		}},
		{"consumers are not sorted", func(target *memstore.Target) memstoreTarget { return unsorted{target} }, []string{
			"definitions/consumers are listed by name and version",
		}},
		{"nothing is counted", func(target *memstore.Target) memstoreTarget { return uncounting{target} }, []string{
			"partitions/what was handled is counted",
		}},
		{"a late pause", func(target *memstore.Target) memstoreTarget { return pausingAnywhere{target} }, []string{
			"pauses/a pause at a moved position is refused",
			"pauses/a pause in an older epoch is refused",
			"pauses/a pause races a move",
		}},
		{"a pause does not end", func(target *memstore.Target) memstoreTarget { return unresumable{target} }, []string{
			"pauses/a resumed consumer goes on",
			"pauses/all paused partitions are resumed",
			"await/every kind of change is seen",
		}},
		{"all partitions are resumed", func(target *memstore.Target) memstoreTarget { return resumingAll{target} }, []string{
			"pauses/resuming who is not paused does nothing",
			"pauses/all paused partitions are resumed",
		}},
		{"who is not there is resumed", func(target *memstore.Target) memstoreTarget { return deaf{target} }, []string{
			"definitions/who controls an undefined consumer is told",
		}},
		{"a stand-by is of no account", func(target *memstore.Target) memstoreTarget { return forgettingIdle{target} }, []string{
			"forget/a consumer with a stand-by is not forgotten",
		}},
		{"nothing is forgotten", func(target *memstore.Target) memstoreTarget { return unforgetting{target} }, []string{
			"forget/a forgotten consumer begins anew",
			"forget/a consumer whose member is gone is forgotten",
			"forget/a move of a forgotten consumer is refused",
			"parking/a forgotten consumer has nothing parked",
		}},
		{"who is at work is forgotten", func(target *memstore.Target) memstoreTarget { return forgettingOwned{target} }, []string{
			"forget/a consumer at work is not forgotten",
			"forget/a consumer with a stand-by is not forgotten",
		}},
		{"all versions are forgotten", func(target *memstore.Target) memstoreTarget { return forgettingAll{target} }, []string{
			"forget/versions are forgotten one by one",
		}},
	})
}

// otherCoordinate is a target with another Coordinate.
type otherCoordinate struct {
	*memstore.Target

	coordinate coordinateFunc
}

type coordinateFunc = func(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error

func (f otherCoordinate) Coordinate(
	ctx context.Context, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return f.coordinate(ctx, f.Target, id, change)
}

func coordinating(coordinate coordinateFunc) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return otherCoordinate{target, coordinate} }
}

// TestLeaseFlawsAreNoticed breaks who owns what.
func TestLeaseFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{"a lease never ends", func(target *memstore.Target) memstoreTarget { return leaseless{target} }, []string{
			"leases/a lease that runs out leaves no owner",
			"leases/who is no member owns nothing",
			"forget/a consumer whose member is gone is forgotten",
		}},
		{"the roster is read and then written", coordinating(readThenWrite), []string{
			"leases/racing members lose nothing",
			"leases/nobody changes a roster that is being changed",
		}},
		{"change is called again", coordinating(changeTwice), []string{
			"leases/a roster shows members and partitions",
			"leases/nobody changes a roster that is being changed",
		}},
		{"every renewal begins an epoch", coordinating(renewingAll), []string{"leases/a renewal keeps the epochs"}},
		{"the roster hides whose lease has run out", coordinating(hidingExpired), []string{
			"leases/a lease that runs out leaves no owner",
		}},
		{"all have one roster", coordinating(oneRoster), []string{"leases/rosters do not concern each other"}},
		{"members are not kept", coordinating(noMembers), []string{"leases/what change does is kept"}},
		{"a takeover waits for a move", coordinating(waitingForMove), []string{
			"moving/a partition that is being moved keeps its owner",
			"moving/a move holds up nobody who reads",
		}},
	})
}

func readThenWrite(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	var read eventstore.Roster
	if err := target.Coordinate(ctx, id, func(roster *eventstore.Roster) { read = *roster }); err != nil {
		return err
	}
	time.Sleep(time.Millisecond) // to let another in
	change(&read)
	return target.Coordinate(ctx, id, func(roster *eventstore.Roster) { *roster = read })
}

func changeTwice(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return target.Coordinate(ctx, id, func(roster *eventstore.Roster) { change(roster); change(roster) })
}

func renewingAll(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return errors.Join(target.Coordinate(ctx, id, change), target.Proceed(ctx, id))
}

func hidingExpired(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return target.Coordinate(ctx, id, func(roster *eventstore.Roster) {
		for i := range roster.Partitions {
			if at := &roster.Partitions[i]; !roster.Members[at.Owner].After(roster.Now) {
				at.Owner = ""
			}
		}
		change(roster)
	})
}

func oneRoster(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return target.Coordinate(ctx, eventstore.ConsumerID{Name: id.Name, Version: 1}, change)
}

func noMembers(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	return target.Coordinate(ctx, id, func(roster *eventstore.Roster) { change(roster); clear(roster.Members) })
}

// waitingForMove pauses, too late for all, which waits for a move that is under way.
func waitingForMove(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, change func(roster *eventstore.Roster),
) error {
	all, err := target.Checkpoints(ctx, id)
	if err != nil {
		return err
	}
	for _, at := range all {
		at.Epoch--
		if err := unless(target.Pause(ctx, at, "too late"), eventstore.ErrCheckpointMoved); err != nil {
			return err
		}
	}
	return target.Coordinate(ctx, id, change)
}

// haltingEach halts each consumer where it is.
type haltingEach struct{ *memstore.Target }

func (f haltingEach) Halt(
	ctx context.Context, limit time.Duration, ids ...eventstore.ConsumerID,
) (eventstore.Position, error) {
	furthest := eventstore.Position(0)
	for _, id := range ids {
		position, err := f.Target.Halt(ctx, limit, id)
		if err != nil {
			return 0, err
		}
		furthest = max(furthest, position)
	}
	return furthest, nil
}

// unstopping names a position and tells nobody.
type unstopping struct{ *memstore.Target }

func (f unstopping) Halt(
	ctx context.Context, limit time.Duration, ids ...eventstore.ConsumerID,
) (eventstore.Position, error) {
	position, err := f.Target.Halt(ctx, limit, ids...)
	return position, errors.Join(err, f.Proceed(ctx, ids...))
}

// unproceeding halts for ever.
type unproceeding struct{ *memstore.Target }

func (unproceeding) Proceed(context.Context, ...eventstore.ConsumerID) error { return nil }

// otherRepartition is a target with another Repartition.
type otherRepartition struct {
	*memstore.Target

	repartition func(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error
}

func (f otherRepartition) Repartition(ctx context.Context, id eventstore.ConsumerID, partitions int) error {
	return f.repartition(ctx, f.Target, id, partitions)
}

func repartitioning(
	repartition func(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error,
) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return otherRepartition{target, repartition} }
}

// TestHaltFlawsAreNoticed breaks how partitions stop and are replaced.
func TestHaltFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{
			"each consumer is halted where it is", func(target *memstore.Target) memstoreTarget { return haltingEach{target} },
			[]string{"halts/halt brings several consumers to one position", "halts/racing halts"},
		},
		{"nobody is told to stop", func(target *memstore.Target) memstoreTarget { return unstopping{target} }, []string{
			"halts/halt tells all partitions the furthest position",
			"halts/a halted partition moves",
			"halts/halting again goes on to the furthest",
			"halts/a halt races moves",
		}},
		{"a halt does not end", func(target *memstore.Target) memstoreTarget { return unproceeding{target} }, []string{
			"halts/proceed ends a halt",
			"epochs/after a halt that ended an older move is refused",
			"await/every kind of change is seen",
		}},
		{"new partitions begin anew", repartitioning(beginningAnew), []string{
			"partitions/new partitions begin where the old ones met",
			"partitions/partitions at several positions are not replaced",
			"partitions/paused partitions are not replaced",
			"partitions/a new number races moves",
			"parking/new partitions leave what is parked",
		}},
		{"new partitions stop", repartitioning(stopping), []string{
			"partitions/partitions that stop at one position are replaced",
		}},
		{"new partitions have an owner", repartitioning(ownedAtOnce), []string{
			"partitions/new partitions begin where the old ones met",
		}},
		{"the paused are replaced", repartitioning(resumedBefore), []string{"partitions/paused partitions are not replaced"}},
		{"no number is invalid", repartitioning(anyNumber), []string{"partitions/an invalid number of partitions is refused"}},
	})
}

func beginningAnew(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error {
	return errors.Join(target.Forget(ctx, id), target.Define(ctx, id, eventstore.Definition{Partitions: partitions}))
}

func stopping(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error {
	err := target.Repartition(ctx, id, partitions)
	if err == nil {
		_, err = target.Halt(ctx, long, id)
	}
	return err
}

func ownedAtOnce(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error {
	if err := target.Repartition(ctx, id, partitions); err != nil {
		return err
	}
	return target.Coordinate(ctx, id, func(roster *eventstore.Roster) { roster.Partitions[0].Owner = "a" })
}

func resumedBefore(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error {
	return errors.Join(target.Resume(ctx, id), target.Repartition(ctx, id, partitions))
}

func anyNumber(ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, partitions int) error {
	return target.Repartition(ctx, id, min(max(partitions, 1), eventstore.MaxPartitions))
}
