package node_test

import (
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// TestHints: what was read, that somebody types and is here is seen where both want
// it, and by nobody else.
func TestHints(t *testing.T) {
	dir := t.TempDir()
	anna, boris := named(t, t.TempDir(), "Anna"), named(t, dir, "Boris")
	c, err := boris.AddContact(t.Context(), contactLink(t, anna), "")
	if err != nil {
		t.Fatal(err)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	first := post(t, tb, "first")
	ta := accept(t, anna, "Boris")
	until(t, anna, "the first", func() bool { return slices.Contains(texts(t, ta), "first") })
	state := func(id node.RecordID) node.State {
		m, err := tb.Message(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return m.State
	}
	live := func() node.Live {
		info, err := tb.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Live == nil {
			return node.Live{}
		}
		return *info.Live
	}
	if err := ta.MarkRead(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	all := node.Hints{Receipts: true, Typing: true, Presence: true}
	if err := boris.SetHints(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "Anna to have it", func() bool { return state(first) == node.Acknowledged })
	until(t, anna, "to know the other's node", func() bool { anna.Used(); ta.Typing(t.Context()); return len(anna.Peers()) > 0 })
	if l := live(); l != (node.Live{}) {
		t.Errorf("Anna shows nothing, and Boris sees %+v", l)
	}
	if err := anna.SetHints(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "to see that it was read", func() bool { return state(first) == node.Read })
	until(t, boris, "to see that Anna types", func() bool { ta.Typing(t.Context()); return live().Typing })
	until(t, boris, "to see that Anna is here", func() bool { anna.Used(); return live().Here })
	second := post(t, tb, "second")
	until(t, boris, "Anna to have the second", func() bool { return state(second) == node.Acknowledged })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	boris = open(t, dir)
	tb = topicIn(t, boris, tb)
	if state(first) != node.Read || state(second) != node.Acknowledged || boris.Hints() != all {
		t.Errorf("after a restart: %v, %v, %+v", state(first), state(second), boris.Hints())
	}
	if err := boris.SetHints(t.Context(), node.Hints{}); err != nil {
		t.Fatal(err)
	}
	if state(first) != node.Acknowledged || live() != (node.Live{}) {
		t.Errorf("Boris shows nothing, and sees %v and %+v", state(first), live())
	}
}
