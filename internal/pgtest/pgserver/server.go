package pgserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Server is a Postgres server of its own. Its methods must not be called concurrently.
type Server struct {
	binaries  Binaries
	account   *account
	guard     *guard
	directory string
	port      int
}

// Settings are what postgresql.conf holds: names and values, unquoted.
type Settings map[string]string

// Disposable are the settings of a server whose data nobody will miss: the machine's disk is not waited for.
// Everything that a client can observe, short of a power failure, is as ever.
func Disposable() Settings {
	return Settings{"fsync": "off", "full_page_writes": "off"}
}

// portTries is how often Start picks another port when somebody else took the one it had found free.
const portTries = 5

// Start creates a database cluster with a superuser postgres and starts its server, which listens on a free port of 127.0.0.1 and,
// for a look with psql -h, on a Unix socket in [Server.Directory]. The settings are added to those that every server here has:
// room for 200 connections and 10 prepared transactions, 64 MB of buffers.
//
// The server ends, and its directory goes, with Close or with the process that called Start, however that ends: a process of its
// own watches over it.
func Start(ctx context.Context, binaries Binaries, settings Settings) (*Server, error) {
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	sweep(ctx, binaries, as)
	directory, err := makeDirectory(as)
	if err != nil {
		return nil, err
	}
	guard, err := startGuard(binaries.path("pg_ctl"), directory, as)
	if err != nil {
		os.RemoveAll(directory)
		return nil, err
	}
	s := &Server{binaries: binaries, account: as, guard: guard, directory: directory}
	if err := s.create(ctx, settings); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Directory is where everything of this server is.
func (s *Server) Directory() string { return s.directory }

// URL names a database of this server, as its superuser.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Kill ends all of the server's processes at once and without a checkpoint: what was only in their memory is lost, and Restart
// goes through crash recovery.
func (s *Server) Kill(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "stop", "-s", "-w", "-D", s.data(), "-m", "immediate")
}

// Restart starts a killed server again, on the same port, and returns when it takes connections. A process that KillPostmaster
// did not know of, because it was only just being made, may still hold the old server's memory: Restart waits for it.
func (s *Server) Restart(ctx context.Context) error {
	for deadline := time.Now().Add(startTime); ; {
		err := s.run(ctx, "pg_ctl", "start", "-s", "-w", "-t", "60", "-D", s.data(), "-l", s.log())
		if err == nil {
			return nil
		}
		words := s.lastWords()
		if !bytes.Contains(words, []byte("pre-existing shared memory block")) || time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%w\n%s", err, words)
		}
		time.Sleep(startPoll)
	}
}

// Close kills the server and removes its directory.
func (s *Server) Close() error {
	s.guard.release()
	return os.RemoveAll(s.directory)
}

func (s *Server) create(ctx context.Context, settings Settings) error {
	// The C locale is the one that every machine has; with it, tests that forget a COLLATE do not pass on one machine only.
	err := s.run(ctx, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return err
	}
	if err := s.configure(settings); err != nil {
		return err
	}
	for range portTries {
		if err = s.startOnFreePort(ctx); err == nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") {
			break
		}
	}
	return err
}

func (s *Server) configure(settings Settings) error {
	var conf bytes.Buffer
	conf.WriteString("listen_addresses = '127.0.0.1'\nmax_connections = 500\nmax_prepared_transactions = 10\nshared_buffers = '64MB'\n")
	fmt.Fprintf(&conf, "unix_socket_directories = %s\n", quote(s.directory))
	for name, value := range settings {
		fmt.Fprintf(&conf, "%s = %s\n", name, quote(value))
	}
	return s.appendConf(conf.Bytes())
}

// startOnFreePort relies on Postgres taking the last line that sets the port.
func (s *Server) startOnFreePort(ctx context.Context) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.port = port
	if err := s.appendConf(fmt.Appendf(nil, "port = %d\n", port)); err != nil {
		return err
	}
	return s.Restart(ctx)
}

func (s *Server) appendConf(lines []byte) error {
	conf, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer conf.Close()
	_, err = conf.Write(lines)
	return err
}

func (s *Server) data() string { return filepath.Join(s.directory, "data") }

func (s *Server) log() string { return filepath.Join(s.directory, "log") }

// lastWords is the end of the server's log, which says why it did not start.
func (s *Server) lastWords() []byte {
	log, err := os.ReadFile(s.log())
	if err != nil {
		return nil
	}
	return log[max(0, len(log)-2000):]
}

func (s *Server) run(ctx context.Context, program string, args ...string) error {
	return run(ctx, s.binaries, s.account, s.directory, program, args...)
}

// run executes a server program as the server's account.
func run(ctx context.Context, binaries Binaries, as *account, directory, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, binaries.path(program), args...)
	cmd.Dir = directory // the caller's may be closed to the account
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = as.process()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, args[0], err, out)
	}
	return nil
}

// freePort returns a port that was free a moment ago.
func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
