//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestHostsPunch: two people behind routers that keep ports, and a volunteer outside
// whom both know. A topic that the volunteer does not carry goes by link, through
// the volunteer at first; then there is a straight line, and the talk goes on when the
// volunteer has gone.
func TestHostsPunch(t *testing.T) {
	n := newNATs(t, "")
	a, b := n.people(t)
	n.joinThrough(t, a, b)
	start := time.Now()
	for _, h := range []*realHost{a, b} {
		h.until("the line is straight", func() bool { return !strings.Contains(h.addressOfOther(), "/p2p-circuit") })
	}
	t.Logf("straight lines after %v: %s and %s", time.Since(start).Round(10*time.Millisecond), a.addressOfOther(), b.addressOfOther())
	for since := time.Now(); time.Since(since) < 5*time.Second; {
		talk(t, a, b) // meanwhile gossip moves over, and the relayed line is closed
	}
	n.cut(t, 0)
	talk(t, a, b)
	a.until("the volunteer has gone", func() bool { return len(a.peers()) == 1 })
	talk(t, a, b)
}

// TestHostsRelay: the same behind routers that give each connection a port of its own,
// so that no hole can be punched: the posts go through the volunteer, within seconds.
func TestHostsRelay(t *testing.T) {
	n := newNATs(t, "fully-random")
	a, b := n.people(t)
	n.joinThrough(t, a, b)
	talk(t, a, b)
	for _, h := range []*realHost{a, b} {
		if !strings.Contains(h.addressOfOther(), "/p2p-circuit") {
			t.Errorf("%s: a hole was punched through a NAT where none can be: %s", h.ns, h.addressOfOther())
		}
	}
}

// TestHostsPublic: nobody has told the node outside that others can reach it. It finds
// out when two of them have tried, and then it is a volunteer.
func TestHostsPublic(t *testing.T) {
	n := newNATs(t, "")
	n.peopleWith(t, "run", "--no-browser")
}

// talk has two people write to each other, and waits for each post.
func talk(t *testing.T, a, b *realHost) {
	t.Helper()
	for i := range 10 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		text, start := fmt.Sprint("post ", i, " at ", time.Now()), time.Now()
		from.run("post", "Side", text)
		to.until(text, func() bool { return to.has("Side", []string{text}) })
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %v", text, took)
		}
	}
}

// nats is an internet in a namespace: host 0 is on it with a public address, hosts 1
// and 2 are behind routers of their own.
type nats struct{ *lan }

func newNATs(t *testing.T, masquerade string) *nats {
	t.Helper()
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip and nft")
	}
	l := &lan{prefix: fmt.Sprintf("lnn%d", os.Getpid())}
	n := &nats{l}
	world := l.ns(-1)
	spaces := append([]string{world, n.router(1), n.router(2)}, l.all(3)...)
	t.Cleanup(func() {
		for _, ns := range spaces {
			_ = exec.Command("ip", "netns", "del", ns).Run() // it may not have come to be
		}
	})
	for _, ns := range spaces {
		must(t, "ip", "netns", "add", ns)
		must(t, "ip", "-n", ns, "link", "set", "lo", "up")
		l.dirs = append(l.dirs, filepath.Join(t.TempDir(), "data"))
	}
	forward(t, world)
	n.wire(t, world, "to0", "5.100.0.1/24", l.ns(0), "eth0", "5.100.0.2/24")
	for i := 1; i <= 2; i++ {
		r := n.router(i)
		forward(t, r)
		n.wire(t, world, fmt.Sprint("to", i), fmt.Sprintf("5.10%d.0.1/24", i), r, "wan", fmt.Sprintf("5.10%d.0.2/24", i))
		n.wire(t, r, "lan", fmt.Sprintf("192.168.1%d.1/24", i), l.ns(i), "eth0", fmt.Sprintf("192.168.1%d.2/24", i))
		// What was not asked for is dropped, as home routers do, not refused.
		must(t, "ip", "netns", "exec", r, "nft", `table ip nat {
			chain post { type nat hook postrouting priority 100; oifname "wan" masquerade `+masquerade+`; }
			chain in { type filter hook input priority 0; iifname "wan" ct state new drop; }
			chain through { type filter hook forward priority 0; iifname "wan" ct state new drop; }
		}`)
	}
	return n
}

func (n *nats) router(i int) string { return fmt.Sprintf("%sr%d", n.prefix, i) }

// wire joins two namespaces; the second one sends everything that way.
func (n *nats) wire(t *testing.T, ns, dev, addr, peer, peerDev, peerAddr string) {
	t.Helper()
	must(t, "ip", "link", "add", dev, "netns", ns, "type", "veth", "peer", "name", peerDev, "netns", peer)
	must(t, "ip", "-n", ns, "addr", "add", addr, "dev", dev)
	must(t, "ip", "-n", peer, "addr", "add", peerAddr, "dev", peerDev)
	must(t, "ip", "-n", ns, "link", "set", dev, "up")
	must(t, "ip", "-n", peer, "link", "set", peerDev, "up")
	must(t, "ip", "-n", peer, "route", "add", "default", "via", strings.TrimSuffix(addr, "/24"))
}

func forward(t *testing.T, ns string) {
	t.Helper()
	must(t, "ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
}

// people starts the three. Both follow a topic that the volunteer carries.
func (n *nats) people(t *testing.T) (a, b *realHost) {
	t.Helper()
	return n.peopleWith(t, "mirror")
}

// peopleWith is people with a volunteer that was started with other words.
func (n *nats) peopleWith(t *testing.T, words ...string) (a, b *realHost) {
	t.Helper()
	program := buildProgram(t)
	v := n.start(t, program, 0, words...)
	v.run("topic", "create", "Village", "--kind", "open")
	link := strings.TrimSpace(v.run("link", "Village"))
	a, b = n.start(t, program, 1), n.start(t, program, 2)
	for _, h := range []*realHost{a, b} {
		h.run("topic", "join", link)
	}
	for _, h := range []*realHost{a, b} {
		h.until("it has a place with the volunteer", func() bool {
			return slices.ContainsFunc(h.node().Addresses, func(a string) bool { return strings.Contains(a, "/p2p-circuit") })
		})
	}
	return a, b
}

// joinThrough has a make a topic that only b joins, and waits for the first post.
func (n *nats) joinThrough(t *testing.T, a, b *realHost) {
	t.Helper()
	a.run("topic", "create", "Side", "--kind", "open")
	start := time.Now()
	b.run("topic", "join", strings.TrimSpace(a.run("link", "Side")))
	a.run("post", "Side", "first")
	b.until("the first post", func() bool { return b.has("Side", []string{"first"}) })
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("from the link to the first post it took %v", took)
	}
}

func (h *realHost) peers() []api.Peer {
	h.t.Helper()
	return decode[struct{ Peers []api.Peer }](h, "doctor").Peers
}

// addressOfOther returns the address by which the other of the two people is connected:
// whoever is not the volunteer at 5.100.0.2 itself.
func (h *realHost) addressOfOther() string {
	h.t.Helper()
	for _, p := range h.peers() {
		if !strings.HasPrefix(p.Address, "/ip4/5.100.0.2/") || strings.Contains(p.Address, "/p2p-circuit") {
			return p.Address
		}
	}
	return "none, /p2p-circuit"
}
