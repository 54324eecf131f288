package pgserver

// What a person sets to say which Postgres the tests run against.
const (
	// BinEnv names the environment variable that holds the directory of the Postgres server programs to use.
	BinEnv = "PASTTENSE_TEST_PG_BIN"

	// URLEnv names the environment variable that holds the URL of a running server to test against.
	URLEnv = "PASTTENSE_TEST_DATABASE_URL"

	// CrashURLEnv names the environment variable that holds the URL of a running server that tests may crash, as a superuser.
	// It is used with PASTTENSE_TEST_DATABASE_URL, and must be another server.
	CrashURLEnv = "PASTTENSE_TEST_CRASH_DATABASE_URL"
)

// Advice is what somebody reads who has no Postgres, perhaps a minute after cloning the repository.
const Advice = `These tests need a real Postgres, version 14 or later. Do one of:

  - install it (apt-get install postgresql, brew install postgresql): the tests start a throwaway server of their own;
    where it is not found by itself, name the directory of initdb and pg_ctl in ` + BinEnv + `
  - name a running server: ` + URLEnv + `=postgres://user:password@host:5432/postgres
  - start Docker and run "make test", which starts Postgres in containers

go test -short runs the tests that need no Postgres.`
