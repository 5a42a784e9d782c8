package nodetest_test

import (
	"testing"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/topic"
)

// TestMeetingPlace: a link without any address in it leads to the topic, by way of a
// third node that follows nothing, to which both are connected.
func TestMeetingPlace(t *testing.T) {
	var nodes []*node.Node
	for range 3 {
		n, err := node.Open(t.Context(), node.Config{
			Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, Volunteer: true, Reach: &node.ReachSettings{NoDHT: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, n)
	}
	third, a, b := nodes[0], nodes[1], nodes[2]
	for _, n := range []*node.Node{a, b} {
		if _, err := n.Connect(t.Context(), third.Status().Addresses[0]); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := a.CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Well"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Post(t.Context(), node.Draft{Text: "at the well"}); err != nil {
		t.Fatal(err)
	}
	link, err := topic.ParseLink(mine.Link())
	if err != nil {
		t.Fatal(err)
	}
	link.Peers = nil
	theirs, err := b.Follow(t.Context(), link.String())
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "found at the meeting place", func() bool { return has(t, theirs, "at the well") })
	if n := len(third.Topics()); n != 0 {
		t.Errorf("the third node follows %d topics", n)
	}
}
