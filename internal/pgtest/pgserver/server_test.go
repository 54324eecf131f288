package pgserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownerEnv turns this test binary into a program that starts a server and waits to be killed.
const ownerEnv = "PASTTENSE_TEST_OWN_A_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerEnv) != "" {
		ownServer()
	}
	os.Exit(m.Run())
}

func ownServer() {
	server, err := startServer(context.Background(), Disposable())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(server.URL("postgres"))
	fmt.Println(server.Directory())
	select {}
}

func startServer(ctx context.Context, settings Settings) (*Server, error) {
	binaries, err := Find()
	if err != nil {
		return nil, err
	}
	return Start(ctx, binaries, settings)
}

func TestServerStopsAndRestartsAtTheSameURL(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	before := server.URL("postgres")
	require.True(t, listens(t, before))

	require.NoError(t, server.Kill(t.Context()))
	assert.False(t, listens(t, before), "nobody answers after Kill")

	require.NoError(t, server.Restart(t.Context()))
	assert.True(t, listens(t, before))
	assert.Equal(t, before, server.URL("postgres"))
}

func TestServerRestartsAfterItsPostmasterWasKilled(t *testing.T) {
	t.Parallel()
	server := newServer(t)

	for range 3 { // the first start is from initdb, the others are from a crash
		require.NoError(t, server.KillPostmaster(t.Context()))
		assert.False(t, listens(t, server.URL("postgres")), "nobody answers after KillPostmaster")
		require.NoError(t, server.Restart(t.Context()))
		assert.True(t, listens(t, server.URL("postgres")))
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	require.NoError(t, server.Close())
	assert.False(t, listens(t, server.URL("postgres")))
	assert.NoDirExists(t, server.Directory())
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	_, err := startServer(t.Context(), Settings{"no_such_parameter": "it's"})
	assert.ErrorContains(t, err, "no_such_parameter")
}

func TestServerDiesWithItsOwner(t *testing.T) {
	t.Parallel()
	needBinaries(t)
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), ownerEnv+"=1")
	out, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	lines := bufio.NewScanner(out)
	serverURL, directory := nextLine(t, lines), nextLine(t, lines)
	require.True(t, listens(t, serverURL), serverURL)

	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait() // killed

	assert.Eventually(t, func() bool { return !listens(t, serverURL) && !exists(directory) }, 10*time.Second, 20*time.Millisecond)
}

func newServer(t *testing.T) *Server {
	t.Helper()
	needBinaries(t)
	server, err := startServer(t.Context(), Disposable())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return server
}

// needBinaries lets the tests of this package pass by where Postgres runs in containers, which they have nothing to say about.
func needBinaries(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Postgres, which -short does without")
	}
	if _, err := Find(); errors.Is(err, ErrNoBinaries) && os.Getenv(URLEnv) != "" {
		t.Skip("the tests run against a Postgres that is not on this machine")
	}
}

func listens(t *testing.T, serverURL string) bool {
	t.Helper()
	u, err := url.Parse(serverURL)
	require.NoError(t, err)
	conn, err := new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "tcp", u.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func nextLine(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	require.True(t, lines.Scan(), "the owner of the server ended early")
	return lines.Text()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
