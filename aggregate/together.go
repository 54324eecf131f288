package aggregate

import (
	"context"
	"fmt"
	"reflect"

	"github.com/pasttense/pasttense/eventstore"
)

// Plan is what commands are to do with one aggregate, together with the plans of others: [ExecuteTogether] carries them
// out. A Plan is used once, by one goroutine.
type Plan[S any] struct {
	// Result is what came of it, once [ExecuteTogether] has returned without an error. Repeated is never set.
	Result Result[S]

	store    eventstore.Store
	stream   eventstore.StreamID
	attempts int
	decide   func(context.Context) (loaded[S], decision[S], error)
	appended func(loaded[S], decision[S])

	// What the last attempt has loaded and decided.
	loaded  loaded[S]
	decided decision[S]
}

// Plan returns what commands are to do with an aggregate. Nothing is read or decided yet.
func (r *Repository[S, E]) Plan(key string, commands ...Command[S, E]) *Plan[S] {
	stream := r.id(key)
	return &Plan[S]{
		store:    r.store,
		stream:   stream,
		attempts: r.attempts,
		decide: func(ctx context.Context) (loaded[S], decision[S], error) {
			loaded, err := r.current(ctx, stream, nil)
			if err != nil {
				return loaded, decision[S]{}, err
			}
			decided, err := r.decide(stream, loaded.Result, commands)
			return loaded, decided, err
		},
		appended: r.appended,
	}
}

// Planned is a [Plan], whatever its state.
type Planned interface {
	place() (eventstore.Store, eventstore.StreamID)
	most() (attempts int)
	prepare(ctx context.Context) (eventstore.Write, error)
	complete(appended eventstore.WriteResult)
}

// ExecuteTogether executes the commands of several plans, each on its own aggregate, and appends all their events at once:
// all are recorded or none. It is how a rule is kept that no single aggregate can see, such as that an email address is
// used once.
//
//	customer := customers.Plan("42", Register{Email: "ann@example.org"})
//	address := addresses.Plan("ann@example.org", Claim{By: "42"})
//	err := aggregate.ExecuteTogether(ctx, customer, address)
//
// Each plan decides on the state of its own aggregate. The append requires all of them to be as they were when they were
// loaded, also those on which nothing was decided: so every decision holds at the commit, as if nobody else were there.
// When another append to one of the streams comes between, all are loaded and decided again, with the delays of
// [Repository.Execute] and as often as the most patient repository tries. When no plan decides events, nothing is
// appended and nothing is checked.
//
// The more streams an append names, and the busier they are, the more often it starts again. What may happen later belongs
// in a process manager.
//
// Errors are those of [Repository.Execute]. [*RefusedError] means that one plan was refused, so that nothing is recorded of
// the others either. [eventstore.ErrInvalid] also means that there are no plans, that two are on the same stream or that
// they are on different stores, or on stores that Go cannot compare.
func ExecuteTogether(ctx context.Context, plans ...Planned) error {
	store, attempts, err := common(plans)
	if err != nil {
		return fmt.Errorf("execute together: %w", err)
	}
	for n := 1; ; n++ {
		err := attemptTogether(ctx, store, plans)
		if err == nil {
			return nil
		}
		if !anyOvertaken(err, plans) {
			return fmt.Errorf("execute together: %w", err)
		}
		if n == attempts {
			return fmt.Errorf("execute together: gave up after %d attempts: %w", n, err)
		}
		if ended := backOff(ctx, n); ended != nil {
			return fmt.Errorf("execute together: %w while waiting after attempt %d: %w", ended, n, err)
		}
	}
}

// common returns the plans' store, and how often they are tried.
func common(plans []Planned) (store eventstore.Store, attempts int, err error) {
	if len(plans) == 0 {
		return nil, 0, fmt.Errorf("%w: there are no plans", eventstore.ErrInvalid)
	}
	seen := make(map[eventstore.StreamID]bool, len(plans))
	store, _ = plans[0].place()
	for i, plan := range plans {
		other, stream := plan.place()
		if err := stream.Validate(); err != nil {
			return nil, 0, fmt.Errorf("stream %q: %w", stream, err)
		}
		if i > 0 && !isSame(store, other) {
			return nil, 0, fmt.Errorf("stream %q: %w: its repository is on another store", stream, eventstore.ErrInvalid)
		}
		if seen[stream] {
			return nil, 0, fmt.Errorf("stream %q: %w: two plans are on it", stream, eventstore.ErrInvalid)
		}
		seen[stream] = true
		attempts = max(attempts, plan.most())
	}
	return store, attempts, nil
}

// isSame reports whether two stores are known to be one. Values with a map in them, say, cannot be compared.
func isSame(store, other eventstore.Store) bool {
	return reflect.ValueOf(store).Comparable() && store == other
}

func attemptTogether(ctx context.Context, store eventstore.Store, plans []Planned) error {
	writes := make([]eventstore.Write, len(plans))
	events := 0
	for i, plan := range plans {
		write, err := plan.prepare(ctx)
		if err != nil {
			return err
		}
		writes[i] = write
		events += len(write.Events)
	}
	appended := eventstore.AppendResult{Writes: make([]eventstore.WriteResult, len(plans))}
	if events > 0 {
		var err error
		if appended, err = store.Append(ctx, writes...); err != nil {
			return err
		}
	}
	for i, plan := range plans {
		plan.complete(appended.Writes[i])
	}
	return nil
}

func anyOvertaken(err error, plans []Planned) bool {
	for _, plan := range plans {
		if _, stream := plan.place(); overtaken(err, stream) {
			return true
		}
	}
	return false
}

func (p *Plan[S]) place() (eventstore.Store, eventstore.StreamID) { return p.store, p.stream }

func (p *Plan[S]) most() int { return p.attempts }

func (p *Plan[S]) prepare(ctx context.Context) (write eventstore.Write, err error) {
	p.loaded, p.decided, err = p.decide(ctx)
	if err != nil {
		return eventstore.Write{}, fmt.Errorf("stream %q: %w", p.stream, err)
	}
	return p.decided.write, nil
}

// complete is given a zero result when nothing was appended to the stream: then the position is that of what was loaded.
func (p *Plan[S]) complete(appended eventstore.WriteResult) {
	if len(p.decided.write.Events) > 0 {
		p.decided.result.Position = appended.Position
		p.appended(p.loaded, p.decided)
	}
	p.Result = p.decided.result
	p.loaded, p.decided = loaded[S]{}, decision[S]{} // the plan may be kept for its result
}
