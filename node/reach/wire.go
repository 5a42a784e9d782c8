package reach

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	manet "github.com/multiformats/go-multiaddr/net"
)

// wires know when something last came in on each connection, below libp2p's framing:
// on a slow line one frame takes many seconds, during which no stream hears anything.
type wires struct {
	mu sync.Mutex
	m  map[string]*wire // by both addresses
}

func newWires() *wires { return &wires{m: map[string]*wire{}} }

// wire is a connection that is looked at.
type wire struct {
	manet.Conn
	wires *wires
	name  string
	came  atomic.Int64 // when, in ns since 1970
	bytes atomic.Int64 // so far
}

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.bytes.Add(int64(n))
		w.came.Store(time.Now().UnixNano())
	}
	return n, err
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.wires.mu.Lock()
	if w.wires.m[w.name] == w {
		delete(w.wires.m, w.name)
	}
	w.wires.mu.Unlock()
	return w.Conn.Close()
}

// What libp2p sets on TCP connections where they have it.

func (w *wire) SetLinger(sec int) error {
	if c, ok := w.Conn.(interface{ SetLinger(int) error }); ok {
		return c.SetLinger(sec)
	}
	return nil
}

func (w *wire) SetKeepAlive(on bool) error {
	if c, ok := w.Conn.(interface{ SetKeepAlive(bool) error }); ok {
		return c.SetKeepAlive(on)
	}
	return nil
}

func (w *wire) SetKeepAlivePeriod(d time.Duration) error {
	if c, ok := w.Conn.(interface{ SetKeepAlivePeriod(time.Duration) error }); ok {
		return c.SetKeepAlivePeriod(d)
	}
	return nil
}

func (s *wires) add(c manet.Conn) *wire {
	w := &wire{Conn: c, wires: s, name: string(c.LocalMultiaddr().Bytes()) + "|" + string(c.RemoteMultiaddr().Bytes())}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[w.name] = w
	return w
}

// heard returns when something last came in on a connection and how much so far, zero
// where that is not known.
func (s *wires) heard(c network.Conn) (came time.Time, bytes int64) {
	s.mu.Lock()
	w := s.m[string(c.LocalMultiaddr().Bytes())+"|"+string(c.RemoteMultiaddr().Bytes())]
	s.mu.Unlock()
	if w == nil || w.came.Load() == 0 {
		return time.Time{}, 0
	}
	return time.Unix(0, w.came.Load()), w.bytes.Load()
}

// metered is an upgrader whose connections have a wire below.
type metered struct {
	transport.Upgrader
	wires *wires
}

// Upgrade implements transport.Upgrader.
func (m metered) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	return m.Upgrader.Upgrade(ctx, t, m.wires.add(c), dir, p, scope)
}

// GateMaListener implements transport.Upgrader.
func (m metered) GateMaListener(l manet.Listener) transport.GatedMaListener {
	return m.Upgrader.GateMaListener(meteredListener{l, m.wires})
}

type meteredListener struct {
	manet.Listener
	wires *wires
}

// Accept implements manet.Listener.
func (l meteredListener) Accept() (manet.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wires.add(c), nil
}
