package reach

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// fakeProxy is a SOCKS5 proxy that knows where some names lead, and notes what it is
// asked for.
type fakeProxy struct {
	l    net.Listener
	to   map[string]string // what is asked for -> where it really leads; others are refused
	wg   sync.WaitGroup
	mu   sync.Mutex
	seen []string
	open []net.Conn
}

func newFakeProxy(t *testing.T, to map[string]string) *fakeProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProxy{l: l, to: to}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.open = append(p.open, c)
			p.mu.Unlock()
			p.wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *fakeProxy) serve(c net.Conn) {
	defer c.Close()
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil || head[0] != 5 {
		return
	}
	if _, err := io.ReadFull(c, make([]byte, head[1])); err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0})
	ask := make([]byte, 4)
	if _, err := io.ReadFull(c, ask); err != nil || ask[1] != 1 {
		return
	}
	size := map[byte]int{1: 4, 4: 16}[ask[3]]
	if ask[3] == 3 {
		n := make([]byte, 1)
		if _, err := io.ReadFull(c, n); err != nil {
			return
		}
		size = int(n[0])
	}
	rest := make([]byte, size+2)
	if _, err := io.ReadFull(c, rest); err != nil {
		return
	}
	host := string(rest[:size])
	if ask[3] != 3 {
		host = net.IP(rest[:size]).String()
	}
	port := binary.BigEndian.Uint16(rest[size:])
	want := net.JoinHostPort(host, strconv.Itoa(int(port)))
	p.mu.Lock()
	p.seen = append(p.seen, want)
	p.mu.Unlock()
	out, err := net.Dial("tcp", p.to[want])
	if p.to[want] == "" || err != nil {
		_, _ = c.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	p.mu.Lock()
	p.open = append(p.open, out)
	p.mu.Unlock()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	p.wg.Go(func() { _, _ = io.Copy(out, c); _ = out.Close() })
	_, _ = io.Copy(c, out)
}

func (p *fakeProxy) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

const onionName = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid"

