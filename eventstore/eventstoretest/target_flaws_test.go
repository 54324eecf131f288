package eventstoretest

import (
	"context"
	"errors"
	"testing"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

type (
	memstoreTarget = eventstore.Target[*memstore.Tx]
	memstoreWork   = func(ctx context.Context, tx *memstore.Tx) error
)

// flawedTarget is a way to break a target of package memstore, and the clauses that must notice.
type flawedTarget struct {
	flaw    string
	alter   func(target *memstore.Target) memstoreTarget
	notices []string
}

// areNoticedInTargets runs, for each flaw, the clauses that must notice it.
func areNoticedInTargets(t *testing.T, flaws []flawedTarget) {
	t.Helper()
	for _, f := range flaws {
		for _, name := range f.notices {
			t.Run(f.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := targetHarness(f.alter)
				h.Patience = patience
				k := findClause(t, targetGuarantees[*memstore.Tx](), name)
				isNoticed(t, k, func(r reporter, check func(c *targetTrial[*memstore.Tx])) { runTargetTrial(r, h, check) })
			})
		}
	}
}

// targetHarness makes a harness with two handles on one target.
func targetHarness(alter func(target *memstore.Target) memstoreTarget) TargetHarness[*memstore.Tx] {
	target := memstore.NewTarget(nil)
	marks := memstore.NewTable[string, int](target)
	return TargetHarness[*memstore.Tx]{
		Target: alter(target),
		Open:   func(context.Context) (memstoreTarget, error) { return alter(target), nil },
		Mark: func(_ context.Context, tx *memstore.Tx, name string) error {
			times, _ := marks.GetTx(tx, name)
			marks.PutTx(tx, name, times+1)
			return nil
		},
		Marks: func(_ context.Context, name string) (int, error) {
			times, _ := marks.Get(name)
			return times, nil
		},
	}
}

// TestTargetModel runs the suite, with two handles and in real time, against a target without flaws.
func TestTargetModel(t *testing.T) {
	RunTarget(t, func(*testing.T) TargetHarness[*memstore.Tx] {
		h := targetHarness(func(target *memstore.Target) memstoreTarget { return target })
		h.Parallel = true
		return h
	})
}

// otherAdvance is a target with another Advance.
type otherAdvance struct {
	*memstore.Target

	advance func(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error
}

func (f otherAdvance) Advance(ctx context.Context, move eventstore.Move, work memstoreWork) error {
	return f.advance(ctx, f.Target, move, work)
}

func advancing(
	advance func(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error,
) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return otherAdvance{target, advance} }
}

// TestAdvanceFlawsAreNoticed breaks Advance.
func TestAdvanceFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{"work is committed by itself", advancing(workThenMove), []string{
			"advance/work of who is elsewhere or paused is not run",
			"advance/work of racing moves is run once",
		}},
		{"the move is made first", advancing(moveThenWork), []string{
			"advance/failed work leaves nothing",
			"advance/work that panics leaves nothing",
			"advance/another takes over after failed work",
			"parking/failed work parks nothing",
			"parking/failed work skips nothing",
		}},
		{"moves go from anywhere", advancing(fromAnywhere), []string{
			"checkpoints/a move from elsewhere is refused",
			"checkpoints/one of many racing moves wins",
			"pauses/a pause races a move",
			"advance/work of racing moves is run once",
		}},
		{"moves go in any epoch", advancing(inAnyEpoch), []string{
			"checkpoints/a move in another epoch is refused",
			"epochs/after a takeover an older move is refused",
			"epochs/after being left an older move is refused",
			"epochs/after a pause that ended an older move is refused",
			"epochs/after a halt an older move is refused",
			"epochs/after a halt that ended an older move is refused",
			"epochs/after a new partitioning an older move is refused",
			"partitions/old moves of new partitions are refused",
			"advance/work of who is elsewhere or paused is not run",
			"parking/a refused move parks nothing",
			"retry and discard/retry marks a sequence and begins an epoch",
			"retry and discard/discard removes a sequence and begins an epoch",
			"moving/a partition that is being moved keeps its owner",
		}},
		{"the paused move", advancing(evenPaused), []string{
			"pauses/a paused partition does not move",
			"advance/work of who is elsewhere or paused is not run",
		}},
		{"nothing to do is not done", advancing(onlyWithWork), []string{"advance/no work is nothing to do"}},
		{"all partitions move", advancing(allPartitions), []string{
			"checkpoints/partitions do not concern each other",
			"parking/parking begins an epoch, skipping does not",
		}},
		{"parking is committed by itself", advancing(parkThenMove), []string{
			"parking/failed work parks nothing",
			"parking/a refused move parks nothing",
			"parking/racing moves park once",
		}},
		{"skipping begins an epoch", advancing(skipInEpoch), []string{"parking/parking begins an epoch, skipping does not"}},
	})
}

