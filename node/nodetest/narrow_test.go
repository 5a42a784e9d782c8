package nodetest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/reach"
)

// TestNarrow: two nodes have nothing between them but somebody's relay as it comes, with
// its limits of two minutes and 128 KiB. A link leads through it, posts go both ways,
// and what is said is counted as stored.
func TestNarrow(t *testing.T) {
	relay, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	service, err := circuit.New(relay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	open := func(seed byte) (*node.Node, *reach.Host) {
		h, err := reach.Open(t.Context(), reach.Config{Key: bytes.Repeat([]byte{seed}, 32), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
		if err != nil {
			t.Fatal(err)
		}
		n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Host: h})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
		return n, h
	}
	a, host := open(1)
	b, _ := open(2)
	if _, err := a.Connect(t.Context(), fmt.Sprintf("%s/p2p/%s", relay.Addrs()[0], relay.ID())); err != nil {
		t.Fatal(err)
	}
	wait(t, "a place with the relay", func() bool { return strings.Contains(fmt.Sprint(a.Status().Addresses), "/p2p-circuit") })
	deafen(t, host) // from now on there is no other way
	wait(t, "no other address", func() bool {
		return !slices.ContainsFunc(a.Status().Addresses, func(s string) bool { return !strings.Contains(s, "/p2p-circuit") })
	})
	for _, kind := range []node.Kind{node.OpenTopic, node.PrivateTopic} {
		mine, err := a.CreateTopic(t.Context(), node.TopicDraft{Kind: kind, Name: "Narrow"})
		if err != nil {
			t.Fatal(err)
		}
		text := mine.Link()
		if kind == node.PrivateTopic {
			invite, err := mine.Invite(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text = invite.Link
		}
		theirs, err := b.Follow(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Peers() {
			if p.ID == a.Status().PeerID {
				t.Fatalf("%+v: this is no limited line", p)
			}
		}
		wait(t, "b may write", func() bool {
			info, err := theirs.Info(t.Context())
			return err == nil && info.CanPost
		})
		wait(t, "a knows", func() bool { all, _ := mine.Members(); return kind == node.OpenTopic || len(all) == 2 })
		if _, err := mine.Post(t.Context(), node.Draft{Text: "through a narrow place"}); err != nil {
			t.Fatal(err)
		}
		wait(t, "it comes", func() bool { return has(t, theirs, "through a narrow place") })
		if _, err := theirs.Post(t.Context(), node.Draft{Text: "and back"}); err != nil {
			t.Fatal(err)
		}
		wait(t, "the answer comes", func() bool { return has(t, mine, "and back") })
		wait(t, "it is counted as stored", func() bool {
			all, _, err := mine.Messages(t.Context(), node.Page{})
			return err == nil && all[0].StoredBy == 1
		})
	}
}

// deafen stops a host from listening.
func deafen(t *testing.T, h *reach.Host) {
	t.Helper()
	network := h.LibP2P().Network()
	for _, a := range network.ListenAddresses() {
		if _, err := a.ValueForProtocol(ma.P_CIRCUIT); err != nil {
			network.(interface{ ListenClose(...ma.Multiaddr) }).ListenClose(a)
		}
	}
}

func has(t *testing.T, topic *node.Topic, text string) bool {
	t.Helper()
	all, _, err := topic.Messages(t.Context(), node.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Text == text {
			return true
		}
	}
	return false
}

// wait waits for a condition, half a minute at most.
func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	start := time.Now()
	for !done() {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("%s: not after half a minute", what)
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Logf("%s after %v", what, time.Since(start).Round(time.Millisecond))
}
