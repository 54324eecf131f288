package pgstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// leadUntilTold makes rounds for all who wait until it was told something itself.
func (l *lookout) leadUntilTold(ctx context.Context, leader *waiter) error {
	for {
		select { // the one who led before may have told it
		case err := <-leader.told:
			return err
		default:
		}
		if err := l.rest(ctx); err != nil {
			l.stir() // it may have taken the token
			return err
		}
		if err := l.round(ctx); err != nil {
			return err
		}
	}
}

// rest waits until the next round is due.
func (l *lookout) rest(ctx context.Context) error {
	due, earliest := l.next()
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.stirred:
	case <-ctx.Done():
		return ctx.Err()
	}
	if wait := time.Until(earliest); wait > 0 {
		return sleep(ctx, wait)
	}
	return nil
}

// next returns when the next round is due if nobody stirs, and when it may begin at the earliest.
func (l *lookout) next() (due, earliest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due = time.Now().Add(time.Hour)
	for a := range l.all() {
		if a.due.Before(due) {
			due = a.due
		}
	}
	return due, l.begun.Add(minLookInterval)
}

// round tells of the moves that were made since the last one, and looks at what is due. It returns an error when ctx has
// ended before all were told who are to be.
func (l *lookout) round(ctx context.Context) error {
	news, looks := l.begin()
	tell(news, nil)
	if len(looks) == 0 {
		return nil
	}
	consumers := make([]eventstore.ConsumerID, len(looks))
	for i, look := range looks {
		consumers[i] = look.at.consumer
	}
	seen, err := l.look(ctx, consumers)
	if ctx.Err() != nil {
		l.abandon(looks)
		return ctx.Err()
	}
	for i, look := range looks {
		looks[i].seen = seen[look.at.consumer]
	}
	if err == nil {
		l.finish(looks)
	}
	tell(looks, err)
	return nil
}

// telling is what those are told who wait for a consumer when a round begins.
type telling struct {
	at   *awaited
	to   []*waiter
	seen []eventstore.Checkpoint
}

func (a *awaited) telling() telling {
	return telling{at: a, to: slices.Collect(maps.Keys(a.waiting)), seen: a.seen}
}

func tell(tellings []telling, failed error) {
	for _, telling := range tellings {
		for _, w := range telling.to {
			w.tell(telling.seen, failed)
		}
	}
}

// begin begins a round, and returns what is to be told of moves, and for whom is to be looked. What comes later stirs
// the next round.
func (l *lookout) begin() (news, looks []telling) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.stirred:
	default:
	}
	l.begun = time.Now()
	isDue := false
	for a := range l.all() {
		// Where no look is due all have been looked for who wait, and may be told of what was moved since.
		if a.due.After(l.begun) && a.takeMoves() {
			news = append(news, a.telling())
		}
		isDue = isDue || !a.due.After(l.begun)
	}
	if !isDue {
		return news, nil
	}
	for a := range l.all() {
		if a.isRipe(l.begun) {
			a.beginLook(l.begun)
			looks = append(looks, a.telling())
		}
	}
	return news, looks
}

func (l *lookout) all() func(yield func(*awaited) bool) {
	return func(yield func(*awaited) bool) {
		for _, same := range l.awaited {
			for _, a := range same {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// abandon has others look again at what a look has not seen.
func (l *lookout) abandon(looks []telling) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, look := range looks {
		look.at.due = time.Time{}
	}
	l.stir()
}

// finish keeps what a look has seen. Of moves that were made meanwhile the next round finds whether it has seen them.
func (l *lookout) finish(looks []telling) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, look := range looks {
		look.at.seen = look.seen
	}
}
