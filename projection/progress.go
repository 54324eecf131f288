package projection

import (
	"context"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Progress is how far a version of a projection has come on its way to the head.
type Progress struct {
	// Handled is how many events it has handled, of Total that there are for it now.
	Handled, Total int64
	// Rate is how many events it has handled in a second, on the average since it began, or since the log was told last.
	Rate float64
	// Left is how long the rest takes at that rate, 0 where there is no rate.
	Left time.Duration
}

// String says it in a line.
func (p Progress) String() string {
	return fmt.Sprintf("%d of %d events, %.0f/s, %s left", p.Handled, p.Total, p.Rate, p.Left.Round(time.Second))
}

// Progress returns how far the projection has come, whoever runs it. It counts all events that it listens to, which
// takes the database a while when there are millions.
func (p *Projection[Tx]) Progress(ctx context.Context) (Progress, error) {
	id := p.ID()
	progress, err := p.progress(ctx, id)
	if err != nil {
		return Progress{}, fmt.Errorf("progress of projection %q: %w", id, err)
	}
	return progress, nil
}

func (p *Projection[Tx]) progress(ctx context.Context, id eventstore.ConsumerID) (Progress, error) {
	consumers, err := p.target.Consumers(ctx)
	if err != nil {
		return Progress{}, err
	}
	checkpoints, err := p.target.Checkpoints(ctx, id)
	if err != nil {
		return Progress{}, err
	}
	handled, latest := sum(checkpoints)
	total, err := p.countAll(ctx)
	if err != nil {
		return Progress{}, err
	}
	for _, defined := range consumers {
		if defined.ConsumerID == id {
			return newProgress(handled, total, float64(handled)/latest.Sub(defined.DefinedAt).Seconds()), nil
		}
	}
	return Progress{}, errNotDefined
}

func newProgress(handled, total int64, rate float64) Progress {
	progress := Progress{Handled: handled, Total: max(total, handled)}
	if rate > 0 {
		progress.Rate = rate
		progress.Left = time.Duration(float64(progress.Total-handled) / rate * float64(time.Second))
	}
	return progress
}

// sum returns how many events the partitions have handled, and when the last one did.
func sum(checkpoints []eventstore.Checkpoint) (handled int64, latest time.Time) {
	for _, at := range checkpoints {
		handled += at.Handled
		if at.UpdatedAt.After(latest) {
			latest = at.UpdatedAt
		}
	}
	return handled, latest
}

// countAll counts the events that the projection listens to.
func (p *Projection[Tx]) countAll(ctx context.Context) (int64, error) {
	head, err := p.store.Head(ctx)
	if err != nil {
		return 0, err
	}
	events, err := consumer.Count(ctx, p.store, 0, head, p.filter(), 0)
	return int64(events), err
}

// meter measures the progress between two times that it is told of. It counts all events once, and then takes the store
// to grow as its positions do.
type meter struct {
	total   int64
	head    eventstore.Position
	handled int64
	at      time.Time
}

// tellProgress tells the log how far the version has come since it was told last.
func (p *Projection[Tx]) tellProgress(ctx context.Context, m *meter) {
	checkpoints, err := p.target.Checkpoints(ctx, p.id)
	if err != nil {
		return
	}
	head, err := p.store.Head(ctx)
	if err != nil {
		return
	}
	handled, _ := sum(checkpoints)
	if m.head == 0 {
		if m.total, err = p.countAll(ctx); err != nil {
			return
		}
		m.head = max(head, 1)
		m.at, m.handled = time.Now().Add(-tellEvery), 0
	}
	now := time.Now()
	total := int64(float64(m.total) * float64(head) / float64(m.head))
	progress := newProgress(handled, total, float64(handled-m.handled)/now.Sub(m.at).Seconds())
	m.at, m.handled = now, handled
	p.options.Logger.InfoContext(ctx, "projection fills a new version", "consumer", p.id.Name, "version", p.id.Version,
		"events", progress.Handled, "of", progress.Total, "rate", int(progress.Rate), "left", progress.Left.Round(time.Second))
}
