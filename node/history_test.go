package node_test

import (
	"errors"
	"fmt"
	"os"
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

// TestKeep drops texts by number, serves what is left, and gets the texts back.
func TestKeep(t *testing.T) {
	const posts = 50
	dir := t.TempDir()
	anna, boris, carla := open(t, dir), open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.OpenTopic)
	tb := follow(t, boris, ta.Link())
	mine := post(t, tb, "by Boris")
	until(t, anna, "Boris's post", func() bool { return len(texts(t, ta)) == 1 })
	for i := range posts {
		post(t, ta, fmt.Sprint("post ", i))
	}
	until(t, boris, "all posts", func() bool { i, _ := tb.Info(t.Context()); return i.Completeness.Posts == posts+1 })
	if err := tb.SetKeep(t.Context(), node.Keep{Last: 10, Days: 1}); !errors.Is(err, node.ErrKeep) {
		t.Errorf("both: %v", err)
	}
	if err := tb.SetKeep(t.Context(), node.Keep{Last: 10}); err != nil {
		t.Fatal(err)
	}
	without := func(topic *node.Topic) (n int) {
		page, _, err := topic.Messages(t.Context(), node.Page{Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			if m.Bodiless {
				n++
			}
		}
		return n
	}
	if n := without(tb); n != posts-10 {
		t.Errorf("%d posts without their text, want %d", n, posts-10)
	}
	if m, err := tb.Message(t.Context(), mine); err != nil || m.Bodiless {
		t.Errorf("an own text was dropped: %+v, %v", m, err)
	}
	if i, err := tb.Info(t.Context()); err != nil || i.Completeness.Missing != 0 || i.Completeness.Posts != posts+1 || i.Keep.Last != 10 {
		t.Errorf("%+v, %v", i, err)
	}
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}

	// A newcomer gets what there is, and the texts when somebody comes who has them.
	tc := follow(t, carla, tb.Link())
	until(t, carla, "all that Boris has", func() bool { i, _ := tc.Info(t.Context()); return i.Completeness.Posts == posts+1 })
	if n := without(tc); n != posts-10 {
		t.Errorf("the newcomer has %d posts without their text, want %d", n, posts-10)
	}
	anna = open(t, dir)
	if _, err := anna.Connect(t.Context(), carla.Status().Addresses[0]); err != nil {
		t.Fatal(err)
	}
	until(t, carla, "the texts", func() bool { return without(tc) == 0 })
	if err := tb.SetKeep(t.Context(), node.Keep{}); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the texts again", func() bool { return without(tb) == 0 })
	for _, n := range []*node.Node{boris, carla} {
		if err := n.CheckStore(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestOldCopy opens an old copy of a data folder, as after a restored disk: what
// this device wrote since comes back from others, and its chain goes on unforked.
func TestOldCopy(t *testing.T) {
	dir, old := t.TempDir(), t.TempDir()
	anna, boris := open(t, t.TempDir()), open(t, dir)
	ta := create(t, anna, node.OpenTopic)
	tb := follow(t, boris, ta.Link())
	post(t, tb, "one")
	until(t, anna, "the first", func() bool { return len(texts(t, ta)) == 1 })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	boris = open(t, dir)
	tb = must(t)(boris.Topic(ta.ID()))
	post(t, tb, "two")
	until(t, anna, "the second", func() bool { return len(texts(t, ta)) == 2 })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	boris = open(t, old)
	tb = must(t)(boris.Topic(ta.ID()))
	until(t, boris, "the lost post", func() bool { return len(texts(t, tb)) == 2 })
	post(t, tb, "three")
	until(t, anna, "the third", func() bool { return slices.Equal(texts(t, ta), []string{"one", "two", "three"}) })
	for _, topic := range []*node.Topic{ta, tb} {
		if i, err := topic.Info(t.Context()); err != nil || len(i.Completeness.Forks) != 0 || i.Completeness.Missing != 0 {
			t.Errorf("%+v, %v", i.Completeness, err)
		}
	}
}

// TestTwoCopies runs two copies of one data folder in turn, both writing with
// nobody there: the fork is found, shown to all, and nothing that was written is lost.
func TestTwoCopies(t *testing.T) {
	for _, kind := range []node.Kind{node.OpenTopic, node.Broadcast} {
		dir, other := t.TempDir(), t.TempDir()
		boris, anna := open(t, dir), open(t, t.TempDir())
		tb := create(t, boris, kind)
		ta := follow(t, anna, tb.Link())
		post(t, tb, "one")
		until(t, anna, "the first", func() bool { return len(texts(t, ta)) == 1 })
		if err := boris.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		for i, d := range []string{dir, other} {
			copy, err := node.Open(t.Context(), node.Config{Dir: d, Listen: []string{loopback}, LANOnly: true, NoMDNS: true})
			if err != nil {
				t.Fatal(err)
			}
			post(t, must(t)(copy.Topic(ta.ID())), fmt.Sprint("by copy ", i))
			if err := copy.Close(); err != nil {
				t.Fatal(err)
			}
		}
		boris = open(t, dir)
		if _, err := boris.Connect(t.Context(), anna.Status().Addresses[0]); err != nil {
			t.Fatal(err)
		}
		until(t, anna, "the first copy's", func() bool { return slices.Contains(texts(t, ta), "by copy 0") })
		if err := boris.Close(); err != nil {
			t.Fatal(err)
		}
		boris = open(t, other)
		if _, err := boris.Connect(t.Context(), anna.Status().Addresses[0]); err != nil {
			t.Fatal(err)
		}
		until(t, anna, "everything", func() bool {
			i, err := ta.Info(t.Context())
			got := texts(t, ta)
			return err == nil && len(i.Completeness.Forks) == 1 && slices.Contains(got, "one") && slices.Contains(got, "by copy 0") && slices.Contains(got, "by copy 1")
		})
		until(t, boris, "the writer has it too", func() bool {
			tb := must(t)(boris.Topic(ta.ID()))
			return slices.Contains(texts(t, tb), "by copy 0") && slices.Contains(texts(t, tb), "by copy 1")
		})
		post(t, must(t)(boris.Topic(ta.ID())), "goes on")
		until(t, anna, "what comes after", func() bool { return slices.Contains(texts(t, ta), "goes on") })
	}
}

func must(t *testing.T) func(*node.Topic, error) *node.Topic {
	return func(topic *node.Topic, err error) *node.Topic {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return topic
	}
}
