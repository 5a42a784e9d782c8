package pubsub

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	circuitclient "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// TestTwoLines: two nodes are connected through a relay, then straight as well, and
// the relayed connection is closed. Both go on to hear each other.
func TestTwoLines(t *testing.T) {
	for round := range 4 {
		relay, a, b := bare(t), bare(t), bare(t)
		r, err := circuit.New(relay, circuit.WithInfiniteLimits())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		heard := map[host.Host]chan string{a: make(chan string, 64), b: make(chan string, 64)}
		topics := map[host.Host]*Topic{}
		for h, out := range heard {
			if err := h.Connect(t.Context(), peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
				t.Fatal(err)
			}
			p, err := New(Config{Host: h, MessageID: func(b []byte) string { return string(b) }})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			topics[h], err = p.Join("talk", func(_ context.Context, m Message) Verdict { out <- string(m.Data); return Accept })
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := circuitclient.Reserve(t.Context(), a, peer.AddrInfo{ID: relay.ID()}); err != nil {
			t.Fatal(err)
		}
		through := ma.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", relay.Addrs()[0], relay.ID()))
		if err := b.Connect(t.Context(), peer.AddrInfo{ID: a.ID(), Addrs: []ma.Multiaddr{through}}); err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 { // one side opens its stream on the straight line
			await(t, "b knows a", func() bool { return len(topics[b].Peers()) == 1 })
		}
		straight := network.WithForceDirectDial(t.Context(), "test")
		if err := b.Connect(straight, peer.AddrInfo{ID: a.ID(), Addrs: a.Addrs()}); err != nil {
			t.Fatal(err)
		}
		await(t, "they know each other", func() bool { return len(topics[a].Peers()) == 1 && len(topics[b].Peers()) == 1 })
		closer := []host.Host{a, b}[round/2]
		other := map[host.Host]host.Host{a: b, b: a}[closer]
		for _, c := range closer.Network().ConnsToPeer(other.ID()) {
			if _, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT); err == nil {
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for from, to := range map[host.Host]host.Host{a: b, b: a} {
			var got []string
			n := 0
			await(t, fmt.Sprintf("round %d: heard after the change", round), func() bool {
				n++ // what is sent while the streams begin anew may be lost: history is for that
				text := fmt.Sprint(round, from.ID(), n)
				_ = topics[from].Publish(t.Context(), []byte(text))
				select {
				case s := <-heard[to]:
					got = append(got, s)
				case <-time.After(200 * time.Millisecond):
				}
				return n > 8 && slices.Contains(got, text)
			})
		}
	}
}

func bare(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// await waits for a condition, ten seconds at most.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%s: not after 10 s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
