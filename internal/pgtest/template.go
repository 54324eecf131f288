package pgtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// Template is a database that tests get copies of, which takes milliseconds where migrations take much longer. Its identity is its
// own: make one per setup, as a package variable. It is safe for parallel tests.
type Template struct {
	setup func(ctx context.Context, url string) error
	once  sync.Once
	name  string
	err   error
}

// NewTemplate returns a template whose setup runs on an empty database, once per test binary, when the first test asks for a copy.
// Setup must close its connections before it returns: Postgres does not copy a database that somebody uses.
func NewTemplate(setup func(ctx context.Context, url string) error) *Template {
	return &Template{setup: setup}
}

// Database returns the URL of a copy of the template that is this test's alone, and is dropped after it with whoever is connected.
func (p *Template) Database(t testing.TB) string {
	t.Helper()
	maintenance := shared.maintenanceURL(t)
	p.once.Do(func() { p.prepare(maintenance) })
	if p.err != nil {
		t.Fatalf("pgtest: set up the template: %v", p.err)
	}
	return createForTest(t, maintenance, shared.names.next(), p.name)
}

// prepare is not bound to the context of the test that happens to be the first: others will use the template too.
func (p *Template) prepare(maintenance string) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	p.name = shared.names.next()
	if p.err = create(ctx, maintenance, p.name, emptyTemplate); p.err != nil {
		return
	}
	if p.err = p.setup(ctx, withDatabase(maintenance, p.name)); p.err != nil {
		return
	}
	p.err = execute(ctx, maintenance, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", p.name))
}

// Database returns the URL of an empty database that is this test's alone, and is dropped after it with whoever is connected.
func Database(t testing.TB) string {
	t.Helper()
	maintenance := shared.maintenanceURL(t)
	return createForTest(t, maintenance, shared.names.next(), emptyTemplate)
}
