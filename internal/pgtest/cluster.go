package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// startTimeout is generous: a machine that runs many test binaries at once can take seconds for initdb.
const startTimeout = 2 * time.Minute

// shared is the server that the tests of this binary share.
var shared cluster

// cluster is a server that databases are made on. The zero value finds or starts its server when it is first asked for it.
type cluster struct {
	once   sync.Once
	err    error
	url    string           // the maintenance database, through which databases are made and dropped
	server *pgserver.Server // nil: the server is not ours
	names  names
}

// maintenanceURL returns a URL to make databases through. It fails or skips the test if there is no server for it.
func (c *cluster) maintenanceURL(t testing.TB) string {
	t.Helper()
	skipIfShort(t)
	c.once.Do(c.open)
	if c.err != nil {
		t.Fatalf("pgtest: %v", c.err)
	}
	return c.url
}

// open is not bound to the context of the test that happens to be the first: others will use the server too.
func (c *cluster) open() {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c.names = newNames(time.Now())
	if named := os.Getenv(pgserver.URLEnv); named != "" {
		c.url = named
		c.err = errors.Join(checkURL(pgserver.URLEnv, named), dropLeftovers(ctx, named))
		return
	}
	c.server, c.err = startLocal(ctx, pgserver.Disposable())
	if c.err == nil {
		c.url = c.server.URL("postgres")
	}
}

func (c *cluster) close() {
	switch {
	case c.url == "": // no test has asked for it
	case c.server != nil:
		report(c.server.Close())
	default:
		report(dropAll(context.Background(), c.url, c.names.prefix))
	}
}

// startLocal starts a server from the programs on this machine.
func startLocal(ctx context.Context, settings pgserver.Settings) (*pgserver.Server, error) {
	binaries, err := pgserver.Find()
	if err != nil {
		return nil, withAdvice(err)
	}
	return pgserver.Start(ctx, binaries, settings)
}

// withAdvice adds to the error of a search what to do about it.
func withAdvice(err error) error {
	if errors.Is(err, pgserver.ErrNoBinaries) {
		return fmt.Errorf("%w.\n%s", err, pgserver.Advice)
	}
	return err
}

func skipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres, which -short does without")
	}
}

// report says what went wrong after the tests: too late to fail one of them.
func report(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: clean up:", err)
	}
}
