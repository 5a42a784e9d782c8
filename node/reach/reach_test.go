package reach

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" { // the test's own pluggable transport, see TestProgram
		runProgram()
		return
	}
	goleak.VerifyTestMain(m)
}

const anyTCP = "/ip4/127.0.0.1/tcp/0"

func open(t *testing.T, n byte, listen ...string) *Host {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	h, err := Open(t.Context(), Config{Key: seed, Listen: listen, NoMDNS: true})
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

// until waits for a condition that comes with a change of peers.
func until(t *testing.T, h *Host, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changed := make(chan struct{}, 16)
	h.Watch(func(string, bool) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	for !done() {
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond): // what is seen by others is not told here
		case <-ctx.Done():
			t.Fatalf("%s: not after 20 s", what)
		}
	}
}

// TestKeep: a kept peer is dialled, and dialled again when it has been away.
func TestKeep(t *testing.T) {
	a, b := open(t, 1, anyTCP), open(t, 2, anyTCP)
	address := b.Addresses()[0]
	c, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "connected", func() bool { return len(a.Peers()) == 1 })
	if p := a.Peers()[0]; p.ID != b.ID() || !p.Nearby || a.Known() != 1 {
		t.Errorf("%+v, %d known", p, a.Known())
	}
	listen := address[:strings.Index(address, "/p2p/")]
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, a, "gone", func() bool { return len(a.Peers()) == 0 })
	b = open(t, 2, listen)
	until(t, a, "back", func() bool { return len(a.Peers()) == 1 })
	if got, ok := a.Contact(b.ID()); !ok || len(got.Addrs) == 0 {
		t.Errorf("contact %v, %v", got, ok)
	}
}

func TestDialErrors(t *testing.T) {
	h := open(t, 1, anyTCP)
	for _, s := range []string{"", "nonsense", "/ip4/127.0.0.1/tcp/1", "/dns4/example.org/tcp/1/p2p/" + open(t, 3, anyTCP).ID(), h.Addresses()[0]} {
		if _, err := h.Connect(t.Context(), s); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", s, err)
		}
	}
	gone := open(t, 2, anyTCP)
	address := gone.Addresses()[0]
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Connect(t.Context(), address); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	if h.Known() != 0 {
		t.Errorf("a failed try is kept: %d", h.Known())
	}
}

func TestListenErrors(t *testing.T) {
	h := open(t, 1, anyTCP, "/ip4/127.0.0.1/udp/0/quic-v1")
	for _, a := range h.Addresses() {
		busy := a[:strings.Index(a, "/p2p/")]
		_, err := Open(t.Context(), Config{Key: make([]byte, 32), Listen: []string{busy}, NoMDNS: true})
		if !errors.Is(err, ErrListen) || !strings.Contains(err.Error(), "another program uses this port") {
			t.Errorf("%s: %v", busy, err)
		}
	}
	for _, bad := range []string{"nonsense", "/ip4/1/tcp/1"} {
		if _, err := Open(t.Context(), Config{Key: make([]byte, 32), Listen: []string{bad}, NoMDNS: true}); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Open(t.Context(), Config{Listen: []string{anyTCP}}); err == nil {
		t.Error("without a key")
	}
}

// TestDefaultPort: without Listen a port is chosen, remembered by the caller, and
// given up when it is taken.
func TestDefaultPort(t *testing.T) {
	h := open(t, 1)
	port := h.Port()
	if port == 0 || len(h.Addresses()) == 0 {
		t.Fatalf("port %d, addresses %v", port, h.Addresses())
	}
	other, err := Open(t.Context(), Config{Key: make([]byte, 32), Port: port, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	taken := other.Port()
	if err := errors.Join(other.Close(), h.Close()); err != nil {
		t.Fatal(err)
	}
	if taken == port || taken == 0 {
		t.Errorf("the port %d is shared", port)
	}
	again, err := Open(t.Context(), Config{Key: make([]byte, 32), Port: port, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Port(); got != port {
		t.Errorf("port %d, wanted %d again", got, port)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestLANGate(t *testing.T) {
	for s, near := range map[string]bool{
		"/ip4/127.0.0.1/tcp/1": true, "/ip4/192.168.1.2/tcp/1": true, "/ip4/10.0.0.1/udp/1/quic-v1": true, "/ip4/169.254.1.1/tcp/1": true, "/ip6/fe80::1/tcp/1": true, "/ip6/fd00::1/tcp/1": true,
		"/ip4/8.8.8.8/tcp/1": false, "/ip4/172.32.0.1/tcp/1": false, "/ip6/2001:db8::1/tcp/1": false, "/dns4/example.org/tcp/1": false,
	} {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := (gate{ModeLAN, newLadder(Config{})}).InterceptAddrDial("", a); got != near {
			t.Errorf("%s: %v", s, got)
		}
	}
}

// TestRank: on the local network TCP goes first, elsewhere QUIC.
func TestRank(t *testing.T) {
	for _, c := range []struct{ addrs, first string }{
		{"/ip4/192.168.1.2/udp/1/quic-v1 /ip4/192.168.1.2/tcp/1", "/ip4/192.168.1.2/tcp/1"},
		{"/ip4/1.2.3.4/udp/1/quic-v1 /ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1"},
	} {
		var addrs []ma.Multiaddr
		for _, s := range strings.Fields(c.addrs) {
			a, err := ma.NewMultiaddr(s)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, a)
		}
		l := newLadder(Config{})
		l.subnets = []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}
		ranked := l.rank(addrs)
		if len(ranked) != len(addrs) {
			t.Fatalf("%v", ranked)
		}
		for _, r := range ranked {
			if (r.Delay == 0) != (r.Addr.String() == c.first) {
				t.Errorf("%s after %v", r.Addr, r.Delay)
			}
		}
	}
}

func TestTooManyKept(t *testing.T) {
	h := open(t, 1, anyTCP)
	for i := range maxKept + 10 {
		seed := make([]byte, ed25519.SeedSize)
		seed[1], seed[2] = byte(i), byte(i>>8)
		id, err := peer.IDFromBytes(idOf(t, seed))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Keep(Contact{ID: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if h.Known() != maxKept {
		t.Errorf("%d kept", h.Known())
	}
}

func idOf(t *testing.T, seed []byte) []byte {
	t.Helper()
	pub := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	// identity multihash of the protobuf {type: Ed25519, data: key}
	return append([]byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}, pub...)
}

func FuzzContact(f *testing.F) {
	f.Add(append([]byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}, make([]byte, 32)...), []byte{4, 127, 0, 0, 1, 6, 0, 1})
	f.Add([]byte("x"), []byte{})
	circuit := ma.StringCast("/ip4/1.2.3.4/tcp/1/p2p/12D3KooWGC6TvWhfagaiFaGHnqLpoWZGpwmzZYpUJUqL7oiGHwL3/p2p-circuit").Bytes()
	f.Add(append([]byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}, make([]byte, 32)...), circuit)
	f.Add([]byte("x"), append(circuit, circuit...))
	f.Fuzz(func(t *testing.T, id, addr []byte) {
		info, err := Contact{ID: id, Addrs: [][]byte{addr, addr}}.info()
		if err != nil {
			return
		}
		for _, a := range info.Addrs {
			if !dialable(a) {
				t.Errorf("%s", a)
			}
		}
		_ = fmt.Sprint(info)
	})
}
