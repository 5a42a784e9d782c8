package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ds "github.com/ipfs/go-datastore"
	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// met gathers what is found at meeting places.
type met struct {
	mu  sync.Mutex
	ids []string
}

func (m *met) found(_ [32]byte, c Contact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, _ := PeerID(c.ID)
	m.ids = append(m.ids, id)
}

func (m *met) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.ids, id)
}

func at(secret byte, alone bool) func() []Place {
	return func() []Place { return []Place{{Secret: [32]byte{secret}, Alone: alone}} }
}

// TestMeet: two who know one secret find each other through a third that does not know
// it. One who knows another secret is not found, and finds nobody.
func TestMeet(t *testing.T) {
	third := openWith(t, 1, func(c *Config) { c.Volunteer = true })
	one := openWith(t, 2, func(c *Config) { c.Volunteer = true })
	other := openWith(t, 3, func(c *Config) { c.Volunteer = true })
	stranger := openWith(t, 4, func(c *Config) { c.Volunteer = true })
	var byOther, byStranger met
	third.Meet(func() []Place { return nil }, func([32]byte, Contact) {})
	one.Meet(at(7, false), func([32]byte, Contact) {})
	other.Meet(at(7, true), byOther.found)
	stranger.Meet(at(8, true), byStranger.found)
	for _, h := range []*Host{one, other, stranger} {
		if err := h.Keep(contact(t, third.Addresses()[0])); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	untilLong(t, "found", func() bool { return byOther.has(one.ID()) })
	t.Logf("found after %v", time.Since(start).Round(time.Millisecond))
	if byOther.has(stranger.ID()) || byStranger.has(one.ID()) || byStranger.has(other.ID()) {
		t.Errorf("other secrets meet: %v %v", byOther.ids, byStranger.ids)
	}
}

// TestMeetPublic: the same by way of the public meeting place, of which there is one
// node here. Afterwards there is no connection to it.
func TestMeetPublic(t *testing.T) {
	ipfs := openWith(t, 1, func(*Config) {})
	d, err := kad.New(ipfs.host, kad.Mode(kad.ModeServer))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	start := func(context.Context) []peer.AddrInfo {
		return []peer.AddrInfo{{ID: ipfs.host.ID(), Addrs: ipfs.host.Addrs()}}
	}
	one := openWith(t, 2, func(c *Config) { c.Volunteer = true })
	other := openWith(t, 3, func(c *Config) { c.Volunteer = true })
	var byOther met
	one.askPublic(&meeting{host: one, found: func([32]byte, Contact) {}}, at(7, false)(), start)
	other.askPublic(&meeting{host: other, found: byOther.found}, at(7, true)(), start)
	if !byOther.has(one.ID()) {
		t.Errorf("found %v", byOther.ids)
	}
	untilLong(t, "it hangs up", func() bool { return !one.IsConnected(ipfs.ID()) && !other.IsConnected(ipfs.ID()) })
}

// TestPublicRounds: who is alone asks soon and then ever less often; who is not says
// where it is now and then; who may not does neither.
func TestPublicRounds(t *testing.T) {
	h := openWith(t, 1, func(*Config) {})
	rounds := make(chan struct{}, 100)
	m := &meeting{host: h, found: func([32]byte, Contact) {}}
	m.public.start = func(context.Context) []peer.AddrInfo { rounds <- struct{}{}; return nil }
	p := &m.public
	p.round(m, at(7, true)())
	if len(rounds) != 0 || p.busy {
		t.Error("it asks at once")
	}
	p.alone = time.Now().Add(-publicAfter - time.Second)
	p.round(m, at(7, true)())
	<-rounds
	if p.pause != publicFirst || !p.next.After(time.Now().Add(publicFirst/2)) {
		t.Errorf("the next after %v, %v", p.pause, p.next)
	}
	p.round(m, at(7, false)())
	if p.pause != 0 || !p.alone.IsZero() {
		t.Error("it is still taken for alone")
	}
	if h.leavesLoopback() {
		t.Error("a node that listens on loopback alone would go out")
	}
	if other := openWith(t, 2, func(c *Config) { c.LANOnly = true }); true {
		other.Meet(func() []Place { t.Error("asked in LAN mode"); return nil }, nil)
	}
	if other := openWith(t, 3, func(c *Config) { c.Settings = Settings{Mode: ModeCovert} }); true {
		other.Meet(func() []Place { t.Error("asked in covert mode"); return nil }, nil)
	}
	if other := openWith(t, 4, func(c *Config) { c.Listen, c.Settings = nil, Settings{Mode: ModeTor, SOCKS: "127.0.0.1:1"} }); true {
		other.Meet(func() []Place { t.Error("asked in Tor mode"); return nil }, nil)
	}
}

// TestMeetKeys pins the names of places (PROTOCOL.md, Meeting places).
func TestMeetKeys(t *testing.T) {
	if got, want := meetKey([32]byte{1, 2, 3}, 20787), "/linnet/meet/1/fTRlCShT3q4nlPC0Cr5fZhB5gYAbV4d1yz5_jSHWMqQ"; got != want {
		t.Errorf("%s", got)
	}
	if meetKey([32]byte{1}, 1) == meetKey([32]byte{1}, 2) || meetKey([32]byte{1}, 1) == meetKey([32]byte{2}, 1) {
		t.Error("two places have one name")
	}
	for hour, want := range map[int][]int64{0: {19999, 20000}, 1: {19999, 20000}, 2: {20000}, 12: {20000}, 21: {20000}, 22: {20000, 20001}, 23: {20000, 20001}} {
		if got := meetDays(time.Unix(20000*86400+int64(hour)*3600, 0)); !slices.Equal(got, want) {
			t.Errorf("at %d o'clock %v", hour, got)
		}
	}
}

// TestNotes: nobody fills another node's notes.
func TestNotes(t *testing.T) {
	n := newNotes()
	put := func(who, what int) ds.Key {
		k := ds.NewKey(fmt.Sprintf("/providers/%d/%d", what, who))
		if err := n.Put(t.Context(), k, []byte("x")); err != nil {
			t.Fatal(err)
		}
		return k
	}
	for i := range 2 * maxNotesEach {
		put(1, i)
	}
	if len(n.keys) != maxNotesEach || n.by["1"] != maxNotesEach {
		t.Errorf("%d notes of one node", len(n.keys))
	}
	for who := range maxNotes {
		for what := range 3 {
			put(who+2, what)
		}
	}
	if len(n.keys) != maxNotes {
		t.Errorf("%d notes", len(n.keys))
	}
	if err := n.Delete(t.Context(), put(1, 0)); err != nil || n.by["1"] != maxNotesEach-1 || len(n.keys) != maxNotes-1 {
		t.Errorf("after one is deleted %d, %d, %v", n.by["1"], len(n.keys), err)
	}
}

// TestMeetAddrs: of what is said at meeting places nothing leads into a local network.
func TestMeetAddrs(t *testing.T) {
	const id = "12D3KooWGC6TvWhfagaiFaGHnqLpoWZGpwmzZYpUJUqL7oiGHwL3"
	h := openWith(t, 1, func(*Config) {})
	var in []ma.Multiaddr
	for _, s := range strings.Fields("/ip4/192.168.1.2/tcp/1 /ip4/127.0.0.1/tcp/1 /ip4/1.2.3.4/tcp/1 /ip4/1.2.3.4/tcp/1/p2p/" + id + "/p2p-circuit /dns4/example.org/tcp/1") {
		in = append(in, ma.StringCast(s))
	}
	if got := fmt.Sprint(h.meetAddrs(in)); got != "[/ip4/1.2.3.4/tcp/1 /ip4/1.2.3.4/tcp/1/p2p/"+id+"/p2p-circuit]" {
		t.Errorf("%v", got)
	}
}

// untilLong waits for a condition, a minute at most.
func untilLong(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: not after a minute", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}
