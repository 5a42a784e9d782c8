package reach

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
)

// openBridgeHost opens a node that is a bridge for one pass, and listens nowhere else.
func openBridgeHost(t *testing.T, n byte, passes ...Pass) *Host {
	t.Helper()
	return openWorld(t, n, Config{
		Settings: Settings{Mode: ModeCovert},
		Bridge:   &BridgeConfig{Listen: "127.0.0.1:0", Name: "www.example.org", Key: bytes.Repeat([]byte{n}, 32), Passes: passes},
	})
}

// doorsAt is where a bridge is reached with a pass, by way of something before it.
func doorsAt(t *testing.T, h *Host, pass Pass, at string) Contact {
	t.Helper()
	c := h.Doors(pass)
	if len(c.Addrs) != 1 {
		t.Fatalf("%d doors", len(c.Addrs))
	}
	a, err := ma.NewMultiaddrBytes(c.Addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	if at != "" {
		_, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := ma.NewMultiaddr("/ip4/127.0.0.1/tcp/" + port)
		if err != nil {
			t.Fatal(err)
		}
		c.Addrs[0] = append(slices.Clone(plain), a[2:]...).Bytes()
	}
	return c
}

// TestBridge: a covert node reaches a covert bridge by veil, is cut off when its pass
// is taken back, and what it knows of the way is told to nobody.
func TestBridge(t *testing.T) {
	pass := Pass{1, 2, 3}
	used := make(chan Pass, 16)
	b := openWorld(t, 2, Config{
		Settings: Settings{Mode: ModeCovert},
		Bridge:   &BridgeConfig{Listen: "127.0.0.1:0", Name: "www.example.org", Key: bytes.Repeat([]byte{2}, 32), Passes: []Pass{pass}, Used: func(p Pass) { used <- p }},
	})
	a := openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}})
	c := doorsAt(t, b, pass, "")
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "by veil", func() bool { return a.Way(b.ID()) == WayVeil && b.Way(a.ID()) == WayVeil })
	if got := <-used; got != pass {
		t.Errorf("pass %v", got)
	}
	if c, ok := a.Contact(b.ID()); ok {
		t.Errorf("it would tell %v", c.Addrs)
	}
	if c, ok := b.Contact(a.ID()); ok {
		t.Errorf("the bridge would tell %v", c.Addrs)
	}
	for _, h := range []*Host{a, b} {
		shown := fmt.Sprint(h.Peers(), h.Addresses(), h.host.Addrs(), h.host.Peerstore().Addrs(a.host.ID()), h.host.Peerstore().Addrs(b.host.ID()), h.host.Network().Conns())
		for _, secret := range []string{"example.org", "linnet-bridge", string(pass[:3])} {
			if strings.Contains(shown, secret) {
				t.Errorf("%q is seen in %s", secret, shown)
			}
		}
		if h.Self().Addrs != nil {
			t.Errorf("it tells %v", h.Addresses())
		}
	}
	for _, h := range []*Host{a, b} {
		for _, x := range h.host.Peerstore().Addrs(b.host.ID()) {
			if isSecret(x) || bytes.Contains(x.Bytes(), pass[:]) {
				t.Error("libp2p's address book has the secret")
			}
		}
	}
	b.SetPasses(nil)
	until(t, a, "cut off", func() bool { return a.Way(b.ID()) == "" })
	until(t, a, "a reason", func() bool {
		for _, w := range a.Outlook().Ways {
			if w.Name == WayVeil && w.State == WayFails && strings.Contains(w.Why, "pass") {
				return true
			}
		}
		return false
	})
	b.SetPasses([]Pass{pass})
	if err := a.Keep(c); err != nil { // who brings the link again need not wait for the next try
		t.Fatal(err)
	}
	until(t, a, "let in again", func() bool { return a.Way(b.ID()) != "" })
}

// TestFreezeClimbsDown: behind a censor that freezes each connection after 16 KB, veil
// stalls, and drip takes over.
func TestFreezeClimbsDown(t *testing.T) {
	pass := Pass{7}
	b := openBridgeHost(t, 2, pass)
	c := newCensor(t, b.bridge.server.Addr().String())
	c.budget.Store(16 << 10)
	a := openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}})
	echoes(t, a, b)
	if err := a.Keep(doorsAt(t, b, pass, c.l.Addr().String())); err != nil {
		t.Fatal(err)
	}
	until(t, a, "by veil", func() bool { return a.Way(b.ID()) == WayVeil })
	begun := time.Now()
	until(t, a, "by drip", func() bool { return a.Way(b.ID()) == WayDrip })
	took := time.Since(begun)
	t.Logf("frozen after 16 KB, and by drip after %v", took.Round(10*time.Millisecond))
	if took > 11*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, w := range a.Outlook().Ways {
		if w.Name == WayVeil && (w.State != WayFails || !strings.Contains(w.Why, "went dead")) {
			t.Errorf("%+v", w)
		}
	}
	// Drip stays: what it carries is many times what froze.
	line := a.host.Network().ConnsToPeer(b.host.ID())[0]
	sent := a.traffic.of(b.host.ID()).received
	until(t, a, "it goes on", func() bool { return a.traffic.of(b.host.ID()).received.Sub(sent) > 5*time.Second })
	if line.IsClosed() {
		t.Error("drip was cut")
	}
}

// TestClimb: a straight way that works again takes the place of a bridge.
func TestClimb(t *testing.T) {
	pass := Pass{9}
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}, Bridge: &BridgeConfig{Listen: "127.0.0.1:0", Name: "www.example.org", Key: bytes.Repeat([]byte{2}, 32), Passes: []Pass{pass}}})
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}})
	c := doorsAt(t, b, pass, "")
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "by veil", func() bool { return a.Way(b.ID()) == WayVeil })
	veil := a.host.Network().ConnsToPeer(b.host.ID())[0]
	a.host.Peerstore().AddAddrs(b.host.ID(), b.host.Network().ListenAddresses()[:], time.Hour)
	info, err := c.info()
	if err != nil {
		t.Fatal(err)
	}
	a.tryBetter(a.within(info), slices.Index(wayOrder, WayVeil))
	if n := len(a.host.Network().ConnsToPeer(b.host.ID())); n != 2 || a.Way(b.ID()) != WayVeil {
		t.Fatalf("%d lines, that in use by %q", n, a.Way(b.ID()))
	}
	if veil.IsClosed() {
		t.Error("what works is cut before the new line has proved itself")
	}
	// Where lines go dead, time proves nothing.
	a.ladder.mu.Lock()
	k := a.ladder.memory.at(a.ladder.name).way(WayVeil)
	k.stalled = time.Now()
	a.ladder.mu.Unlock()
	for _, c := range a.host.Network().ConnsToPeer(b.host.ID()) {
		if c != veil && a.proved(c, time.Now().Add(2*provesAt)) {
			t.Error("the bridge's line is closed before the new one has carried what froze others")
		}
	}
	a.ladder.mu.Lock()
	k.stalled = time.Time{}
	a.ladder.mu.Unlock()
	a.climbAll(time.Now().Add(2 * provesAt))
	until(t, a, "the bridge's line is closed", func() bool { return veil.IsClosed() })
	if got := a.Way(b.ID()); got != WayTCP {
		t.Errorf("by %q", got)
	}
}
