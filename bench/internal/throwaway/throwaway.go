// Package throwaway makes the databases that a program of this module works on: on a server that lives no longer than the
// program, or on one that is given, where nothing of them is left.
package throwaway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// closeTimeout is ample for dropping some databases.
const closeTimeout = 30 * time.Second

// Server is a Postgres server that a program makes databases on. Its methods must not be called concurrently.
type Server struct {
	url       string           // of the database through which others are made
	local     *pgserver.Server // nil: the server was given
	prefix    string           // of the databases' names
	databases []string         // that are to be dropped from a given server, by their names there
}

// Open returns the server that a URL names, as [Use] does, or starts one with the settings when the URL is empty, as
// [Start] does. The caller closes it.
func Open(ctx context.Context, url string, settings pgserver.Settings) (*Server, error) {
	if url != "" {
		return Use(ctx, url)
	}
	return Start(ctx, settings)
}

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
	return &Server{url: started.URL("postgres"), local: started}, nil
}

// Use returns a server that is running. The URL names one of its databases, in which nothing is changed, and a role that
// may create others. Their names begin with that database's and go on at random, so that programs do not meet. The caller
// closes the server, which drops them.
func Use(ctx context.Context, url string) (*Server, error) {
	if err := checkURL(url); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	prefix := conn.Config().Database + "_" + strings.ToLower(rand.Text()[:8]) + "_"
	return &Server{url: url, prefix: prefix}, conn.Close(ctx)
}

// Local returns the server that was started for the program alone, and nil when the server was given.
func (s *Server) Local() *pgserver.Server { return s.local }

// URL names a database that is there anyway.
func (s *Server) URL() string { return s.url }

// Execute executes a statement that changes the server, on a connection of its own to the database that URL names.
func (s *Server) Execute(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Close kills a server that was started and removes its directory. From one that was given it drops the databases that
// were made there, with whoever is connected.
func (s *Server) Close() error {
	if s.local != nil {
		return s.local.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	for _, database := range s.databases {
		errs = append(errs, s.drop(ctx, database))
	}
	return errors.Join(errs...)
}
