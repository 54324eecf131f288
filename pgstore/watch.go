package pgstore

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// While an append in flight holds the stable bound back, nobody tells when it ends, least of all when it dies: a
// subscription looks again after the first pause, and then less and less often.
const (
	firstRelook = 2 * time.Millisecond
	maxRelook   = 25 * time.Millisecond
)

// watch says when it is time for the next look.
type watch struct {
	store  *Store
	wake   <-chan struct{} // closed when something may have come since the last look began
	due    time.Time       // when to look even so
	relook time.Duration
}

func newWatch(store *Store) watch { return watch{store: store, relook: firstRelook} }

// looked takes note of a look that was successful. wake was taken before it, so that what comes after its beginning is
// not slept through.
func (w *watch) looked(view view, wake <-chan struct{}) {
	pause := w.store.options.PollInterval
	switch {
	case view.page.full:
		pause = 0
	case view.heldBack:
		pause = min(pause, w.relook)
		w.relook = min(2*w.relook, maxRelook)
	default:
		w.relook = firstRelook
	}
	w.wake, w.due = wake, time.Now().Add(pause)
}

// wait returns when it is time for the next look. One that was interrupted, by the end of ctx, may be repeated.
func (w *watch) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(w.due))
	defer timer.Stop()
	select {
	case <-w.wake:
		w.relook = firstRelook
		return nil
	case <-timer.C:
		return nil
	case <-w.store.closing:
		return eventstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
