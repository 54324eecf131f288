package main

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

const (
	// imageEnv names the environment variable that chooses another Postgres version.
	imageEnv     = "PASTTENSE_TEST_PG_IMAGE"
	defaultImage = "postgres:17"
)

// containers are the servers that the tests need, and the variables that tell them where.
type containers struct {
	started     []testcontainers.Container
	environment []string
}

// startContainers starts one server to share and one to crash: a test that crashes a server must not take it from the others.
// It returns what it has started also when it fails.
func startContainers(ctx context.Context) (*containers, error) {
	c := &containers{}
	err := c.start(ctx, pgserver.URLEnv, "fsync=off", "full_page_writes=off")
	if err == nil {
		err = c.start(ctx, pgserver.CrashURLEnv, "fsync=on")
	}
	return c, err
}

// start starts a server with the connections and prepared transactions that pgserver gives its own, and with some settings.
func (c *containers) start(ctx context.Context, variable string, settings ...string) error {
	args := []string{"-c", "max_connections=500", "-c", "max_prepared_transactions=10"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	server, err := postgres.Run(ctx, cmp.Or(os.Getenv(imageEnv), defaultImage),
		postgres.WithUsername("postgres"),
		postgres.WithDatabase("postgres"),
		testcontainers.WithCmdArgs(args...),
		postgres.BasicWaitStrategies(),
	)
	if server != nil {
		c.started = append(c.started, server)
	}
	if err != nil {
		return err
	}
	url, err := server.ConnectionString(ctx, "sslmode=disable")
	c.environment = append(c.environment, variable+"="+url)
	return err
}

func (c *containers) terminate() error {
	var failed []error
	for _, server := range c.started {
		failed = append(failed, testcontainers.TerminateContainer(server))
	}
	return errors.Join(failed...)
}