// at returns the checkpoint that a move is about.
func at(ctx context.Context, target *memstore.Target, move eventstore.Move) (eventstore.Checkpoint, error) {
	all, err := target.Checkpoints(ctx, move.Consumer)
	if err != nil || move.Partition < 0 || move.Partition >= len(all) {
		return eventstore.Checkpoint{Consumer: move.Consumer}, err
	}
	return all[move.Partition], nil
}

// aside runs work in a transaction that has nothing to do with the consumer's checkpoint.
func aside(ctx context.Context, target *memstore.Target, work memstoreWork) error {
	id := eventstore.ConsumerID{Name: "aside", Version: 9}
	if err := target.Define(ctx, id, eventstore.Definition{Partitions: 1}); err != nil {
		return err
	}
	for {
		is, err := at(ctx, target, eventstore.Move{Consumer: id})
		if err != nil {
			return err
		}
		if err := target.Advance(ctx, leaving(is, is.Position+1), work); !errors.Is(err, eventstore.ErrCheckpointMoved) {
			return err
		}
	}
}

func workThenMove(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	if err := aside(ctx, target, work); err != nil {
		return err
	}
	return target.Advance(ctx, move, nil)
}

func moveThenWork(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	if err := target.Advance(ctx, move, nil); err != nil || work == nil {
		return err
	}
	return aside(ctx, target, work)
}

func fromAnywhere(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	for {
		is, err := at(ctx, target, move)
		if err != nil {
			return err
		}
		move.From = is.Position
		if err := target.Advance(ctx, move, work); !errors.Is(err, eventstore.ErrCheckpointMoved) {
			return err
		}
	}
}

func inAnyEpoch(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	is, err := at(ctx, target, move)
	if err != nil {
		return err
	}
	move.Epoch = is.Epoch
	return target.Advance(ctx, move, work)
}

func evenPaused(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	if err := target.Resume(ctx, move.Consumer); err != nil {
		return err
	}
	return inAnyEpoch(ctx, target, move, work)
}

func onlyWithWork(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	if work == nil {
		return nil
	}
	return target.Advance(ctx, move, work)
}

func allPartitions(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	all, err := target.Checkpoints(ctx, move.Consumer)
	if err != nil {
		return err
	}
	for _, is := range all {
		if is.Partition != move.Partition && is.Position <= move.To {
			_ = target.Advance(ctx, leaving(is, move.To), nil)
		}
	}
	return target.Advance(ctx, move, work)
}

func parkThenMove(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	is, err := at(ctx, target, move)
	if err != nil {
		return err
	}
	parking := leaving(is, is.Position)
	parking.Park, parking.Unpark = move.Park, move.Unpark
	if err := target.Advance(ctx, parking, nil); err != nil {
		return err
	}
	if move.Epoch == is.Epoch && len(move.Park)+len(move.Unpark) > 0 {
		move.Epoch++
	}
	move.Park, move.Unpark = nil, nil
	return target.Advance(ctx, move, work)
}

func skipInEpoch(ctx context.Context, target *memstore.Target, move eventstore.Move, work memstoreWork) error {
	if len(move.Skip) > 0 {
		move.Unpark = append(move.Unpark, stream("never parked"))
	}
	return target.Advance(ctx, move, work)
}
