package processmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Status is how far a process has come with the events, who works on it, and what its instances have to do.
type Status struct {
	// ConsumerStatus is that of the events. Its Parked are those of the instances that could not decide on an event.
	eventstore.ConsumerStatus
	// Instances counts the instances that are under way, and what they have to do.
	Instances eventstore.AgendaSummary
}

// Health returns nil when the process does what it should: its partitions have owners and none is paused, it is not
// behind with the events for longer than maxBehind, and no command or timer has been due for longer than that without
// being taken up. Otherwise the error says all that is wrong. What is parked is not: look at Parked and Instances.
func (s Status) Health(maxBehind time.Duration) error {
	err := s.ConsumerStatus.Health(maxBehind)
	if overdue := s.Instances.Overdue; overdue > maxBehind {
		err = errors.Join(err, fmt.Errorf("process %q is not healthy: a command or timer is overdue by %s, more than %s",
			s.Consumer, overdue.Round(time.Millisecond), maxBehind))
	}
	return err
}

// Status returns the status of the process, whoever runs it. On Postgres the view consumer_status tells the same of the
// events. Timers are overdue by the clock of the agenda, whatever [Options].Now is.
func (m *Manager[S, C]) Status(ctx context.Context) (Status, error) {
	status, err := m.core.status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("status of process %q: %w", m.core.name, err)
	}
	return status, nil
}

func (m *core[C]) status(ctx context.Context) (status Status, err error) {
	status.ConsumerStatus, err = consumer.Status(ctx, consumer.Config{
		ID:      m.consumer(),
		Store:   m.store,
		Keeper:  m.agenda,
		Parking: m.agenda,
		Filter:  eventstore.Filter{Categories: m.categories()},
	})
	if err != nil {
		return Status{}, err
	}
	status.Instances, err = m.agenda.Summary(ctx, m.consumer().Name)
	return status, err
}

// Repartition changes the number of partitions in which a process handles events, while it runs: they go on to one
// position, are replaced there, and those who run the process share out the new ones. Each instance handles its events
// in order, and each once.
//
// It returns an error, and leaves the partitions as they were, when they do not come to one position within ten seconds,
// as nobody works on one of them, or one is paused ([eventstore.ErrPaused]); when the number is out of range, or the
// process has never run ([eventstore.ErrInvalid]); when ctx ends first; and when the agenda fails.
func (m *Manager[S, C]) Repartition(ctx context.Context, partitions int) error {
	return consumer.Repartition(ctx, m.core.agenda, m.core.consumer(), partitions)
}
