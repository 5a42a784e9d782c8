package reach

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

func testLadder(t *testing.T) (*ladder, *Host) {
	t.Helper()
	l := newLadder(Config{Key: make([]byte, 32)})
	l.enter(place{mark: "here", nets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}})
	return l, &Host{ladder: l, paths: l.paths}
}

func addrs(t *testing.T, texts ...string) (out []ma.Multiaddr) {
	t.Helper()
	for _, s := range texts {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// doors returns veil and drip through one door to a peer.
func doors(t *testing.T, h *Host, p peer.ID) []ma.Multiaddr {
	t.Helper()
	a, err := bridgeAddr(netip.MustParseAddrPort("192.0.2.7:443"), encodeDoor(testDoor()))
	if err != nil {
		t.Fatal(err)
	}
	return h.throughDoor(p, a)
}

func order(l *ladder, in []ma.Multiaddr) (ways []WayName, at map[WayName]time.Duration) {
	ranked := l.rank(in)
	slices.SortStableFunc(ranked, func(a, b network.AddrDelay) int { return int(a.Delay - b.Delay) })
	at = map[WayName]time.Duration{}
	for _, r := range ranked {
		w := l.wayOf(r.Addr)
		if _, ok := at[w]; !ok {
			ways, at[w] = append(ways, w), r.Delay
		}
	}
	return ways, at
}

// TestOrder: a cold start goes up the ladder step by step, one that follows a failure
// or a stall does not.
func TestOrder(t *testing.T) {
	l, h := testLadder(t)
	p := peer.ID("somebody")
	all := append(addrs(t, "/ip4/198.51.100.1/udp/1/quic-v1", "/ip4/198.51.100.1/tcp/1", "/ip4/192.168.1.9/tcp/1"), doors(t, h, p)...)
	for _, a := range all {
		l.own(p, a)
	}
	ways, at := order(l, all)
	if want := []WayName{WayLAN, WayQUIC, WayTCP, WayVeil, WayDrip}; !slices.Equal(ways, want) {
		t.Errorf("cold: %v", at)
	}
	if at[WayTCP] > time.Second || at[WayVeil] > 2*time.Second || at[WayDrip] > 4*time.Second {
		t.Errorf("too late for the bars: %v", at)
	}
	l.tell(trial{peer: p, addr: all[0], begun: time.Now(), took: 5 * time.Second, err: context.DeadlineExceeded})
	l.tell(trial{peer: p, addr: all[1], begun: time.Now(), took: 4 * time.Second, err: context.DeadlineExceeded})
	l.tell(trial{peer: p, addr: all[3], begun: time.Now(), took: time.Second})
	if ways, at = order(l, all); at[WayVeil] >= at[WayTCP] || at[WayVeil] >= at[WayQUIC] {
		t.Errorf("only the bridge has worked here: %v", at)
	}
	l.stall(p, all[3], WayVeil)
	if ways, at = order(l, all); at[WayDrip] != 0 || at[WayVeil] < at[WayDrip] {
		t.Errorf("after a stall: %v, %v", ways, at)
	}
	l.enter(place{mark: "elsewhere"})
	if _, at = order(l, all); at[WayQUIC] != 0 || at[WayDrip] < at[WayVeil] {
		t.Errorf("on another network: %v", at)
	}
	l.enter(place{mark: "here"})
	if _, at = order(l, all); at[WayVeil] >= at[WayTCP] {
		t.Errorf("back again: %v", at)
	}
}

// TestOtherAddressFirst: where the line through one address of a bridge went dead, the
// next one goes through another.
func TestOtherAddressFirst(t *testing.T) {
	l, h := testLadder(t)
	p := peer.ID("somebody")
	first := doors(t, h, p)
	at, err := bridgeAddr(netip.MustParseAddrPort("192.0.2.8:443"), encodeDoor(testDoor()))
	if err != nil {
		t.Fatal(err)
	}
	second := h.throughDoor(p, at)
	all := append(slices.Clone(first), second...)
	for _, a := range all {
		l.own(p, a)
	}
	l.stall(p, first[0], WayVeil)
	for _, r := range l.rank(all) {
		if (r.Delay == 0) != r.Addr.Equal(second[1]) {
			t.Errorf("%s after %v", r.Addr, r.Delay)
		}
	}
}

// TestRoomForBridges: however many straight addresses hang, veil and drip begin in time
// within the eight dials that libp2p has for one peer.
func TestRoomForBridges(t *testing.T) {
	l, h := testLadder(t)
	p := peer.ID("somebody")
	var all []ma.Multiaddr
	for i := range maxAddrs {
		kind := []string{"tcp/1", "udp/1/quic-v1"}[i%2]
		all = append(all, addrs(t, fmt.Sprintf("/ip4/198.51.100.%d/%s", i+1, kind))...)
	}
	all = append(all, doors(t, h, p)...)
	early := 0
	for _, r := range l.rank(all) {
		if w := l.wayOf(r.Addr); r.Delay < 4*time.Second {
			early++
		} else if w == WayVeil || w == WayDrip {
			t.Errorf("%s begins after %v", w, r.Delay)
		}
	}
	if early > 8 {
		t.Errorf("%d dials in the first four seconds", early)
	}
}

// TestBlame: what fails on the way to somebody whom another way leads to is the way's
// fault, what fails because nobody is there is not, at first.
func TestBlame(t *testing.T) {
	l, _ := testLadder(t)
	state := func(w WayName) Way {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.wayLocked(w, 0, time.Time{})
	}
	quic, tcp := addrs(t, "/ip4/198.51.100.1/udp/1/quic-v1")[0], addrs(t, "/ip4/198.51.100.1/tcp/1")[0]
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	l.tell(trial{peer: "away", addr: tcp, err: refused})
	l.tell(trial{peer: "away", addr: quic, err: context.DeadlineExceeded})
	if s := state(WayTCP); s.State != WayUntried {
		t.Errorf("one who is away: %+v", s)
	}
	l.tell(trial{peer: "here", addr: quic, begun: time.Now(), took: 5 * time.Second, err: context.DeadlineExceeded})
	l.tell(trial{peer: "here", addr: tcp, begun: time.Now(), took: 20 * time.Millisecond})
	if s := state(WayQUIC); s.State != WayFails || !strings.Contains(s.Why, "UDP") || !strings.Contains(s.Why, "no answer") || s.Tried != 1 || s.Since.IsZero() {
		t.Errorf("QUIC: %+v", s)
	}
	if s := state(WayTCP); s.State != WayWorks || s.Worked != 1 {
		t.Errorf("TCP: %+v", s)
	}
	l.tell(trial{peer: "other", addr: quic, begun: time.Now(), took: 20 * time.Millisecond})
	if s := state(WayQUIC); s.State != WayWorks || s.Why != "" {
		t.Errorf("QUIC works again: %+v", s)
	}
	// Who crashed and is up again by another way does not make the first one's line a stall.
	l.stall("crashed", quic, WayQUIC)
	l.mu.Lock()
	l.stalls["crashed"][WayQUIC] = time.Now().Add(-stallTells - time.Second)
	l.mu.Unlock()
	l.tell(trial{peer: "crashed", addr: tcp, begun: time.Now()})
	if s := state(WayQUIC); s.State != WayWorks {
		t.Errorf("after a crash: %+v", s)
	}
}

// TestQUICIsSeenThrough: where UDP leads nowhere TCP is quicker, and the dial that was
// given up is seen through, so that the outlook is true.
func TestQUICIsSeenThrough(t *testing.T) {
	hole, err := net.ListenPacket("udp", "127.0.0.1:0") // takes packets, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	udp, err := manet.FromNetAddr(hole.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	quic := append(slices.Clone(udp), addrs(t, "/quic-v1")[0]...)
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	a := openWorld(t, 1, Config{Listen: []string{anyTCP, "/ip4/127.0.0.1/udp/0/quic-v1"}})
	changed := make(chan struct{}, 64)
	a.WatchOutlook(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err := a.Keep(contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{quic, addrOf(t, b, "/tcp/")}})); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(15 * time.Second)
	for {
		ways := map[WayName]Way{}
		for _, w := range a.Outlook().Ways {
			ways[w.Name] = w
		}
		if ways[WayTCP].State == WayWorks && ways[WayTCP].Peers == 1 && ways[WayQUIC].State == WayFails {
			if why := ways[WayQUIC].Why; !strings.Contains(why, "UDP got no answer") {
				t.Error(why)
			}
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%+v", ways)
		}
	}
}

// TestMemoryModel plays any dials on any networks and holds what is remembered against
// a plain list of them.
func TestMemoryModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	type key struct {
		net string
		way WayName
	}
	worked, tried := map[key]int{}, map[key]int{}
	var stored []byte
	cfg := Config{Key: make([]byte, 32), Remember: func(b []byte) { stored = b }}
	l := newLadder(cfg)
	ways := map[WayName]ma.Multiaddr{WayQUIC: addrs(t, "/ip4/198.51.100.1/udp/1/quic-v1")[0], WayTCP: addrs(t, "/ip4/198.51.100.1/tcp/1")[0], WayTor: addrs(t, "/onion3/"+onionName+":1")[0]}
	here := ""
	for range 3000 {
		switch r.IntN(20) {
		case 0:
			l.enter(place{mark: fmt.Sprint("network ", r.IntN(20))})
			here = l.name
		case 1: // the program is started again
			l.keep()
			cfg.Memory = stored
			l = newLadder(cfg)
			l.enter(place{mark: "network 1"})
			here = l.name
		}
		if here == "" {
			continue
		}
		names := []WayName{WayQUIC, WayTCP, WayTor}
		r.Shuffle(3, func(i, j int) { names[i], names[j] = names[j], names[i] })
		p := peer.ID(fmt.Sprint("peer ", r.IntN(1000000)))
		fails := names[:r.IntN(3)]
		for _, w := range fails {
			l.tell(trial{peer: p, addr: ways[w], begun: time.Now(), err: errors.New("x")})
		}
		l.tell(trial{peer: p, addr: ways[names[2]], begun: time.Now()})
		for _, w := range fails {
			tried[key{here, w}]++
		}
		tried[key{here, names[2]}]++
		worked[key{here, names[2]}]++
	}
	l.keep()
	m, err := decodeMemory(stored)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.networks) > maxNetworks || len(stored) > 8<<10 {
		t.Errorf("%d networks, %d bytes", len(m.networks), len(stored))
	}
	for k, n := range tried {
		got := m.networks[k.net].way(k.way)
		if got.tried != n || got.succeeded != worked[k] {
			t.Errorf("%v: %d of %d, want %d of %d", k, got.succeeded, got.tried, worked[k], n)
		}
	}
}

