package throwaway

import (
	"context"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/pgstore"
)

// CreateDatabase creates an empty database and returns its URL. On a given server its name is longer.
func (s *Server) CreateDatabase(ctx context.Context, name string) (url string, err error) {
	database := s.prefix + name
	statement := "CREATE DATABASE " + pgx.Identifier{database}.Sanitize() + " TEMPLATE template0 ENCODING 'UTF8'"
	s.databases = append(s.databases, database) // also when nobody heard whether it was made
	if err := s.Execute(ctx, statement); err != nil {
		return "", err
	}
	return withDatabase(s.url, database), nil
}

// CreateStore creates a database with the schema of an event store, and returns its URL.
func (s *Server) CreateStore(ctx context.Context, name string) (url string, err error) {
	if url, err = s.CreateDatabase(ctx, name); err != nil {
		return "", err
	}
	return url, MigrateStore(ctx, url)
}

// MigrateStore makes the schema of an event store in a database, and is silent about it.
func MigrateStore(ctx context.Context, url string) error {
	return pgstore.Migrate(ctx, url, &pgstore.MigrateOptions{Logger: slog.New(slog.DiscardHandler)})
}

// DropDatabase drops a database that CreateDatabase or CreateStore has made under that name, with whoever is connected.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	database := s.prefix + name
	if err := s.drop(ctx, database); err != nil {
		return err
	}
	s.databases = slices.DeleteFunc(s.databases, func(other string) bool { return other == database })
	return nil
}

func (s *Server) drop(ctx context.Context, database string) error {
	return s.Execute(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
}
