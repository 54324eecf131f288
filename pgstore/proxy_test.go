package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// proxy stands between a store and its database, to break a connection at a chosen moment.
type proxy struct {
	listener net.Listener
	config   *pgx.ConnConfig
	running  sync.WaitGroup

	mu          sync.Mutex
	hidden      bool
	onAppend    appendHook
	connections []net.Conn
	cutOff      map[net.Conn]struct{} // clients that hear nothing any more, and are not heard
}

// appendHook is told of an append that has not been forwarded, and returns whether to forward it.
type appendHook func(client, server net.Conn, message []byte) (forward bool)

// newProxy returns a proxy and the URL that leads through it.
func newProxy(t *testing.T, databaseURL string) (p *proxy, url string) {
	t.Helper()
	config, err := pgx.ParseConfig(databaseURL)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p = &proxy{listener: listener, config: config, cutOff: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	url = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", config.User, listener.Addr(), config.Database)
	if config.Password != "" {
		url = fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", config.User, config.Password, listener.Addr(),
			config.Database)
	}
	return p, url
}

// expose lets clients know their backends, as they would without a proxy.
func (p *proxy) expose() {}

// hideBackends tells clients invented process IDs, as a pooler does.
func (p *proxy) hideBackends() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hidden = true
}

// atNextAppend sets what happens at the next append.
func (p *proxy) atNextAppend(hook appendHook) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onAppend = hook
}

// cut swallows whatever is said on the open connections from now on, as a network does that has forgotten them. New
// connections work.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.connections {
		p.cutOff[conn] = struct{}{}
	}
}

// cutClient does so with one connection.
func (p *proxy) cutClient(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutOff[client] = struct{}{}
}

func (p *proxy) isCut(client net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, is := p.cutOff[client]
	return is
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		network, address := pgconn.NetworkAddress(p.config.Host, p.config.Port)
		server, err := (&net.Dialer{}).DialContext(context.Background(), network, address)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.connections = append(p.connections, client, server)
		p.mu.Unlock()
		p.running.Go(func() { p.forward(client, server) })
		p.running.Go(func() {
			p.answer(client, server)
			_ = client.Close()
		})
	}
}

// isAppend recognizes the message that carries an append's events and commits them.
func isAppend(message []byte) bool { return bytes.Contains(message, []byte(addedType)) }

func (p *proxy) forward(client, server net.Conn) {
	defer func() {
		if !p.isCut(client) { // otherwise the server hears nothing of the end either
			_ = server.Close()
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if p.isCut(client) {
			continue
		}
		message := buffer[:n]
		if isAppend(message) {
			p.mu.Lock()
			hook := p.onAppend
			p.onAppend = nil
			p.mu.Unlock()
			if hook != nil && !hook(client, server, bytes.Clone(message)) {
				continue
			}
		}
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// answer forwards what the server says.
func (p *proxy) answer(client, server net.Conn) {
	p.mu.Lock()
	hidden := p.hidden
	p.mu.Unlock()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if key := bytes.Index(buffer[:n], []byte("K\x00\x00\x00\x0c")); hidden && key >= 0 {
			buffer[key+5] ^= 0x40 // of the process ID
			hidden = false
		}
		if p.isCut(client) {
			continue
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.connections {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			panic(err)
		}
	}
	p.mu.Unlock()
	p.running.Wait()
}