// TestMemoryForgets: more networks than there is room for push out the longest unseen.
func TestMemoryForgets(t *testing.T) {
	l := newLadder(Config{Key: make([]byte, 32)})
	for i := range maxNetworks + 5 {
		l.enter(place{mark: fmt.Sprint(i)})
		l.tell(trial{peer: "x", addr: addrs(t, "/ip4/198.51.100.1/tcp/1")[0], begun: time.Now()})
	}
	if n := len(l.memory.networks); n != maxNetworks {
		t.Errorf("%d networks", n)
	}
	if l.memory.networks[l.name] == nil || l.memory.networks[l.name].way(WayTCP).tried != 1 {
		t.Error("the present one is forgotten")
	}
}

func FuzzMemory(f *testing.F) {
	m := newMemory()
	n := m.at("0011223344556677")
	*n.way(WayQUIC) = wayMemory{worked: time.Unix(5, 0), failed: time.Unix(6, 0), tried: 3, succeeded: 1}
	*n.way(WayDrip) = wayMemory{stalled: time.Unix(7, 0), tried: 1}
	m.at("ff11223344556677")
	f.Add(m.encode())
	f.Add([]byte{})
	f.Add([]byte{2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMemory(b)
		if err != nil {
			if len(m.networks) > 0 {
				t.Error("half of it is kept")
			}
			return
		}
		again, err := decodeMemory(m.encode())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%v: it is not the same again", err)
		}
	})
}

// FuzzFrame: no frame of the other side's makes more than an answer.
func FuzzFrame(f *testing.F) {
	one := makeFrame(pulseAsk, 7, time.Unix(9, 0))
	f.Add(one[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != frameSize {
			return
		}
		kind, number, clock := splitFrame([frameSize]byte(b))
		if again := makeFrame(kind, number, clock); clock.UnixMilli() != 0 && again != [frameSize]byte(b) {
			t.Errorf("%x is read as %d %d %v", b, kind, number, clock)
		}
	})
}

// FuzzInside: an address that somebody else made up stands for nothing.
func FuzzInside(f *testing.F) {
	f.Add(insideAddr(insideVeil, [handleSize]byte{1}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := newPaths().get(ma.Multiaddr(nil), ""); ok {
			t.Error("nothing stands for something")
		}
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return
		}
		p := newPaths()
		p.add(path{way: insideVeil, peer: "x", at: unlimited}, []byte("secret"))
		if _, ok := p.get(a, "x"); ok {
			t.Errorf("%s is a way", a)
		}
		if isInside(a) && (dialable(a) || isTellable(a)) {
			t.Errorf("%s comes from a link or goes into one", a)
		}
	})
}
