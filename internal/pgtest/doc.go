// Package pgtest gives every test a Postgres database of its own.
//
//	var migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error { … })
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		url := migrated.Database(t) // a copy made in milliseconds, dropped after the test
//	}
//
// The server is always a real one:
//
//   - the one that PASTTENSE_TEST_DATABASE_URL names, as a user who may create databases (tests that end other sessions or crash
//     the server need a superuser); else
//   - a throwaway server from the Postgres programs on this machine, started when the first test of the test binary asks for it and
//     gone when the binary is, even if it was killed; see package pgserver for where it looks; else
//   - the tests fail and say how to get one. Under -short they are skipped: -short means "without Postgres".
//
// The throwaway server has fsync off, since no test outlives the machine's power. [StartServer] is for tests that crash the server,
// or that must not share it.
package pgtest
