package pgstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// delay notices when an append in flight holds the subscriptions back for long, and tells the operator which it is.
type delay struct {
	store  *Store
	stable eventstore.Position // it has not moved
	since  time.Time           // while something held it back; zero when nothing does
	next   time.Duration       // how long that lasts at the next report

	culprit  boundHolder
	reported bool
}

func newDelay(store *Store) delay { return delay{store: store} }

// observe takes note of a look. Most cost nothing.
func (d *delay) observe(ctx context.Context, view view) {
	threshold := d.store.options.SlowAppendThreshold
	if threshold < 0 {
		return
	}
	now := time.Now()
	if !view.heldBack || view.stable > d.stable {
		d.end(ctx, now)
		d.since, d.stable = time.Time{}, view.stable
	}
	switch {
	case !view.heldBack:
	case d.since.IsZero():
		d.since, d.next = now, threshold
	case now.Sub(d.since) >= d.next:
		d.report(ctx, now)
	}
}

// report warns of what holds the stable bound back, unless that is another append than before, which has its time.
func (d *delay) report(ctx context.Context, now time.Time) {
	holders, err := d.store.boundHolders(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.store.options.Logger.WarnContext(ctx, "cannot find out which append holds back the subscriptions", "error", err)
			d.next *= 2
		}
		return
	}
	if len(holders) == 0 {
		return // it has just ended
	}
	culprit := holders[0]
	if culprit.transaction != d.culprit.transaction {
		d.end(ctx, now)
		if 0 < culprit.Age && culprit.Age < now.Sub(d.since) {
			d.since = now.Add(-culprit.Age)
		}
		d.next = d.store.options.SlowAppendThreshold
	}
	d.culprit = culprit
	if held := now.Sub(d.since); held >= d.next {
		d.reported = true
		d.next = 2 * held
		d.store.options.Logger.LogAttrs(ctx, slog.LevelWarn,
			"an append in flight holds back the subscriptions: they show nothing that was appended after it began",
			d.attributes(held)...)
	}
}

// end says that what was reported is over.
func (d *delay) end(ctx context.Context, now time.Time) {
	if d.reported {
		d.store.options.Logger.LogAttrs(ctx, slog.LevelInfo, "the append that held back the subscriptions has ended",
			d.attributes(now.Sub(d.since))...)
	}
	d.culprit, d.reported = boundHolder{}, false
}

func (d *delay) attributes(held time.Duration) []slog.Attr {
	attributes := []slog.Attr{
		slog.String("schema", d.store.options.Schema),
		slog.Duration("held_back_for", held),
		slog.Duration("transaction_age", d.culprit.Age),
	}
	if d.culprit.Backend == 0 {
		return append(attributes, slog.String("prepared_transaction", d.culprit.Prepared))
	}
	return append(attributes,
		slog.Int("backend", int(d.culprit.Backend)),
		slog.String("application", d.culprit.Application),
		slog.String("query", d.culprit.Query))
}
