package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

const (
	// switchLook is how often a version looks whether it can become the live one.
	switchLook = time.Second
	// tellEvery is how often the log is told how far a version has come.
	tellEvery = 10 * time.Second
	// takeOverPatience is how long both versions may take to come to one position when one takes over by itself: so long the
	// live one may stand still.
	takeOverPatience = time.Second
	// closeEvents is how many events behind the head a version tries to become the live one.
	closeEvents = 1000
)

// takeOverRetry is how soon a version tries again to take over.
var takeOverRetry = consumer.Retry{MinBackoff: 4 * time.Second, MaxBackoff: time.Minute}

// version is what [Projection.Versioned] was told.
type version[Tx any] struct {
	models eventstore.ReadModels[Tx]
	setUp  func(ctx context.Context, tx Tx) error
}

// Versioned makes the projection keep its read model in a place of its own, of which the target keeps one for each
// version of the projection: on Postgres a schema, which is named like the projection when the version is live. Handlers
// and readers name no version: handlers find the tables of theirs, and readers those of the live one.
//
// Whoever changes a handler counts the version up. The new version begins with the first event, in an empty read model
// that setUp has made, beside the one that is live, which processes of the old program go on keeping. Once it has caught
// up it becomes the live one, in one transaction, unless [Options].SwitchWhenTold says that [Switch] is to do it. The log
// is told every ten seconds how far it has come, and [Projection.Progress] tells the same.
//
// The old version is kept, and kept current by whoever runs it, so that [Switch] can go back to it, until the target's
// Drop removes it. A version that is lower than the live one, or was live before, does not become live by itself. The first
// version of a name is live from the beginning.
//
// setUp is run once for each version, in a transaction that makes the place of the read model.
//
// Versioned panics when the target keeps no versions, when the version is not from 1 to [eventstore.MaxConsumerVersion],
// and when the projection was started: mistakes in the program.
func (p *Projection[Tx]) Versioned(number int, setUp func(ctx context.Context, tx Tx) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	models, can := p.target.(eventstore.ReadModels[Tx])
	id := eventstore.ConsumerID{Name: p.id.Name, Version: number}
	switch err := id.Validate(); {
	case p.started:
		panic(fmt.Sprintf("Projection.Versioned: projection %q was started before", p.id))
	case !can:
		panic(fmt.Sprintf("Projection.Versioned: the target of projection %q, a %T, keeps no versions", p.id, p.target))
	case err != nil:
		panic(fmt.Sprintf("Projection.Versioned: %v", err))
	}
	p.id = id
	p.version = &version[Tx]{models: models, setUp: setUp}
}

// IsLive reports whether a handler works for the version of its projection that is live. A handler that does more than
// keep its read model, such as publishing, asks this first, lest everything be published again for each new version:
//
//	if projection.IsLive(ctx) {
//		err = publisher.Publish(ctx, e)
//	}
//
// A switch between two versions that both run makes it true for one of them at each event. It is true for neither at the
// events that the old version had not handled when it was switched away from, because it was paused or nobody ran it, and
// for neither or both at those of a stream that one of the two had parked. Without versions it is always true.
func IsLive(ctx context.Context) bool { return consumer.IsLive(ctx) }

func (p *Projection[Tx]) prepare(ctx context.Context) error {
	if err := p.version.models.Prepare(ctx, p.id, p.version.setUp); err != nil {
		return fmt.Errorf("set up its read model: %w", err)
	}
	return nil
}

// runVersion runs the projection, and beside it what makes its version the live one.
func (p *Projection[Tx]) runVersion(ctx context.Context, config consumer.Config) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var watching sync.WaitGroup
	watching.Go(func() { p.becomeLive(ctx) })
	err := consumer.New(config).Run(ctx)
	stop()
	watching.Wait()
	return err
}

// becomeLive tells how far the version has come, and makes it the live one when it has caught up. It returns when that is
// done, or not to be done: by who was told to go back to another version, or where a later one is live.
func (p *Projection[Tx]) becomeLive(ctx context.Context) {
	log := p.options.Logger.With("consumer", p.id.Name, "version", p.id.Version)
	meter, nearness, failures := &meter{}, nearness{}, 0
	for told, look := time.Now(), switchLook; consumer.Wait(ctx, look) == nil; {
		look = switchLook
		checkpoints, err := p.target.Checkpoints(ctx, p.id)
		if err != nil || len(checkpoints) == 0 {
			continue // the consumer itself says what is wrong
		}
		if may, err := p.mayBecomeLive(ctx); err != nil || !may {
			if err == nil {
				return
			}
			continue
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			p.tellProgress(ctx, meter)
		}
		if p.options.SwitchWhenTold || !isWorkedOn(checkpoints) || !p.isClose(ctx, &nearness, checkpoints) {
			continue
		}
		err = switchTo(ctx, p.version.models, takeOverPatience, p.id)
		if err == nil {
			log.InfoContext(ctx, "projection has switched to the new version")
			return
		}
		if ctx.Err() == nil {
			failures++
			look = takeOverRetry.Delay(failures) // both versions stood still meanwhile
			log.WarnContext(ctx, "projection cannot switch to the new version, trying again", "error", err, "delay", look)
		}
	}
}

