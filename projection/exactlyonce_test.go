package projection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

var errInjected = errors.New("injected failure")

// flaky is a target of which every step fails now and then.
type flaky[Tx any] struct {
	eventstore.Target[Tx]

	mu     sync.Mutex
	random *rand.Rand
}

func (f *flaky[Tx]) fails() bool { return f.chance(8) == 0 }

func (f *flaky[Tx]) chance(of int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(of)
}

func (f *flaky[Tx]) Checkpoints(
	ctx context.Context, consumer eventstore.ConsumerID,
) ([]eventstore.Checkpoint, error) {
	if f.fails() {
		return nil, errInjected
	}
	return f.Target.Checkpoints(ctx, consumer)
}

func (f *flaky[Tx]) Coordinate(
	ctx context.Context, consumer eventstore.ConsumerID, change func(*eventstore.Roster),
) error {
	if f.fails() {
		return errInjected
	}
	return f.Target.Coordinate(ctx, consumer, change)
}

func (f *flaky[Tx]) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx Tx) error,
) error {
	if f.fails() {
		return fmt.Errorf("begin: %w", errInjected)
	}
	err := f.Target.Advance(ctx, move, func(ctx context.Context, tx Tx) error {
		if work == nil {
			return nil
		}
		if err := work(ctx, tx); err != nil {
			return err
		}
		if f.fails() {
			return fmt.Errorf("before the commit: %w", errInjected)
		}
		return nil
	})
	if err == nil && f.fails() {
		return fmt.Errorf("after the commit: %w", errInjected)
	}
	return err
}

func exactlyOnceWhateverFails[Tx any](b backend[Tx]) {
	seed := rand.Uint64()
	b.t.Log("seed", seed)
	target := &flaky[Tx]{Target: b.target, random: rand.New(rand.NewPCG(seed, 0))}
	p := b.recorder(target, impatient(), func(eventstore.Position) error {
		switch target.chance(50) {
		case 0:
			panic(errInjected)
		case 1:
			return errInjected
		}
		return nil
	})
	stop := b.start(p)
	var writing sync.WaitGroup
	for writer := range 4 {
		writing.Go(func() {
			for range 25 {
				b.add(fmt.Sprint(writer), 1+writer*3)
			}
		})
	}
	writing.Wait()
	b.wait()
	stop()
	b.requireAppliedOnce()
}

func exactlyOnceWhenRunManyTimes[Tx any](b backend[Tx]) {
	b.add("before", 50)
	p := b.recorder(b.target, nil, noTrouble)
	stops := []func(){b.start(p), b.start(p), b.start(b.recorder(b.target, nil, noTrouble))}
	var working sync.WaitGroup
	for writer := range 3 {
		working.Go(func() {
			for range 20 {
				b.add(fmt.Sprint(writer), 2)
			}
			if err := p.CatchUp(b.t.Context()); err != nil {
				b.t.Error(err)
			}
		})
	}
	working.Wait()
	b.wait()
	for _, stop := range stops {
		stop()
	}
	b.requireAppliedOnce()
	status, err := p.Status(b.t.Context())
	require.NoError(b.t, err)
	require.NotEqual(b.t, eventstore.ConsumerPaused, status.State(), status.LastError)
}

// mortal is a target at which the process may be killed at every step.
type mortal[Tx any] struct {
	eventstore.Target[Tx]
	stepsLeft atomic.Int64
	kill      func()
}

func (m *mortal[Tx]) step() {
	if m.stepsLeft.Add(-1) < 0 {
		m.kill()
	}
}

func (m *mortal[Tx]) Checkpoints(
	ctx context.Context, consumer eventstore.ConsumerID,
) ([]eventstore.Checkpoint, error) {
	m.step()
	return m.Target.Checkpoints(ctx, consumer)
}

func (m *mortal[Tx]) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx Tx) error,
) error {
	m.step()
	defer m.step()
	return m.Target.Advance(ctx, move, func(ctx context.Context, tx Tx) error {
		defer m.step()
		if work == nil {
			return nil
		}
		return work(ctx, tx)
	})
}

func exactlyOnceWhenKilled[Tx any](b backend[Tx]) {
	const runs, mostSteps = 50, 10
	var writing sync.WaitGroup
	writing.Go(func() {
		// Each run has more events before it than it lives to apply.
		for range runs {
			b.add("1", mostSteps)
		}
	})
	for range runs {
		ctx, kill := context.WithCancel(b.t.Context())
		target := &mortal[Tx]{Target: b.target, kill: kill}
		target.stepsLeft.Store(rand.Int64N(mostSteps))
		p := b.recorder(target, nil, func(eventstore.Position) error { target.step(); return nil })
		require.NoError(b.t, projection.Run(ctx, p))
	}
	writing.Wait()
	require.NoError(b.t, b.recorder(b.target, nil, noTrouble).CatchUp(b.t.Context()))
	b.requireAppliedOnce()
}
