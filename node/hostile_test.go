package node_test

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/pubsub"
)

// TestHostileRecords has a program that knows a topic send what no honest one
// would. Nothing of it is stored or shown, and an honest post behind it is.
func TestHostileRecords(t *testing.T) {
	anna := open(t, t.TempDir())
	topic := create(t, anna, node.OpenTopic)
	post(t, topic, "before")

	evil, err := libp2p.New(libp2p.Transport(tcp.NewTCPTransport), libp2p.ListenAddrStrings(loopback), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	info, err := peer.AddrInfoFromString(anna.Status().Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := evil.Connect(t.Context(), *info); err != nil {
		t.Fatal(err)
	}
	mesh, err := pubsub.New(pubsub.Config{Host: evil, MessageID: func(b []byte) string { return string(b[:min(len(b), 64)]) }})
	if err != nil {
		t.Fatal(err)
	}
	defer mesh.Close()
	joined, err := mesh.Join(node.GossipName(topic.ID()), func(context.Context, pubsub.Message) pubsub.Verdict { return pubsub.Ignore })
	if err != nil {
		t.Fatal(err)
	}
	until(t, anna, "the mesh", func() bool { i, _ := topic.Info(t.Context()); return i.Followers == 1 && len(joined.Peers()) == 1 })

	key := func(n byte) ed25519.PrivateKey {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = n
		return ed25519.NewKeyFromSeed(seed)
	}
	now := time.Now().UnixMilli()
	sign := func(n byte, h record.Header, text string) []byte {
		t.Helper()
		body, err := message.Post{Text: text}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r, err := record.Sign(h, body, key(n))
		if err != nil {
			t.Fatal(err)
		}
		return r.Bytes()
	}
	header := record.Header{Topic: topic.ID(), Seq: 1, Time: now, Kind: record.KindPost}
	good := sign(1, header, "honest")
	forged := slices.Clone(sign(2, header, "forged signature"))
	forged[len(forged)-len("forged signature")-20] ^= 1 // inside the signature
	altered := slices.Clone(sign(3, header, "altered body!"))
	altered[len(altered)-1] ^= 1
	other, ahead, back := header, header, header
	other.Topic[0] ^= 1
	ahead.Time = now + 3*record.MaxAhead.Milliseconds()
	first := sign(6, header, "first of six")
	second, err := record.Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	back.Seq, back.Prev, back.Time = 2, second.ID(), now-1000
	fork := header
	fork.Time++
	bare, err := second.WithoutBody()
	if err != nil {
		t.Fatal(err)
	}
	empty, err := record.Sign(header, []byte{0xa0}, key(7))
	if err != nil {
		t.Fatal(err)
	}
	send := func(raws ...[]byte) {
		for _, raw := range raws {
			if err := joined.Publish(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(good, first)
	until(t, anna, "two right ones", func() bool { return len(texts(t, topic)) == 3 })
	send(sign(6, fork, "a second first of six"))
	until(t, anna, "the fork is noticed", func() bool { i, _ := topic.Info(t.Context()); return len(i.Completeness.Forks) == 1 })
	send([]byte("nonsense"), make([]byte, 60_000), forged, altered, bare.Bytes(), empty.Bytes(), sign(6, back, "time goes back"),
		sign(4, other, "of another topic"), sign(5, ahead, "from the future"))

	// Somebody else is heard as before.
	boris := open(t, t.TempDir())
	tb := follow(t, boris, topic.Link())
	post(t, tb, "after all that")
	until(t, anna, "an honest post", func() bool { return slices.Contains(texts(t, topic), "after all that") })
	until(t, boris, "the proof of the fork", func() bool { i, _ := tb.Info(t.Context()); return len(i.Completeness.Forks) == 1 })
	got := texts(t, topic)
	slices.Sort(got)
	if want := []string{"after all that", "before", "honest"}; !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	if err := anna.CheckStore(t.Context()); err != nil {
		t.Error(err)
	}
}
