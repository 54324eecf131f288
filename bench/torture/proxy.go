package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pasttense/pasttense/bench/internal/throwaway"
	"github.com/pasttense/pasttense/bench/internal/wait"
)

const (
	// Connections are cut this often on average.
	meanCut = 200 * time.Millisecond

	// maxLinger is how long the server may not notice that a connection was cut.
	maxLinger = 300 * time.Millisecond
)

// proxy stands between the appenders and the server, and cuts connections just after a request has passed. The server
// goes on with what it was asked for, a commit perhaps, while the client knows nothing of it.
type proxy struct {
	listener        net.Listener
	network, server string // for net.Dial

	mu     sync.Mutex
	links  []*link
	closed bool

	carrying sync.WaitGroup
}

// link is a connection through the proxy.
type link struct {
	client, server net.Conn
	linger         atomic.Int64 // not 0: it is to be cut after the next request, and the server's end so much later
}

// startProxy returns a proxy for the server that a URL names. The caller closes it.
func startProxy(ctx context.Context, serverURL string) (*proxy, error) {
	server, err := pgconn.ParseConfig(serverURL)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener}
	p.network, p.server = pgconn.NetworkAddress(server.Host, server.Port)
	p.carrying.Go(p.accept)
	return p, nil
}

// url returns a URL by which a server's database is reached through the proxy.
func (p *proxy) url(serverURL string) string {
	return throwaway.WithAddress(serverURL, p.listener.Addr().String())
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.carrying.Go(func() { p.carry(client) })
	}
}

// carry carries a connection until one of its ends is closed, or it is cut.
func (p *proxy) carry(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).Dial(p.network, p.server)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{client: client, server: server}
	if !p.add(l) {
		return
	}
	defer p.remove(l)
	answered := make(chan struct{})
	p.carrying.Go(func() {
		defer close(answered)
		_, _ = io.Copy(client, server)
		_, _ = io.Copy(io.Discard, server) // the server is not to notice that nobody listens
		client.Close()
	})
	l.carryRequests()
	server.Close()
	<-answered
}

// carryRequests returns when it is time for the server to notice that the client is gone.
func (l *link) carryRequests() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := l.server.Write(buffer[:n]); err != nil {
			return
		}
		if linger := l.linger.Load(); linger > 0 {
			l.client.Close()
			time.Sleep(time.Duration(linger))
			return
		}
	}
}

// run cuts connections until ctx ends.
func (p *proxy) run(ctx context.Context, rng *rand.Rand, report reporter) {
	for wait.For(ctx, time.Duration(rng.ExpFloat64()*float64(meanCut))) {
		p.mu.Lock()
		if len(p.links) > 0 {
			p.links[rng.IntN(len(p.links))].linger.Store(1 + rng.Int64N(int64(maxLinger)))
			report.count("connections cut after a request")
		}
		p.mu.Unlock()
	}
}

func (p *proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links = append(p.links, l)
	}
	return !p.closed
}

func (p *proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
}

// close closes all connections and waits until nothing is carried any more.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, l := range p.links {
		l.client.Close()
		l.server.Close()
	}
	p.mu.Unlock()
	p.carrying.Wait()
	if err != nil {
		return fmt.Errorf("close the proxy: %w", err)
	}
	return nil
}
