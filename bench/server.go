package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// settings are what the server's differ in from Postgres's defaults: enough memory for the data of every work, and no
// checkpoint that is forced by the amount of WAL in the middle of one. Fsync is on, and named lest anybody wonder.
func settings() pgserver.Settings {
	return pgserver.Settings{
		"fsync":           "on",
		"shared_buffers":  "1GB",
		"max_wal_size":    "4GB",
		"max_connections": "300",
	}
}

// statementsLibrary counts what statements cost. It counts nothing, and costs next to nothing, where a work does not
// turn it on.
const statementsLibrary = "pg_stat_statements"

func settingsWithStatements() pgserver.Settings {
	s := settings()
	s["shared_preload_libraries"] = statementsLibrary
	s[statementsLibrary+".track"] = "none"
	return s
}

// server is the Postgres that the works are measured on.
type server struct{ *throwaway.Server }

func startServer(ctx context.Context) (*server, error) {
	started, err := throwaway.Start(ctx, settingsWithStatements())
	if err != nil && strings.Contains(err.Error(), statementsLibrary) {
		started, err = throwaway.Start(ctx, settings()) // as it is not installed; most works do without
	}
	if err != nil {
		return nil, err
	}
	return &server{started}, nil
}

// describe says what the figures depend on.
func (s *server) describe(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	parts := []string{fmt.Sprintf("%s, %d CPUs; Postgres", runtime.Version(), runtime.NumCPU())}
	for _, name := range []string{
		"server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers",
		"max_wal_size", "max_connections",
	} {
		var value string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return "", err
		}
		parts = append(parts, name+"="+value)
	}
	return fmt.Sprintf("%s; %d connections a side for many callers", strings.Join(parts, " "), appendConnections), nil
}

// measure measures a work in a database of its own.
func (s *server) measure(ctx context.Context, w work, p plan, progress log) (r result, err error) {
	progress.printf("%s: %s", w.name, w.about)
	db, err := s.create(ctx, strings.ReplaceAll(w.name, "-", "_"))
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, db.close(ctx)) }()
	db.progress = progress
	if w.soak != nil {
		return w.soak(ctx, db, cmp.Or(p.seconds, soakDuration))
	}
	ours, err := w.ours.start(ctx, db, w.labels("ours"))
	if err != nil {
		return result{}, fmt.Errorf("prepare ours: %w", err)
	}
	limit, err := w.limit.start(ctx, db, w.labels("limit"))
	if err != nil {
		return result{}, fmt.Errorf("prepare the limit: %w", err)
	}
	// What was prepared is written out now, not while one of the sides is measured.
	if err := s.Execute(ctx, "CHECKPOINT"); err != nil {
		return result{}, err
	}
	return p.compare(ctx, w, ours, limit, progress)
}

// create makes a database with the store's schema and the limit's table.
func (s *server) create(ctx context.Context, name string) (*database, error) {
	url, err := s.CreateDatabase(ctx, name)
	if err != nil {
		return nil, err
	}
	return &database{server: s, name: name, url: url}, setUp(ctx, url)
}

// setUp makes the store's schema and the limit's table.
func setUp(ctx context.Context, url string) error {
	if err := throwaway.MigrateStore(ctx, url); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sqlLimitTable)
	return err
}
