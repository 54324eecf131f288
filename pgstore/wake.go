package pgstore

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// announceInterval is the least time between two notifications of one process, however many its appends are.
const announceInterval = 5 * time.Millisecond

// lastAnnouncement is how long Close may take to announce the last append.
const lastAnnouncement = time.Second

// hearingTime is how long a notification may take to come through a pooler.
const hearingTime = 2 * time.Second

// sqlNotify does not wait until its commit is on disk: to flush the log for it would cost the appends as much as one of
// theirs.
const sqlNotify = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`

// sqlStayIdle lets the listening session be idle, as it is by nature.
const sqlStayIdle = "SET idle_session_timeout = 0"

const (
	firstReconnect = 50 * time.Millisecond
	maxReconnect   = 5 * time.Second
)

// waker tells subscriptions that there may be something new: those of this process directly, those of others with
// NOTIFY. A notification is sent outside the append's transaction, since one inside takes a lock of the whole instance
// until the commit. One that is lost costs a poll interval and no event.
type waker struct {
	pool    *pgxpool.Pool
	channel string
	self    string // what this process's notifications carry, to know them by
	logger  *slog.Logger
	timeout time.Duration // how long the database has for its answer

	announce chan struct{} // holds a token when there is something to announce

	mu   sync.Mutex
	wake chan struct{} // closed at the next wake-up
}

func newWaker(pool *pgxpool.Pool, sequence uint32, options Options) *waker {
	return &waker{
		pool:     pool,
		channel:  "pasttense_" + strconv.FormatUint(uint64(sequence), 10),
		self:     uuid.NewString(),
		logger:   options.Logger,
		timeout:  options.AnswerTimeout,
		announce: make(chan struct{}, 1),
		wake:     make(chan struct{}),
	}
}

// next returns a channel that is closed when there may be something new.
func (w *waker) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wake
}

// appended wakes this process's subscriptions, and soon those of others.
func (w *waker) appended() {
	w.wakeAll()
	w.putToken()
}

func (w *waker) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.wake)
	w.wake = make(chan struct{})
}

// runAnnouncer notifies other processes until ctx ends, and then of what is still to be announced.
func (w *waker) runAnnouncer(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-w.announce:
			w.notify(ctx)
			_ = sleep(ctx, announceInterval)
		case <-ctx.Done():
		}
	}
	select {
	case <-w.announce:
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnnouncement)
		defer cancel()
		w.notify(last)
	default:
	}
}

// notify puts the token back when ctx ends before it has done its work.
func (w *waker) notify(ctx context.Context) {
	err := w.notifyOthers(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		w.putToken()
	default:
		w.logger.WarnContext(ctx, "cannot notify other processes of new events; they will find them by polling",
			"channel", w.channel, "error", err)
	}
}

func (w *waker) notifyOthers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	_, err := w.pool.Exec(ctx, sqlNotify, w.channel, w.self)
	return err
}

func (w *waker) putToken() {
	select {
	case w.announce <- struct{}{}:
	default: // there is one already
	}
}

// runListener wakes this process's subscriptions when others notify, until ctx ends. It has a connection of its own and
// makes a new one when that is lost. Through a pooler that brings no notifications it is not to be had: others' events
// are then found by polling.
func (w *waker) runListener(ctx context.Context) {
	for pause := firstReconnect; ; pause = min(2*pause, maxReconnect) {
		listened, err := w.listen(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDeaf):
			w.logger.InfoContext(ctx, "the database is behind a pooler in transaction mode, which cannot LISTEN; "+
				"subscriptions find other processes' events by polling", "channel", w.channel)
			return
		case listened:
			pause = firstReconnect
		}
		w.logger.WarnContext(ctx, "lost the connection that listens for new events; subscriptions poll until it is back",
			"channel", w.channel, "error", err, "retry_in", pause)
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

func (w *waker) listen(ctx context.Context) (listened bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, w.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := meetSession(ctx, conn); err != nil {
		return false, err
	}
	if err := w.exec(ctx, conn, "LISTEN "+w.channel); err != nil {
		return false, err
	}
	if !sessionOf(conn).direct {
		if err := w.hear(ctx, conn); err != nil {
			return false, err
		}
	}
	if err := w.exec(ctx, conn, sqlStayIdle); err != nil {
		return false, err
	}
	w.wakeAll() // for what was notified while nobody listened
	for {
		notification, err := w.waitForNotification(ctx, conn)
		switch {
		case err != nil:
			return true, err
		case notification == nil: // it is only quiet
		case notification.Payload != w.self: // of that they have been told
			w.wakeAll()
		}
	}
}

// waitForNotification returns nil when none has come for a while but the database answers.
func (w *waker) waitForNotification(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if err == nil || waiting.Err() == nil || ctx.Err() != nil {
		return notification, err
	}
	return nil, w.exec(ctx, conn, sqlStayIdle)
}

func (w *waker) exec(ctx context.Context, conn *pgx.Conn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	_, err := conn.Exec(ctx, statement)
	return err
}

// errDeaf means that notifications do not come through.
var errDeaf = errors.New("a notification did not come through the pooler")

// hear waits for a notification through a pooler. In session mode it comes, whoever sent it. In transaction mode LISTEN
// was done by a backend that serves somebody else by now, where it does no harm but is of no use.
func (w *waker) hear(ctx context.Context, conn *pgx.Conn) error {
	if err := w.notifyOthers(ctx); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, hearingTime)
	defer cancel()
	_, err := conn.WaitForNotification(waiting)
	if waiting.Err() == nil || ctx.Err() != nil {
		return err
	}
	err = w.exec(ctx, conn, "UNLISTEN "+w.channel) // perhaps of the same backend
	return errors.Join(errDeaf, err)
}
