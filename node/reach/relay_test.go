package reach

import (
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

func openWith(t *testing.T, n byte, change func(*Config)) *Host {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	cfg := Config{Key: seed, Listen: []string{anyTCP}, NoMDNS: true}
	change(&cfg)
	h, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

func contact(t *testing.T, address string) Contact {
	t.Helper()
	c, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func circuitsOf(h *Host) (out []string) {
	for _, a := range h.Addresses() {
		if strings.Contains(a, "/p2p-circuit") {
			out = append(out, a)
		}
	}
	return out
}

// TestRelay: a friend gets a place with a volunteer, tells the address, and is
// reached by it, without limit; a stranger gets none.
func TestRelay(t *testing.T) {
	hidden := openWith(t, 2, func(*Config) {})
	volunteer := openWith(t, 1, func(c *Config) {
		c.Volunteer = true
		c.MayRelay = func(p string) bool { return p == hidden.ID() }
	})
	stranger := openWith(t, 3, func(*Config) {})
	way := contact(t, volunteer.Addresses()[0])
	for _, h := range []*Host{hidden, stranger} {
		if err := h.Keep(way); err != nil {
			t.Fatal(err)
		}
	}
	until(t, hidden, "a place", func() bool { return len(circuitsOf(hidden)) > 0 })
	until(t, stranger, "refused", func() bool { return stranger.IsConnected(volunteer.ID()) })
	c := hidden.Self()
	c.Addrs = slices.DeleteFunc(c.Addrs, func(b []byte) bool { a, err := ma.NewMultiaddrBytes(b); return err != nil || !isCircuit(a) })
	if len(c.Addrs) == 0 {
		t.Fatal("a link would carry no circuit address")
	}
	id, err := stranger.Visit(t.Context(), c)
	if err != nil || id != hidden.ID() {
		t.Fatalf("%s, %v", id, err)
	}
	if !stranger.IsConnected(hidden.ID()) || !slices.Equal(stranger.Through(hidden.ID()), []string{volunteer.ID()}) || len(stranger.Limited()) != 0 {
		t.Errorf("connected %v through %v, limited %v", stranger.IsConnected(hidden.ID()), stranger.Through(hidden.ID()), stranger.Limited())
	}
	if got := circuitsOf(stranger); len(got) != 0 {
		t.Errorf("a stranger has a place: %v", got)
	}

	// The volunteer goes: its address is not told any more.
	if err := volunteer.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, hidden, "the address is taken back", func() bool { return len(circuitsOf(hidden)) == 0 })
}

// TestRelayLate: whoever becomes a friend later gets a place soon.
func TestRelayLate(t *testing.T) {
	hidden := openWith(t, 2, func(*Config) {})
	asked := make(chan struct{}, 100)
	known := make(chan struct{})
	volunteer := openWith(t, 1, func(c *Config) {
		c.Volunteer = true
		c.MayRelay = func(p string) bool {
			select {
			case asked <- struct{}{}:
			default:
			}
			select {
			case <-known:
				return true
			default:
				return false
			}
		}
	})
	if err := hidden.Keep(contact(t, volunteer.Addresses()[0])); err != nil {
		t.Fatal(err)
	}
	<-asked
	close(known)
	until(t, hidden, "a place", func() bool { return len(circuitsOf(hidden)) > 0 })
}

// TestNoRelay: without being told or found to be reachable nobody relays, and in LAN
// mode nobody looks for a place.
func TestNoRelay(t *testing.T) {
	plain := openWith(t, 1, func(c *Config) { c.MayRelay = func(string) bool { return true } })
	saver := openWith(t, 2, func(c *Config) {
		c.MayRelay, c.Volunteer, c.Settings.DataSaver = func(string) bool { return true }, true, true
	})
	volunteer := openWith(t, 3, func(c *Config) { c.MayRelay, c.Volunteer = func(string) bool { return true }, true })
	near := openWith(t, 4, func(c *Config) { c.LANOnly = true })
	for _, h := range []*Host{plain, saver, volunteer} {
		if _, err := near.Connect(t.Context(), h.Addresses()[0]); err != nil {
			t.Fatal(err)
		}
		protocols, err := near.LibP2P().Peerstore().GetProtocols(h.LibP2P().ID())
		if err != nil {
			t.Fatal(err)
		}
		relays := slices.ContainsFunc(protocols, func(p protocol.ID) bool {
			return strings.Contains(string(p), "circuit/relay") && strings.Contains(string(p), "hop")
		})
		if relays != (h == volunteer) {
			t.Errorf("relays: %v, volunteer: %v", relays, h == volunteer)
		}
	}
	if near.around != nil {
		t.Error("LAN mode looks for relays")
	}
}

func TestDialableCircuits(t *testing.T) {
	const id = "12D3KooWGC6TvWhfagaiFaGHnqLpoWZGpwmzZYpUJUqL7oiGHwL3"
	for s, want := range map[string]bool{
		"/ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit":                            true,
		"/ip4/1.2.3.4/udp/1/quic-v1/p2p/" + id + "/p2p-circuit":                    true,
		"/ip6/2001:db8::1/tcp/1/p2p/" + id + "/p2p-circuit":                        true,
		"/dns4/example.org/tcp/1/p2p/" + id + "/p2p-circuit":                       false,
		"/ip4/1.2.3.4/tcp/1/p2p-circuit":                                           false,
		"/p2p/" + id + "/p2p-circuit":                                              false,
		"/p2p-circuit":                                                             false,
		"/ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit/p2p/" + id:                  false,
		"/ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit/p2p/" + id + "/p2p-circuit": false,
		"/ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit/ip4/1.2.3.4/tcp/1":          false,
		"/ip4/1.2.3.4/tcp/1/ws/p2p/" + id + "/p2p-circuit":                         false,
		"/ip4/0.0.0.0/tcp/1/p2p/" + id + "/p2p-circuit":                            false,
		"/ip4/1.2.3.4/tcp/1/ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit":          false,
	} {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(s, err)
		}
		if got := dialable(a); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}

// TestQuota: a share is slowed down when it is used up, and only that.
func TestQuota(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	q := newQuota(ctx, nil, func(p string) bool { return p == "" })
	start := time.Now()
	q.spend("", shareBurst-1)
	if took := time.Since(start); took > time.Second {
		t.Errorf("within the burst it took %v", took)
	}
	if !q.AllowConnect("", nil, "") || !q.AllowReserve("", nil) || q.AllowReserve("x", nil) {
		t.Error("who may do what")
	}
	strange := 0
	for q.AllowConnect("x", nil, "") {
		strange++
	}
	if strange != strangers {
		t.Errorf("%d strangers", strange)
	}
	q.spend("x", strangeBurst)
	cancel() // what waits ends with the host
	q.spend("x", 100*strangeBurst)
	if q.shares["x"].wait(0) < time.Minute || q.shares[""].wait(0) != 0 {
		t.Errorf("a stranger waits %v, a friend %v", q.shares["x"].wait(0), q.shares[""].wait(0))
	}
	var b bucket
	b.rate, b.burst = 10, 5
	b.take(15)
	if w := b.wait(0); w < 900*time.Millisecond || w > time.Second {
		t.Errorf("ten too many at ten a second: %v", w)
	}
	b.at = b.at.Add(-time.Hour)
	if b.wait(5) != 0 || b.wait(6) == 0 {
		t.Error("it fills up to the burst, not further")
	}
}
