package projection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/projection"
)

var errInjected = errors.New("injected failure")

// flaky is a target of which every step fails now and then. It is for one goroutine.
type flaky[Tx any] struct {
	eventstore.Target[Tx]
	random *rand.Rand
}

func (f *flaky[Tx]) fails() bool { return f.random.IntN(8) == 0 }

func (f *flaky[Tx]) Checkpoint(ctx context.Context, consumer string) (eventstore.Checkpoint, error) {
	if f.fails() {
		return eventstore.Checkpoint{}, errInjected
	}
	return f.Target.Checkpoint(ctx, consumer)
}

func (f *flaky[Tx]) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx Tx) error,
) error {
	if f.fails() {
		return fmt.Errorf("begin: %w", errInjected)
	}
	err := f.Target.Advance(ctx, move, func(ctx context.Context, tx Tx) error {
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
		switch target.random.IntN(50) {
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
	require.False(b.t, status.Paused, status.Reason)
}

// mortal is a target at which the process may be killed at every step. It is for one goroutine.
type mortal[Tx any] struct {
	eventstore.Target[Tx]
	stepsLeft int
	kill      func()
}

func (m *mortal[Tx]) step() {
	m.stepsLeft--
	if m.stepsLeft < 0 {
		m.kill()
	}
}

func (m *mortal[Tx]) Checkpoint(ctx context.Context, consumer string) (eventstore.Checkpoint, error) {
	m.step()
	return m.Target.Checkpoint(ctx, consumer)
}

func (m *mortal[Tx]) Advance(
	ctx context.Context, move eventstore.Move, work func(ctx context.Context, tx Tx) error,
) error {
	m.step()
	defer m.step()
	return m.Target.Advance(ctx, move, func(ctx context.Context, tx Tx) error {
		defer m.step()
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
		target := &mortal[Tx]{Target: b.target, stepsLeft: rand.IntN(mostSteps), kill: kill}
		p := b.recorder(target, nil, func(eventstore.Position) error { target.step(); return nil })
		require.NoError(b.t, projection.Run(ctx, p))
	}
	writing.Wait()
	require.NoError(b.t, b.recorder(b.target, nil, noTrouble).CatchUp(b.t.Context()))
	b.requireAppliedOnce()
}
