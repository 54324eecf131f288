// Testdb runs a command with a Postgres for its tests:
//
//	go run ./tools/testdb -- go test ./...
//
// If the tests can find one by themselves (see package pgtest), it only runs the command. Otherwise it starts two containers, one
// for all tests to share and one for tests to crash, tells the command about them in its environment, and removes them after it.
//
// It is a module apart so that the library's users do not get Docker's client in their module graph.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

// exitTestdb is the exit code if the command could not be run at all; 125 is what env and docker use.
const exitTestdb = 125

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: testdb -- command [argument ...]") }
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(exitTestdb)
	}
	code, err := run(context.Background(), flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
	}
	os.Exit(code)
}

// run runs the command and returns its exit code.
func run(ctx context.Context, command []string) (int, error) {
	if os.Getenv(pgserver.URLEnv) != "" {
		return execute(ctx, command, nil)
	}
	switch _, err := pgserver.Find(); {
	case err == nil:
		return execute(ctx, command, nil)
	case errors.Is(err, pgserver.ErrNoBinaries):
		return runWithContainers(ctx, command)
	default:
		return exitTestdb, err
	}
}

func runWithContainers(ctx context.Context, command []string) (code int, err error) {
	servers, err := startContainers(ctx)
	defer func() { err = errors.Join(err, servers.terminate()) }()
	if err != nil {
		return exitTestdb, fmt.Errorf("%w, and Docker gave none: %w\n\n%s", pgserver.ErrNoBinaries, err, pgserver.Advice)
	}
	return execute(ctx, command, servers.environment)
}

// execute runs the command with additional environment variables, passes signals on to it, and returns its exit code.
func execute(ctx context.Context, command, environment []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), environment...)
	forward := listen()
	if err := cmd.Start(); err != nil {
		return exitTestdb, err
	}
	go forward.to(cmd.Process)
	err := cmd.Wait()
	forward.stop()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return exitCode(failed), nil
	}
	return 0, err
}
