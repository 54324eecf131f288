package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pasttense/pasttense/bench/internal/trial"
	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

const (
	// meanTermination is how often backends are terminated on average.
	meanTermination = 150 * time.Millisecond

	// childLife is how long the child lives on average before it is killed.
	childLife = 7 * time.Second
)

// recovery is how long it took after the server was killed.
type recovery struct {
	gone     time.Duration // until the old server's last process had ended
	server   time.Duration // until the new one took connections
	appended time.Duration // until an append was acknowledged
}

// serverKiller kills the server now and then, and starts it again.
type serverKiller struct {
	server *pgserver.Server // nil: it is not ours to kill
	every  time.Duration    // on average
	rng    *rand.Rand
	log    func(format string, args ...any)

	recoveries []recovery

	mu    sync.Mutex
	alive chan struct{} // closed at the next acknowledgement
}

// acknowledged tells the killer that an append was acknowledged.
func (k *serverKiller) acknowledged() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.alive != nil {
		close(k.alive)
		k.alive = nil
	}
}

// run ends with stop, after a recovery that has begun.
func (k *serverKiller) run(ctx, stop context.Context) error {
	if k.server == nil {
		return nil
	}
	for {
		if !wait.For(stop, jitter(k.rng, k.every)) {
			return nil
		}
		r, err := k.kill(ctx)
		if err != nil {
			return err
		}
		k.recoveries = append(k.recoveries, r)
		k.log("killed the server: its processes gone after %s, it takes connections after %s, first append acknowledged after %s",
			trial.Round(r.gone), trial.Round(r.server), trial.Round(r.appended))
	}
}

func (k *serverKiller) kill(ctx context.Context) (r recovery, err error) {
	killed := time.Now()
	if err := k.server.KillPostmaster(ctx); err != nil {
		return r, fmt.Errorf("kill the server: %w", err)
	}
	r.gone = time.Since(killed)
	acknowledged, appended := make(chan struct{}), make(chan time.Duration, 1)
	k.mu.Lock()
	k.alive = acknowledged
	k.mu.Unlock()
	go func() {
		<-acknowledged
		appended <- time.Since(killed)
	}()
	if err := k.server.Restart(ctx); err != nil {
		k.acknowledged()
		return r, fmt.Errorf("restart the server: %w", err)
	}
	r.server = time.Since(killed)
	select {
	case r.appended = <-appended:
		return r, nil
	case <-time.After(wait.Patience):
		err = fmt.Errorf("no append was acknowledged within %s of a restart of the server", wait.Patience)
	case <-ctx.Done():
		err = ctx.Err()
	}
	k.acknowledged()
	return r, err
}

// jitter returns d or up to 15 % more or less.
func jitter(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.85 + 0.3*rng.Float64()))
}