// mayBecomeLive reports whether the version may become live by itself: it never was, and no later one is.
func (p *Projection[Tx]) mayBecomeLive(ctx context.Context) (bool, error) {
	consumers, err := p.target.Consumers(ctx)
	if err != nil {
		return false, err
	}
	for _, other := range consumers {
		if other.Name == p.id.Name &&
			(other.Live && other.Version > p.id.Version || other.WasLive && other.Version == p.id.Version) {
			return false, nil
		}
	}
	return true, nil
}

// nearness is what isClose keeps from one look to the next.
type nearness struct {
	goal eventstore.Position // that the version must reach before its events are counted; 0 before the first look
}

// isClose reports whether the version is near the head. What it counts was appended since an earlier look: to look at all
// that the version has still to read, each second, would cost about as much as to fill it.
func (p *Projection[Tx]) isClose(ctx context.Context, near *nearness, checkpoints []eventstore.Checkpoint) bool {
	head, err := p.store.Head(ctx)
	if err != nil {
		return false
	}
	if near.goal == 0 {
		near.goal = head
	}
	at := consumer.Lowest(checkpoints)
	if at < near.goal {
		return false
	}
	near.goal = head
	events, err := consumer.Count(ctx, p.store, at, head, p.filter(), closeEvents)
	return err == nil && events < closeEvents
}

// Switch makes a version of a projection the live one, in one transaction: readers see the one or the other, whole, and
// never an error. It is how a version takes over, and how one goes back; a version that was live before does not become so
// again by itself.
//
// It works on a running system: it lets both versions come to one position, holds them there for as long as the
// transaction takes, and lets them go on. A version that was live and that nobody works on, or that is paused, is not
// waited for. What [WaitFor] has promised for the version that was live holds for the new one.
//
// It returns an error, and nothing has changed, when the version does not come to that position within ten seconds, as it
// has not caught up or nobody works on it; when it is paused ([eventstore.ErrPaused]); when ctx ends; and when the target
// fails, as it does where transactions read the live version all the time.
func Switch[Tx any](ctx context.Context, models eventstore.ReadModels[Tx], to eventstore.ConsumerID) error {
	if err := switchTo(ctx, models, consumer.HaltTimeout, to); err != nil {
		return fmt.Errorf("switch projection %q to version %d: %w", to.Name, to.Version, err)
	}
	return nil
}

func switchTo[Tx any](
	ctx context.Context, models eventstore.ReadModels[Tx], patience time.Duration, to eventstore.ConsumerID,
) error {
	if err := to.Validate(); err != nil {
		return err
	}
	live, err := models.Checkpoints(ctx, eventstore.ConsumerID{Name: to.Name})
	if err != nil {
		return err
	}
	consumers := []eventstore.ConsumerID{to}
	if len(live) > 0 {
		if live[0].Consumer == to {
			return nil
		}
		if isWorkedOn(live) {
			consumers = append(consumers, live[0].Consumer)
		}
	}
	return consumer.Halted(ctx, models, patience, func() error { return models.Switch(ctx, to) }, consumers...)
}

func isWorkedOn(checkpoints []eventstore.Checkpoint) bool {
	for _, at := range checkpoints {
		if at.Owner == "" || at.Paused {
			return false
		}
	}
	return true
}

// Compare tells in what two versions of a projection differ, as of one position, to which it lets both come. It is meant
// for before [Switch], and works on a running system. Its errors are those of Switch.
func Compare[Tx any](
	ctx context.Context, models eventstore.ReadModels[Tx], one, other eventstore.ConsumerID,
) (differences []eventstore.Difference, err error) {
	err = consumer.Halted(ctx, models, consumer.HaltTimeout, func() (err error) {
		differences, err = models.Compare(ctx, one, other)
		return err
	}, one, other)
	if err != nil {
		return nil, fmt.Errorf("compare %q with %q: %w", one, other, err)
	}
	return differences, nil
}

var errNotDefined = errors.New("the projection has never run")
