package node_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/reach"
)

// carried returns the topics that a node has for its guests.
func carried(t *testing.T, n *node.Node) (out []*node.Topic) {
	t.Helper()
	for _, topic := range n.Topics() {
		i, err := topic.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i.Carried {
			out = append(out, topic)
		}
	}
	return out
}

// TestCarry: somebody who reaches a bridge and nobody else takes part in topics of
// which the bridge had nothing, also private ones, which it cannot read.
func TestCarry(t *testing.T) {
	t.Parallel() // it waits for clocks, most of the time
	dir := t.TempDir()
	cfg := node.Config{Dir: dir, Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0", Carry: true}}
	bridge := openConfig(t, cfg)
	dora := named(t, t.TempDir(), "Dora")
	news, club := create(t, dora, node.OpenTopic), create(t, dora, node.PrivateTopic)
	post(t, news, "from outside")
	invite, err := club.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert})
	if err := carla.SetName(t.Context(), "Carla"); err != nil {
		t.Fatal(err)
	}
	if _, err := carla.AddBridge(t.Context(), newPass(t, bridge, "Carla").Link); err != nil {
		t.Fatal(err)
	}
	tc, cc := follow(t, carla, news.Link()), follow(t, carla, invite.Link)
	until(t, carla, "the post from outside", func() bool { return slices.Contains(texts(t, tc), "from outside") })
	post(t, tc, "from inside")
	until(t, dora, "the post from inside", func() bool { return slices.Contains(texts(t, news), "from inside") })
	until(t, carla, "to be let in", canPost(t, cc))
	post(t, cc, "among us")
	until(t, dora, "the private post", func() bool { return slices.Contains(texts(t, club), "among us") })
	for _, p := range carla.Peers() {
		if p.ID != bridge.Status().PeerID {
			t.Errorf("Carla is connected to %+v", p)
		}
	}
	if got := carried(t, bridge); len(got) != 2 {
		t.Fatalf("the bridge carries %d topics", len(got))
	}
	inside := topicIn(t, bridge, club)
	if got := texts(t, inside); slices.Contains(got, "among us") {
		t.Errorf("the bridge reads %q", got)
	}
	if i, err := inside.Info(t.Context()); err != nil || i.Sealing == nil || i.Sealing.Member || i.Sealing.Joining {
		t.Errorf("in the private topic the bridge is %+v, %v", i.Sealing, err)
	}

	// They are not the owner's: no backup has them, until the owner follows them too.
	into := t.TempDir()
	restore(t, into, backup(t, bridge, true))
	if got := open(t, into).Topics(); len(got) != 0 {
		t.Errorf("a backup has %d topics of guests", len(got))
	}
	follow(t, bridge, news.Link())
	if got := carried(t, bridge); len(got) != 1 || got[0].ID() != club.ID() {
		t.Errorf("still carried are %d", len(got))
	}
	bridge = reopen(t, bridge)
	if got := carried(t, bridge); len(got) != 1 || got[0].ID() != club.ID() {
		t.Errorf("after a restart %d are carried", len(got))
	}
}

// TestCarryForGuestsOnly: nothing is carried for who has not come through the bridge,
// nor by one that does not do that, nor of what is no topic.
func TestCarryForGuestsOnly(t *testing.T) {
	bridge := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0", Carry: true}})
	plain := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0"}})
	dora := open(t, t.TempDir())
	news := create(t, dora, node.OpenTopic)
	invite, err := create(t, dora, node.PrivateTopic).Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	boris := open(t, t.TempDir())
	connect(t, boris, bridge)
	guest := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert})
	for _, b := range []*node.Node{bridge, plain} {
		if _, err := guest.AddBridge(t.Context(), newPass(t, b, "guest").Link); err != nil {
			t.Fatal(err)
		}
	}
	until(t, guest, "both bridges", func() bool { return len(guest.Peers()) == 2 })
	for name, c := range map[string]struct {
		from, to *node.Node
		link     string
	}{
		"a stranger":                {boris, bridge, news.Link()},
		"by one that carries not":   {guest, plain, news.Link()},
		"not a link":                {guest, bridge, "hello"},
		"the link of another topic": {guest, bridge, create(t, dora, node.OpenTopic).Link()},
		"an invitation":             {guest, bridge, invite.Link},
	} {
		if err := c.from.AskToCarry(t.Context(), c.to.Status().PeerID, news.ID(), c.link); !errors.Is(err, node.ErrNotCarried) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for b, want := range map[*node.Node]error{bridge: nil, plain: node.ErrNotCarried} {
		if err := guest.AskToCarry(t.Context(), b.Status().PeerID, node.TopicID{}, "?"); !errors.Is(err, want) {
			t.Errorf("whether topics are carried: %v, want %v", err, want)
		}
	}
	if err := guest.AskToCarry(t.Context(), bridge.Status().PeerID, news.ID(), news.Link()); err != nil {
		t.Errorf("a guest: %v", err)
	}
	if err := boris.AskToCarry(t.Context(), bridge.Status().PeerID, news.ID(), news.Link()); err != nil {
		t.Errorf("a topic that is there: %v", err)
	}
	if got := carried(t, bridge); len(got) != 1 {
		t.Errorf("%d topics are carried", len(got))
	}

	// A guest has so many, and no more.
	for i := range 40 {
		topic := create(t, dora, node.OpenTopic)
		err := guest.AskToCarry(t.Context(), bridge.Status().PeerID, topic.ID(), topic.Link())
		if i < 31 && err != nil || i >= 32 && !errors.Is(err, node.ErrNotCarried) {
			t.Fatalf("topic %d: %v", i, err)
		}
	}
	if way := guest.Bridges()[0].Way; way != reach.WayVeil && way != reach.WayDrip {
		t.Errorf("the guest came by %s", way)
	}
}
