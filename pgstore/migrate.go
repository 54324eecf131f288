package pgstore

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// schemaVersion is what the last migration makes schema_version() return.
const schemaVersion = 1

// MigrateOptions are the options of [Migrate]. Nil and the zero value are the defaults.
type MigrateOptions struct {
	// Schema is the database schema of the store, DefaultSchema when empty. It is created when it is missing.
	Schema string

	// Roles are set up for applications when it is not nil.
	Roles *Roles

	// Logger gets a line for each migration that is applied; slog.Default() when nil.
	Logger *slog.Logger
}

// Migrate brings the schema of a store up to date, and sets up the roles that opts names. It holds a lock meanwhile, so
// that several processes may call it at once, and does nothing when there is nothing to do. The role of url must be
// allowed to create what it creates and becomes its owner: not the role that an application connects with, for an owner
// can change and delete events. Migrate needs a connection of its own, not one of a pooler in transaction mode.
//
// When ctx ends or the connection is lost, the migration in progress is rolled back; call Migrate again.
func Migrate(ctx context.Context, url string, opts *MigrateOptions) error {
	var options MigrateOptions
	if opts != nil {
		options = *opts
	}
	if options.Schema == "" {
		options.Schema = DefaultSchema
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if err := migrate(ctx, url, options); err != nil {
		return fmt.Errorf("migrate the event store in schema %q: %w", options.Schema, err)
	}
	return nil
}

// Migrations returns the migrations as SQL files in the format of goose, for those who apply them with a tool of their
// own. The statements name no schema: run them with the search_path set to the store's schema alone.
func Migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}

func migrate(ctx context.Context, url string, options MigrateOptions) error {
	if err := validateSchema(options.Schema); err != nil {
		return err
	}
	poolConfig, err := pgxpool.ParseConfig(url) // the URL may be the one for Open, with settings of a pool
	if err != nil {
		return err
	}
	config := poolConfig.ConnConfig
	config.RuntimeParams["client_encoding"] = "UTF8"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	// The lock goes with its session.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "SET idle_session_timeout = 0"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock(options.Schema)); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	if err := createSchema(ctx, conn, options.Schema); err != nil {
		return err
	}
	if err := applyMigrations(ctx, config, options); err != nil {
		return err
	}
	if options.Roles == nil {
		return nil
	}
	return options.Roles.setUp(ctx, conn, options.Schema)
}

// migrationLock is the key of the lock that keeps migrations of a schema apart.
func migrationLock(schema string) int64 {
	hash := fnv.New64a()
	hash.Write([]byte("pasttense.migrate." + schema))
	return int64(hash.Sum64())
}

// createSchema creates a schema that is missing. IF NOT EXISTS would not do: it wants the right to create schemas first.
func createSchema(ctx context.Context, conn *pgx.Conn, schema string) error {
	var exists bool
	const look = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
	if err := conn.QueryRow(ctx, look, schema).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := conn.Exec(ctx, fillSchema("CREATE SCHEMA {schema}", schema))
	return err
}

func applyMigrations(ctx context.Context, config *pgx.ConnConfig, options MigrateOptions) error {
	setSearchPath := stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fillSchema("SET search_path TO {schema}", options.Schema))
		return err
	})
	db := stdlib.OpenDB(*config, setSearchPath)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, Migrations(), goose.WithTableName("migrations"))
	if err != nil {
		return err
	}
	applied, err := provider.Up(ctx)
	for _, migration := range applied {
		options.Logger.InfoContext(ctx, "applied migration", "schema", options.Schema,
			"migration", migration.Source.Path, "duration", migration.Duration)
	}
	return err
}

// checkVersion returns an error when the schema lacks migrations that this program needs. A newer schema is for
// programs of the version before it too, so that they can be exchanged one by one.
func checkVersion(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	var version int
	if err := pool.QueryRow(ctx, fillSchema("SELECT {schema}.schema_version()", schema)).Scan(&version); err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if version < schemaVersion {
		return fmt.Errorf("the schema is at version %d, this program needs %d: run pgstore.Migrate", version, schemaVersion)
	}
	return nil
}