// TestTorOnly: with everything through the proxy, the host asks the proxy for TCP and
// onion addresses, and no socket of this process leads anywhere else, from the start
// to the end.
func TestTorOnly(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP, "/ip4/127.0.0.1/udp/0/quic-v1"}})
	real := listenAddr(t, b)
	p := newFakeProxy(t, map[string]string{onionName + ".onion:4001": real, "203.0.113.7:4001": real})
	before := sockets(t, p)
	check := func(when string) {
		t.Helper()
		for s := range sockets(t, p) {
			if !before[s] {
				t.Errorf("%s: a socket that leads past the proxy: %s", when, s)
			}
		}
	}
	cfg := Config{Settings: Settings{Mode: ModeTor, SOCKS: p.l.Addr().String(), Onion: onionName + ".onion:4002"}, Listen: []string{anyTCP}}
	a := openWorld(t, 1, cfg)
	check("at the start")
	var addrs []ma.Multiaddr
	for _, s := range []string{"/ip4/203.0.113.7/udp/4001/quic-v1", "/ip4/203.0.113.9/tcp/4001", "/onion3/" + onionName + ":4001", "/dns4/example.org/tcp/4001"} {
		x, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, x)
	}
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: addrs})); err != nil {
		t.Fatal(err)
	}
	until(t, a, "connected", func() bool { return a.Way(b.ID()) == WayTor })
	check("connected")
	// The other side told its addresses, loopback among them: still nothing goes there.
	a.host.Peerstore().AddAddrs(b.host.ID(), b.host.Addrs(), time.Hour)
	if err := b.host.Network().ClosePeer(a.host.ID()); err != nil {
		t.Fatal(err)
	}
	n := len(p.asked())
	until(t, a, "connected again", func() bool { return len(p.asked()) > n && a.Way(b.ID()) == WayTor })
	check("connected again")
	for _, want := range p.asked() {
		if strings.Contains(want, "example.org") {
			t.Errorf("the proxy was asked for %s", want)
		}
	}
	if got := a.Addresses(); len(got) != 1 || !strings.HasPrefix(got[0], "/onion3/"+onionName+":4002/p2p/") {
		t.Errorf("it tells %v", got)
	}
	for _, w := range a.Outlook().Ways {
		if (w.Name == WayQUIC || w.Name == WayTCP || w.Name == WayLAN) && (w.State != WayOff || w.Why == "") {
			t.Errorf("%+v", w)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	check("at the end")
}

// TestOnionListens: an onion service's end is open on loopback, where Tor looks for it
// unless it was told otherwise, and nothing else is.
func TestOnionListens(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	settings := Settings{Mode: ModeTor, SOCKS: "127.0.0.1:1", Onion: fmt.Sprintf("%s.onion:%d", onionName, port)}
	if _, err := Open(t.Context(), Config{Key: make([]byte, 32), Listen: []string{"/ip4/0.0.0.0/tcp/0"}, Settings: settings}); err == nil {
		t.Error("it listens on every interface")
	}
	a := openWorld(t, 1, Config{Settings: settings, Port: 1})
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	if a.Port() != port {
		t.Fatalf("it listens on port %d, the service leads to %d", a.Port(), port)
	}
	at := addrOf(t, a, "/ip4/127.0.0.1/tcp/")
	if _, err := b.Dial(t.Context(), contactOf(peer.AddrInfo{ID: a.host.ID(), Addrs: []ma.Multiaddr{at}})); err != nil {
		t.Fatal(err)
	}
	if l := listens(a); len(l) != 1 {
		t.Errorf("it listens at %v", l)
	}
	if got := a.Way(b.ID()); got != WayTor {
		t.Errorf("who comes by the service comes by %q", got)
	}
}

// TestCovertIsSilent: in covert mode there is no socket at all before a bridge is known.
func TestCovertIsSilent(t *testing.T) {
	before := sockets(t, nil)
	a := openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}})
	for s := range sockets(t, nil) {
		if !before[s] {
			t.Errorf("a socket is open: %s", s)
		}
	}
	b := openWorld(t, 2, Config{Listen: []string{anyTCP, "/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()})); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Visit(t.Context(), contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()})); err == nil {
		t.Error("it dials straight")
	}
	if len(listens(a)) > 0 || len(a.Addresses()) > 0 {
		t.Errorf("it listens at %v and tells %v", listens(a), a.Addresses())
	}
	if _, err := b.Visit(t.Context(), Contact{ID: []byte(a.host.ID())}); err == nil {
		t.Error("it was reached")
	}
}

// TestProxyIsARung: with a proxy set, and all else blocked, it is used.
func TestProxyIsARung(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	p := newFakeProxy(t, map[string]string{"127.0.0.1:1": listenAddr(t, b)})
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}, Settings: Settings{SOCKS: p.l.Addr().String()}})
	at, err := ma.NewMultiaddr("/ip4/127.0.0.1/tcp/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{at}})); err != nil {
		t.Fatal(err)
	}
	until(t, a, "through the proxy", func() bool { return a.Way(b.ID()) == WayTor })
	if c, ok := a.Contact(b.ID()); ok {
		for _, x := range c.Addrs {
			if m, err := ma.NewMultiaddrBytes(x); err != nil || !isTellable(m) {
				t.Errorf("it would tell %s, %v", m, err)
			}
		}
	}
}

// listens returns where a host listens, but for relays that would bring somebody.
func listens(h *Host) []ma.Multiaddr {
	return slices.DeleteFunc(h.host.Network().ListenAddresses(), isCircuit)
}

// sockets lists this process's TCP and UDP sockets that do not lead to the proxy, as
// Linux shows them.
func sockets(t *testing.T, p *fakeProxy) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		return nil // not Linux: there the test shows less
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			own[strings.Trim(to, "socket:[]")] = true
		}
	}
	out := map[string]bool{}
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open("/proc/self/net/" + kind)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) < 10 || !own[fields[9]] {
				continue
			}
			local, remote, state := fields[1], fields[2], fields[3]
			if kind == "tcp" && p != nil && (hexPort(p.l.Addr()) == portPart(local) || hexPort(p.l.Addr()) == portPart(remote)) {
				continue
			}
			if kind == "tcp" && state == "0A" && strings.HasPrefix(local, "0100007F:") {
				continue // listens on loopback
			}
			if kind == "tcp" && p != nil && p.leads(local, remote) {
				continue
			}
			out[kind+" "+local+" "+remote] = true
		}
		_ = f.Close()
	}
	return out
}

// leads reports whether a connection is one that the proxy made.
func (p *fakeProxy) leads(local, remote string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.open, func(c net.Conn) bool {
		x := hexPort(c.LocalAddr())
		return portPart(local) == x || portPart(remote) == x
	})
}

func hexPort(a net.Addr) string { return fmt.Sprintf("%04X", a.(*net.TCPAddr).Port) }

func portPart(s string) string { return s[strings.LastIndexByte(s, ':')+1:] }
