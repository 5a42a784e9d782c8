package node_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// TestLateJoiner follows a topic whose posts were all written before anybody was
// there, from its author, and again from the follower when the author is gone.
func TestLateJoiner(t *testing.T) {
	const posts = 3000
	anna, boris, carla := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	ta, err := anna.CreateTopic(t.Context(), node.TopicDraft{Kind: node.Broadcast, Name: "News"})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range posts {
		want = append(want, fmt.Sprint("post ", i))
		post(t, ta, want[i])
	}
	tb := follow(t, boris, ta.Link())
	all := func(t *testing.T, topic *node.Topic) bool {
		i, err := topic.Info(t.Context())
		return err == nil && i.Completeness.Posts == posts && i.Completeness.Missing == 0
	}
	until(t, boris, "all posts", func() bool { return all(t, tb) })
	if got := allTexts(t, tb); !slices.Equal(got, want) {
		t.Errorf("%d posts, in another order or altered", len(got))
	}
	link := tb.Link()
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	tc := follow(t, carla, link)
	until(t, carla, "all posts from a follower", func() bool { return all(t, tc) })
	if got := allTexts(t, tc); !slices.Equal(got, want) {
		t.Errorf("%d posts, in another order or altered", len(got))
	}
	for _, n := range []*node.Node{boris, carla} {
		if err := n.CheckStore(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// allTexts reads a topic page by page, from its end back.
func allTexts(t *testing.T, topic *node.Topic) (out []string) {
	t.Helper()
	p := node.Page{Limit: 200}
	for {
		page, c, err := topic.Messages(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range slices.Backward(page) {
			out = append(out, m.Text)
		}
		if p.Before = c.Prev; c.Prev == "" {
			slices.Reverse(out)
			return out
		}
	}
}
