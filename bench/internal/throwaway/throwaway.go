// Package throwaway runs the Postgres that a program of this module works on, and makes stores in it.
package throwaway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
	"github.com/pasttense/pasttense/pgstore"
)

// Server is a Postgres server that lives as long as the program at most. Its methods must not be called concurrently.
type Server struct{ *pgserver.Server }

// Start starts a server from the programs on this machine, as durable as in production. The settings are added to its
// configuration. The caller closes it.
func Start(ctx context.Context, settings pgserver.Settings) (*Server, error) {
	binaries, err := pgserver.Find()
	if errors.Is(err, pgserver.ErrNoBinaries) {
		return nil, fmt.Errorf("%w: install Postgres 14 or later, or name the directory of its programs in %s",
			err, pgserver.BinEnv)
	}
	if err != nil {
		return nil, err
	}
	started, err := pgserver.Start(ctx, binaries, settings)
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	return &Server{started}, nil
}

// CreateStore creates a database with the schema of an event store, and returns its URL.
func (s *Server) CreateStore(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create a database: %w", err)
	}
	url := s.URL(name)
	quiet := &pgstore.MigrateOptions{Logger: slog.New(slog.DiscardHandler)}
	return url, pgstore.Migrate(ctx, url, quiet)
}
