package consumer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// lookEvery is how often a member looks at least what others have done to the consumer.
	lookEvery = 250 * time.Millisecond
	// leaveTimeout is how long a member that stops tries to say so, and leaveAttempts how often.
	leaveTimeout  = 5 * time.Second
	leaveAttempts = 5
)

// member is one among those that run a consumer: one call of Run. It works on the partitions that are its share.
type member struct {
	Config
	name string

	work  map[int]*worker // by partition
	ended chan *worker    // has those that have returned before they were told to
	// given has the partitions that the member gave back when it attended last. Those whose transaction had not ended
	// were passed over: it owns them still and does not work on them.
	given map[int]bool
	// paused has the partitions of which the log was told that they are paused.
	paused map[int]bool

	attended time.Time // when partitions were asked for last
	due      time.Time // when to attend again
	failures int       // of the checkpoints, since something went well
}

func newMember(config Config) *member {
	return &member{
		Config: config,
		name:   memberName(),
		work:   make(map[int]*worker),
		ended:  make(chan *worker),
		paused: make(map[int]bool),
	}
}

// memberName is one that an operator finds, and that no other member has.
func memberName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6])
}

// run returns when ctx has ended, the member has stopped working and its partitions were given back.
func (m *member) run(ctx context.Context) error {
	if err := m.define(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	defer m.leave(ctx)
	defer m.stopAll()
	looking, stopLooking := context.WithCancel(ctx)
	looks, looked := m.look(looking)
	defer func() { stopLooking(); <-looked }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			err = m.attend(ctx)
		case <-looks:
			err = m.fit(ctx)
		case ended := <-m.ended:
			err = m.replace(ctx, ended)
		}
		if isHopeless(err) {
			return err
		}
		m.judge(ctx, err)
		timer.Reset(time.Until(m.due))
	}
}

// define tries until there is something to run, or it is hopeless, or ctx ends.
func (m *member) define(ctx context.Context) error {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := define(ctx, m.Config)
		if err == nil || isHopeless(err) {
			return err
		}
		if ctx.Err() == nil {
			delay := m.Retry.Delay(failures)
			m.Logger.WarnContext(ctx, m.Kind+" cannot begin, trying again", "error", err, "failures", failures, "delay", delay)
			_ = Wait(ctx, delay)
		}
	}
	return nil
}

// judge says when to attend again after a failure.
func (m *member) judge(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		m.failures = 0
		return
	}
	m.failures++
	delay := m.Retry.Delay(m.failures)
	m.due = time.Now().Add(delay)
	m.Logger.WarnContext(ctx, m.Kind+" cannot reach its checkpoints, trying again",
		"error", err, "failures", m.failures, "delay", delay)
}

// look signals what others have done: another owner, another epoch. It goes on until ctx ends, and then closes looked.
func (m *member) look(ctx context.Context) (looks, looked <-chan struct{}) {
	changes, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		var known []eventstore.Checkpoint
		for ctx.Err() == nil {
			now, err := m.Keeper.Await(ctx, m.ID, lookEvery, func(now []eventstore.Checkpoint) bool {
				return !slices.EqualFunc(known, now, sameEpoch)
			})
			if err != nil {
				_ = Wait(ctx, lookEvery)
				continue
			}
			known = now
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}()
	return changes, done
}

func sameEpoch(one, other eventstore.Checkpoint) bool {
	return one.Epoch == other.Epoch && one.Owner == other.Owner && one.StopAt == other.StopAt
}

// attend renews the lease, makes the partitions that the member owns its share, and works on them.
func (m *member) attend(ctx context.Context) error {
	surplus, err := m.coordinate(ctx)
	if err == nil && len(surplus) > 0 {
		for _, partition := range surplus {
			m.stop(partition)
		}
		_, err = m.coordinate(ctx) // gives them back
	}
	if err != nil {
		return err
	}
	return m.fit(ctx)
}

func (m *member) coordinate(ctx context.Context) (surplus []int, err error) {
	m.attended = time.Now()
	m.due = m.attended.Add(m.Lease / 4)
	err = m.Keeper.Coordinate(ctx, m.ID, func(roster *eventstore.Roster) {
		// A little less than the lease, some of which others need to notice that it has ended.
		until := roster.Now.Add(m.Lease - min(2*lookEvery, m.Lease/4))
		m.given = owned(roster, m.name)
		surplus = share(roster, m.name, until, func(partition int) bool { return m.work[partition] != nil })
		for partition := range owned(roster, m.name) {
			delete(m.given, partition)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("renew the lease: %w", err)
	}
	return surplus, nil
}

// fit makes the workers those of the partitions that the member owns, each in the epoch that it is in.
func (m *member) fit(ctx context.Context) error {
	checkpoints, err := m.Keeper.Checkpoints(ctx, m.ID)
	if err != nil {
		return fmt.Errorf("read the checkpoints: %w", err)
	}
	for partition, w := range m.work {
		if partition >= len(checkpoints) || !sameEpoch(checkpoints[partition], w.at) {
			m.stop(partition)
		}
	}
	for _, at := range checkpoints {
		switch {
		case at.Owner == "", at.Owner == m.name && m.given[at.Partition]:
			m.attendSoon()
		case at.Owner == m.name && m.work[at.Partition] == nil:
			m.tellPaused(ctx, at)
			m.work[at.Partition] = m.start(ctx, at)
		}
	}
	return nil
}

// attendSoon asks again for a partition that nobody owns, which may be another's share or not free yet, or gives one back
// that was passed over.
func (m *member) attendSoon() {
	if soon := m.attended.Add(lookEvery); soon.Before(m.due) {
		m.due = soon
	}
}

// tellPaused tells the log, once, that a partition waits to be resumed, or was.
func (m *member) tellPaused(ctx context.Context, at eventstore.Checkpoint) {
	switch {
	case at.Paused && !m.paused[at.Partition]:
		m.Logger.WarnContext(ctx, m.Kind+" waits to be resumed",
			"partition", at.Partition, "position", at.Position, "reason", at.Reason)
	case !at.Paused && m.paused[at.Partition]:
		m.Logger.InfoContext(ctx, m.Kind+" was resumed", "partition", at.Partition, "position", at.Position)
	}
	m.paused[at.Partition] = at.Paused
}

// replace puts another worker in the place of one that has ended by itself.
func (m *member) replace(ctx context.Context, ended *worker) error {
	delete(m.work, ended.at.Partition)
	if !errors.Is(ended.err, errChanged) {
		return ended.err
	}
	return m.fit(ctx)
}

func (m *member) stop(partition int) {
	m.work[partition].stop()
	delete(m.work, partition)
}

func (m *member) stopAll() {
	for _, w := range m.work {
		w.cancel()
	}
	for _, partition := range slices.Collect(maps.Keys(m.work)) {
		m.stop(partition)
	}
}

// leave gives the member's partitions to others at once, instead of when its lease ends. It tries again, as a lost
// connection would cost them that long.
func (m *member) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	for failures := 1; ; failures++ {
		err := m.Keeper.Coordinate(ctx, m.ID, func(roster *eventstore.Roster) { leave(roster, m.name) })
		if err == nil || errors.Is(err, eventstore.ErrClosed) {
			return
		}
		if failures == leaveAttempts || isHopeless(err) || Wait(ctx, m.Retry.Delay(failures)) != nil {
			m.Logger.WarnContext(ctx,
				m.Kind+" has stopped without giving back its partitions, which are free when its lease ends",
				"error", err, "lease", m.Lease)
			return
		}
	}
}
