package reach

import (
	"crypto/ed25519"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// censor passes TCP connections on, and can freeze them: nothing comes through any
// more, and nobody is told.
type censor struct {
	l      net.Listener
	to     string
	budget atomic.Int64 // bytes from the server until a connection freezes; 0: no end
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newCensor(t *testing.T, to string) *censor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &censor{l: l, to: to}
	c.wg.Go(c.run)
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for _, x := range c.conns {
			_ = x.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
	})
	return c
}

func (c *censor) run() {
	for {
		in, err := c.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, in, out)
		c.mu.Unlock()
		var passed atomic.Int64
		var frozen atomic.Bool
		c.wg.Go(func() { c.pass(out, in, nil, &frozen) })
		c.wg.Go(func() { c.pass(in, out, &passed, &frozen) })
	}
}

// pass copies until the end, or until the connection is frozen: then it swallows.
func (c *censor) pass(to, from net.Conn, count *atomic.Int64, frozen *atomic.Bool) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			if !frozen.Load() {
				_ = to.Close()
			}
			return
		}
		if count != nil {
			if budget := c.budget.Load(); count.Add(int64(n)) > budget && budget > 0 {
				frozen.Store(true)
			}
		}
		if frozen.Load() {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (c *censor) addr(t *testing.T) ma.Multiaddr {
	t.Helper()
	a, err := manet.FromNetAddr(c.l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// openWorld opens a host whose loopback stands for the world.
func openWorld(t *testing.T, n byte, cfg Config) *Host {
	t.Helper()
	cfg.Key = make([]byte, ed25519.SeedSize)
	cfg.Key[0], cfg.NoMDNS = n, true
	if testing.Verbose() {
		cfg.Logger = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.ladder.mu.Lock()
	h.ladder.world = true
	h.ladder.mu.Unlock()
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func addrOf(t *testing.T, h *Host, part string) ma.Multiaddr {
	t.Helper()
	for _, a := range h.host.Network().ListenAddresses() {
		if strings.Contains(a.String(), part) {
			return a
		}
	}
	t.Fatalf("no %s among %v", part, h.host.Network().ListenAddresses())
	return nil
}

func listenAddr(t *testing.T, h *Host) string {
	t.Helper()
	_, at, err := manet.DialArgs(addrOf(t, h, "/tcp/"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// echoes writes words to a peer and counts those that come back, on a stream that it
// opens anew whenever it ends.
func echoes(t *testing.T, from, to *Host) {
	t.Helper()
	to.host.SetStreamHandler("/test/echo", func(s network.Stream) { _, _ = io.Copy(s, s) })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			s, err := from.host.NewStream(network.WithNoDial(from.ctx, "test"), to.host.ID(), "/test/echo")
			if err != nil {
				continue
			}
			_ = s.SetDeadline(time.Now().Add(time.Second))
			if _, err := s.Write(make([]byte, 1024)); err == nil {
				_, _ = io.ReadFull(s, make([]byte, 1024))
			}
			_ = s.Reset()
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
}

// TestStallSwitches: a line that freezes after 16 KB is noticed within ten seconds, and
// the peer is reached by another way.
func TestStallSwitches(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP, "/ip4/127.0.0.1/udp/0/quic-v1"}})
	c := newCensor(t, listenAddr(t, b))
	c.budget.Store(16 << 10)
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}})
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{c.addr(t)}})); err != nil {
		t.Fatal(err)
	}
	until(t, a, "connected by TCP", func() bool { return a.Way(b.ID()) == WayTCP })
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{c.addr(t), addrOf(t, b, "quic")}})); err != nil {
		t.Fatal(err)
	}
	echoes(t, a, b)
	begun := time.Now()
	until(t, a, "by QUIC", func() bool { return a.Way(b.ID()) == WayQUIC })
	took := time.Since(begun)
	t.Logf("frozen after 16 KB, and by another way after %v", took.Round(10*time.Millisecond))
	if took > 11*time.Second {
		t.Errorf("it took %v", took)
	}
	a.ladder.mu.Lock()
	k := *a.ladder.memory.at(a.ladder.name).way(WayTCP)
	a.ladder.mu.Unlock()
	if k.stalled.IsZero() {
		t.Error("the stall is not remembered")
	}
	var way Way
	for _, w := range a.Outlook().Ways {
		if w.Name == WayTCP {
			way = w
		}
	}
	if way.State != WayFails || !strings.Contains(way.Why, "went dead") {
		t.Errorf("%+v", way)
	}
}

// TestPulseBears: a line on which nothing is said, and one that is slow, are not dead.
func TestPulseBears(t *testing.T) {
	s := &pulses{}
	now := time.Now()
	for _, c := range []struct {
		name  string
		quiet time.Duration
		want  time.Duration
	}{
		{"people talk", time.Second, silence}, {"a pause", 5 * time.Minute, quietAsk}, {"asleep", time.Hour, idleAsk},
	} {
		if got := s.silence(flow{sent: now.Add(-c.quiet)}, now.Add(-2*time.Hour), now); got != c.want {
			t.Errorf("%s: asks after %v, want %v", c.name, got, c.want)
		}
	}
	if silence+patience+2*tick > 10*time.Second {
		t.Error("a dead line is noticed too late")
	}
}

// TestSlowIsNotDead: 64 kbit/s with half a second of delay each way, and a megabyte on
// its way in one direction, is not taken for a dead line.
func TestSlowIsNotDead(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	at := slow(t, listenAddr(t, b), 8<<10, 250*time.Millisecond)
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}})
	if _, err := a.Dial(t.Context(), contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{at}})); err != nil {
		t.Fatal(err)
	}
	line := a.host.Network().ConnsToPeer(b.host.ID())[0]
	got := make(chan int64, 1)
	b.host.SetStreamHandler("/test/sink", func(s network.Stream) {
		n, _ := io.Copy(io.Discard, s)
		got <- n
	})
	s, err := a.host.NewStream(t.Context(), b.host.ID(), "/test/sink")
	if err != nil {
		t.Fatal(err)
	}
	const size = 96 << 10 // 12 s
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-got:
		if n != size || line.IsClosed() {
			t.Errorf("%d bytes arrived, closed: %v", n, line.IsClosed())
		}
	case <-time.After(60 * time.Second):
		t.Fatal("nothing arrived")
	}
}

// slow passes TCP on at so many bytes a second each way, after a delay.
func slow(t *testing.T, to string, rate int, delay time.Duration) ma.Multiaddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	pipe := func(to, from net.Conn) {
		type piece struct {
			due  time.Time
			data []byte
		}
		queue := make(chan piece, 8)
		wg.Go(func() {
			for p := range queue {
				time.Sleep(time.Until(p.due)) // this is the line's delay, not a wait of the test
				if _, err := to.Write(p.data); err != nil {
					break
				}
			}
			_ = to.Close()
			for range queue {
			}
		})
		defer close(queue)
		next := time.Now()
		for {
			b := make([]byte, 1024)
			n, err := from.Read(b)
			if err != nil {
				return
			}
			if now := time.Now(); next.Before(now) {
				next = now
			}
			next = next.Add(time.Duration(n) * time.Second / time.Duration(rate))
			queue <- piece{next.Add(delay), b[:n]}
		}
	}
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, in, out)
			mu.Unlock()
			wg.Go(func() { pipe(out, in) })
			wg.Go(func() { pipe(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	a, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return a
}
