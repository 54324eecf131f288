package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenTraced is Open with a tracer of what goes through the store's pool.
func OpenTraced(ctx context.Context, url string, opts *Options, tracer pgx.QueryTracer) (*Store, error) {
	options, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	config, err := poolConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	sequence, err := inspect(ctx, pool, options.Schema)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return start(pool, options, sequence), nil
}

// TailInterests returns how many subscriptions the tail reads for.
func (s *Store) TailInterests() int {
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	return s.tail.counted
}

// TailWindow returns how many events the tail keeps, and how many bytes they have.
func (s *Store) TailWindow() (events, bytes int) {
	s.tail.mu.Lock()
	defer s.tail.mu.Unlock()
	if s.tail.live == nil {
		return 0, 0
	}
	for _, segment := range s.tail.live.window.segments {
		events += len(segment.events)
	}
	return events, s.tail.live.window.bytes
}
