package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
)

// Store is an event store in a Postgres database. It implements [eventstore.Store] and is safe for concurrent use.
type Store struct {
	pool         *pgxpool.Pool
	options      Options
	idleTimeout  string // as Postgres takes it
	sql          statements
	wake         *waker
	settled      settled
	tail         *tail
	appends      *queue
	reads        *readQueue
	patience     time.Duration // how long an append that waits by itself does so in the database
	waitingAlone atomic.Int32  // how many do
	patient      chan struct{} // holds a token for each append that waits by itself and has a connection

	closing    chan struct{} // closed when the store begins to close
	closed     chan struct{} // closed when it is done
	stop       context.CancelFunc
	background sync.WaitGroup // what stop ends

	mu       sync.Mutex
	isClosed bool
	calls    sync.WaitGroup // in progress
}

var _ eventstore.Store = (*Store)(nil)

// Open opens the store in a database, given by URL or connection string as pgx takes it. The store has a pool of
// connections of its own, so that an append made while the caller holds a connection of another pool never waits for
// that; its size is set by pool_max_conns in the URL. One more connection listens for notifications.
//
// Open returns an error when the database cannot be reached, when the schema is missing or out of date (see [Migrate]),
// when the database's encoding is not UTF8, when the server is a standby, and when the position sequence is behind the
// events, which means that the database was restored incompletely. The caller closes the store with [Store.Close].
func Open(ctx context.Context, url string, opts *Options) (*Store, error) {
	options, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open the event store: %w", err)
	}
	config, err := poolConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open the event store: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the event store: %w", err)
	}
	sequence, err := inspect(ctx, pool, options.Schema)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the event store in schema %q: %w", options.Schema, err)
	}
	return start(pool, options, sequence), nil
}

// poolConfig returns the configuration of the store's connections. Where the URL sets no time, a connection that cannot be
// made, or that the pool finds dead, is not waited for until TCP gives it up.
func poolConfig(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8" // a role may have another default
	config.ConnConfig.ConnectTimeout = cmp.Or(config.ConnConfig.ConnectTimeout, defaultConnectTimeout)
	config.PingTimeout = cmp.Or(config.PingTimeout, defaultPingTimeout)
	config.AfterConnect = meetSession
	config.BeforeClose = hangUp
	return config, nil
}

// start begins the store's own work. The context it runs under ends with Close.
func start(pool *pgxpool.Pool, options Options, sequence uint32) *Store {
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{
		pool:        pool,
		options:     options,
		idleTimeout: milliseconds(options.IdleTransactionTimeout),
		sql:         newStatements(options.Schema, sequence),
		wake:        newWaker(pool, sequence, options),
		patience:    patientLockTimeout,
		patient:     make(chan struct{}, max(1, pool.Config().MaxConns/4)),
		closing:     make(chan struct{}),
		closed:      make(chan struct{}),
		stop:        stop,
	}
	if pool.Config().MaxConns <= int32(options.AppendLanes) {
		s.patience = laneLockTimeout // there is no connection to spare
	}
	s.appends = newQueue(options.AppendLanes, options.MaxAppends, s.runLane)
	connections := int(pool.Config().MaxConns)
	s.reads = newReadQueue(readLanes(connections), connections, s.runReadLane)
	s.tail = &tail{store: s}
	s.background.Go(func() { s.wake.runAnnouncer(ctx) })
	if !options.NoListen {
		s.background.Go(func() { s.wake.runListener(ctx) })
	}
	return s
}

const (
	sqlInspect = `
		SELECT current_setting('server_encoding'), pg_is_in_recovery(), c.oid, s.seqcache, s.seqincrement,
			has_table_privilege(c.oid, 'SELECT')
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_sequence AS s ON s.seqrelid = c.oid
		WHERE n.nspname = $1 AND c.relname = 'events_position'`

	sqlPositions = `
		SELECT ` + lastDrawn + `, coalesce((SELECT max(position) FROM {schema}.events), 0)`
)

// inspect returns the OID of the position sequence of a sound store.
func inspect(ctx context.Context, pool *pgxpool.Pool, schema string) (uint32, error) {
	var (
		encoding        string
		sequence        uint32
		cache, block    int64
		standby         bool
		readable        bool
		lastDrawn, head eventstore.Position
	)
	err := pool.QueryRow(ctx, sqlInspect, schema).Scan(&encoding, &standby, &sequence, &cache, &block, &readable)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("there is no event store in this schema: run pgstore.Migrate")
	}
	if err != nil {
		return 0, err
	}
	if encoding != "UTF8" {
		return 0, fmt.Errorf("the database's encoding is %s, it must be UTF8", encoding)
	}
	if standby {
		return 0, errStandby
	}
	if cache != 1 || block != blockSize {
		return 0, fmt.Errorf("sequence events_position has CACHE %d and INCREMENT %d, they must be 1 and %d", cache, block,
			blockSize)
	}
	if !readable {
		return 0, fmt.Errorf("the role may not read sequence events_position: grant it one of the store's roles")
	}
	if err := checkVersion(ctx, pool, schema); err != nil {
		return 0, err
	}
	positions := newStatements(schema, sequence).positions
	if err := pool.QueryRow(ctx, positions).Scan(&lastDrawn, &head); err != nil {
		return 0, err
	}
	if lastDrawn < head || lastDrawn%blockSize != 0 {
		return 0, fmt.Errorf("sequence events_position is at %d and the last event at %d: the sequence must be at a multiple "+
			"of %d that is not below the last event; was the database restored incompletely?", lastDrawn, head, blockSize)
	}
	return sequence, nil
}

// Close implements [eventstore.Store]. It ends subscriptions and waits for calls in progress.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.isClosed {
		s.isClosed = true
		close(s.closing)
		go s.shutDown()
	}
	s.mu.Unlock()
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the event store: calls are still in progress: %w", ctx.Err())
	}
}

// shutDown waits for calls first, as the last append is still to be announced.
func (s *Store) shutDown() {
	s.calls.Wait()
	s.appends.running.Wait()
	s.reads.running.Wait()
	s.stop()
	s.background.Wait()
	s.pool.Close()
	close(s.closed)
}

// enter begins a call that uses the store, which leave ends. Close waits for it.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return eventstore.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

func (s *Store) leave() { s.calls.Done() }

// sleep waits for d, or returns the error of ctx when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
