package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/node"
)

// TestMain shows that every node that a test opened is gone to the last goroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const loopback = "/ip4/127.0.0.1/tcp/0"

func open(t *testing.T, dir string) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{loopback}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

func create(t *testing.T, n *node.Node, kind node.Kind) *node.Topic {
	t.Helper()
	topic, err := n.CreateTopic(t.Context(), node.TopicDraft{Kind: kind, Name: "Allotments", Description: "Plot 1 to 40"})
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func follow(t *testing.T, n *node.Node, link string) *node.Topic {
	t.Helper()
	topic, err := n.Follow(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func post(t *testing.T, topic *node.Topic, text string) node.RecordID {
	t.Helper()
	id, err := topic.Post(t.Context(), node.Draft{Text: text})
	if err != nil {
		t.Fatalf("post %q: %v", text, err)
	}
	return id
}

func texts(t *testing.T, topic *node.Topic) (out []string) {
	t.Helper()
	page, _, err := topic.Messages(t.Context(), node.Page{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page {
		out = append(out, m.Text)
	}
	return out
}

// until waits for a condition, woken by events, for half a minute at most.
func until(t *testing.T, n *node.Node, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sub := n.Subscribe(node.EventFilter{})
	defer sub.Close()
	for !done() {
		step, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		_, err := sub.Next(step)
		stop()
		if ctx.Err() != nil {
			t.Fatalf("%s: still not after 30 s", what)
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func TestTwoNodesTalk(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	anna, boris := open(t, dirs[0]), open(t, dirs[1])
	if err := anna.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	if err := boris.SetName(t.Context(), " Boris "); err != nil {
		t.Fatal(err)
	}
	ta := create(t, anna, node.OpenTopic)

	p, err := boris.Preview(t.Context(), "Follow: "+ta.Link())
	if err != nil || !p.Verified || p.Joined || p.Name != "Allotments" || p.Description != "Plot 1 to 40" || p.Kind != node.OpenTopic {
		t.Fatalf("preview %+v, %v", p, err)
	}
	if len(boris.Topics()) != 0 {
		t.Fatal("a preview joined the topic")
	}
	tb := follow(t, boris, ta.Link())
	if info, err := tb.Info(t.Context()); err != nil || info.Name != "Allotments" || !info.CanPost || info.Completeness.Waiting {
		t.Fatalf("joined %+v, %v", info, err)
	}
	until(t, anna, "mesh", func() bool { i, _ := ta.Info(t.Context()); return i.Followers == 1 })
	post(t, ta, "hello")
	until(t, boris, "Anna's post", func() bool { return slices.Equal(texts(t, tb), []string{"hello"}) })
	reply, err := tb.Post(t.Context(), node.Draft{Text: "see https://example.org", ReplyTo: mustLast(t, tb).ID})
	if err != nil {
		t.Fatal(err)
	}
	until(t, anna, "Boris's post and name", func() bool { m, err := ta.Message(t.Context(), reply); return err == nil && m.Author.Name == "Boris" })
	m, err := ta.Message(t.Context(), reply)
	if err != nil || m.Author.Me || m.State != node.Received || len(m.Links) != 1 || m.ReplyTo.IsZero() {
		t.Errorf("%+v, %v", m, err)
	}
	until(t, boris, "confirmation", func() bool { m, _ := tb.Message(t.Context(), reply); return m.State == node.Stored })

	// Unread: Anna has one, reads it, has none.
	if i, _ := ta.Info(t.Context()); i.Unread != 1 {
		t.Errorf("Anna has %d unread", i.Unread)
	}
	if err := ta.MarkRead(t.Context(), reply); err != nil {
		t.Fatal(err)
	}
	if err := ta.SetDraft(t.Context(), "half a thou"); err != nil {
		t.Fatal(err)
	}
	link := ta.Link()
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}

	// It is all there after a restart, and goes on by itself.
	anna = open(t, dirs[0])
	ta, err = anna.Topic(ta.ID())
	if err != nil {
		t.Fatal(err)
	}
	info, err := ta.Info(t.Context())
	if err != nil || info.Unread != 0 || info.Draft != "half a thou" || info.ReadUpTo != reply || info.Role != node.Owner {
		t.Errorf("after the restart %+v, %v", info, err)
	}
	if got := texts(t, ta); !slices.Equal(got, []string{"hello", "see https://example.org"}) {
		t.Errorf("after the restart %q", got)
	}
	if anna.Me().Name != "Anna" {
		t.Errorf("name %q", anna.Me().Name)
	}
	if again := follow(t, anna, link); again != ta {
		t.Error("following one's own topic made another")
	}
}

func mustLast(t *testing.T, topic *node.Topic) node.Message {
	t.Helper()
	i, err := topic.Info(t.Context())
	if err != nil || i.Last == nil {
		t.Fatalf("no last message: %v", err)
	}
	return *i.Last
}

func TestQueuedPostGoesOut(t *testing.T) {
	dir := t.TempDir()
	anna := open(t, dir)
	ta := create(t, anna, node.Broadcast)
	id := post(t, ta, "nobody hears this yet")
	if m, err := ta.Message(t.Context(), id); err != nil || m.State != node.Queued || !m.Author.Me {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	anna = open(t, dir)
	ta, err := anna.Topic(ta.ID())
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ta.Message(t.Context(), id); err != nil || m.State != node.Queued {
		t.Fatalf("after a restart %+v, %v", m, err)
	}
	boris := open(t, t.TempDir())
	tb := follow(t, boris, ta.Link())
	until(t, boris, "the queued post", func() bool { return len(texts(t, tb)) == 1 })
	until(t, anna, "confirmation", func() bool { m, _ := ta.Message(t.Context(), id); return m.State == node.Stored && m.StoredBy == 1 })
}

func TestRights(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.Broadcast)
	tb := follow(t, boris, ta.Link())
	if _, err := tb.Post(t.Context(), node.Draft{Text: "x"}); !errors.Is(err, node.ErrMayNotPost) {
		t.Errorf("a reader posts: %v", err)
	}
	name := "Mine now"
	if err := tb.Change(t.Context(), node.TopicChange{Name: &name}); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("a reader renames: %v", err)
	}
	if i, err := tb.Info(t.Context()); err != nil || i.CanPost || i.Role != node.Reader {
		t.Errorf("%+v, %v", i, err)
	}
	name = "Allotments 2027"
	if err := ta.Change(t.Context(), node.TopicChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the new name", func() bool { i, _ := tb.Info(t.Context()); return i.Name == name && i.Description == "Plot 1 to 40" })
}

func TestDraftErrors(t *testing.T) {
	n := open(t, t.TempDir())
	topic := create(t, n, node.OpenTopic)
	for text, want := range map[string]error{"": node.ErrEmpty, "  ": node.ErrEmpty, strings.Repeat("x", 70_000): node.ErrLong} {
		if _, err := topic.Post(t.Context(), node.Draft{Text: text}); !errors.Is(err, want) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 200), "a\u202eb"} {
		if err := n.SetName(t.Context(), name); !errors.Is(err, node.ErrBadName) {
			t.Errorf("name %.10q: %v", name, err)
		}
		if _, err := n.CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: name}); !errors.Is(err, node.ErrBadName) {
			t.Errorf("topic %.10q: %v", name, err)
		}
	}
	for _, link := range []string{"", "hello", topic.Link()[:50]} {
		if _, err := n.Follow(t.Context(), link); !errors.Is(err, node.ErrBadLink) {
			t.Errorf("link %q: %v", link, err)
		}
		if _, err := n.Preview(t.Context(), link); !errors.Is(err, node.ErrBadLink) {
			t.Errorf("link %q: %v", link, err)
		}
	}
	for _, a := range []string{"", "x", "/ip4/127.0.0.1/tcp/1", n.Status().Addresses[0]} {
		if _, err := n.Connect(t.Context(), a); !errors.Is(err, node.ErrBadAddress) {
			t.Errorf("address %q: %v", a, err)
		}
	}
	gone := "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGRUuPRdQYqVkLrqfxB6q3jZs8kEvEyKpQoHvbGkVYX7h"
	if _, err := n.Connect(t.Context(), gone); !errors.Is(err, node.ErrUnreachable) && !errors.Is(err, node.ErrBadAddress) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := n.Topic(node.TopicID{1}); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("an unknown topic: %v", err)
	}
}

func TestDraftKey(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	topic := create(t, n, node.OpenTopic)
	d := node.Draft{Text: "once", Key: "k1"}
	first, err := topic.Post(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := topic.Post(t.Context(), d); err != nil || again != first {
		t.Errorf("again %v, %v", again, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = open(t, dir)
	if topic, err = n.Topic(topic.ID()); err != nil {
		t.Fatal(err)
	}
	if again, err := topic.Post(t.Context(), d); err != nil || again != first {
		t.Errorf("after a restart %v, %v", again, err)
	}
	if got := texts(t, topic); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestPages(t *testing.T) {
	n := open(t, t.TempDir())
	topic := create(t, n, node.OpenTopic)
	var ids []node.RecordID
	for i := range 25 {
		ids = append(ids, post(t, topic, fmt.Sprint("message ", i)))
	}
	var back []string
	p := node.Page{Limit: 10}
	for {
		page, c, err := topic.Messages(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range page {
			got = append(got, m.Text)
		}
		back = append(got, back...)
		if c.Prev == "" {
			break
		}
		p.Before = c.Prev
	}
	if !slices.Equal(back, texts(t, topic)) || len(back) != 25 {
		t.Errorf("backwards %q", back)
	}
	_, c, err := topic.Messages(t.Context(), node.Page{Limit: 5, Around: ids[3]})
	if err != nil || c.Prev == "" || c.Next == "" {
		t.Fatalf("%+v, %v", c, err)
	}
	page, c, err := topic.Messages(t.Context(), node.Page{Limit: 200, After: c.Next})
	if err != nil || c.Next != "" || len(page) == 0 || page[len(page)-1].ID != ids[24] {
		t.Errorf("forwards: %d, %+v, %v", len(page), c, err)
	}
	if _, _, err := topic.Messages(t.Context(), node.Page{Before: "nonsense"}); !errors.Is(err, node.ErrBadCursor) {
		t.Errorf("%v", err)
	}
	if _, _, err := topic.Messages(t.Context(), node.Page{Around: node.RecordID{1}}); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("%v", err)
	}
	found, whole, err := n.Search(t.Context(), "MESSAGE 1", nil, 50)
	if err != nil || !whole || len(found) != 12 || found[0].Text != "message 21" {
		t.Errorf("%d found, whole %v, %v", len(found), whole, err)
	}
}

func TestEvents(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	head := n.Head()
	sub := n.Subscribe(node.EventFilter{After: head})
	defer sub.Close()
	topic := create(t, n, node.OpenTopic)
	id := post(t, topic, "x")
	want := []node.EventType{node.TopicCreated, node.MessageCreated}
	var last node.Event
	for len(want) > 0 {
		ev, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Type == want[0] {
			want = want[1:]
			last = ev
		}
	}
	if last.Record != id || last.Topic != topic.ID() || last.Cursor == "" {
		t.Errorf("%+v", last)
	}
	for after, want := range map[string]error{"x": node.ErrBadCursor, "00000000-1": node.ErrLagged, strings.Split(head, "-")[0] + "-999999": node.ErrLagged} {
		s := n.Subscribe(node.EventFilter{After: after})
		if _, err := s.Next(t.Context()); !errors.Is(err, want) {
			t.Errorf("after %q: %v, want %v", after, err, want)
		}
		s.Close()
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Next(t.Context()); !errors.Is(err, node.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	// A cursor outlives the process.
	n = open(t, dir)
	resumed := n.Subscribe(node.EventFilter{After: head})
	defer resumed.Close()
	if ev, err := resumed.Next(t.Context()); err != nil || ev.Type != node.TopicCreated {
		t.Errorf("resumed: %+v, %v", ev, err)
	}
}

func TestLeave(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	topic := create(t, n, node.OpenTopic)
	post(t, topic, "x")
	if err := topic.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := topic.Leave(t.Context()); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("left twice: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if n = open(t, dir); len(n.Topics()) != 0 {
		t.Errorf("%d topics after a restart", len(n.Topics()))
	}
	if err := n.CheckStore(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := node.Open(t.Context(), node.Config{}); err == nil {
		t.Error("no Dir")
	}
	dir := t.TempDir()
	n := open(t, dir)
	if _, err := node.Open(t.Context(), node.Config{Dir: dir}); !errors.Is(err, node.ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	busy := n.Status().Addresses[0]
	busy = busy[:strings.Index(busy, "/p2p/")]
	if _, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Listen: []string{busy}}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("busy port: %v", err)
	}
	for _, bad := range []node.Config{
		{Listen: []string{"/ip4/nonsense"}},
		{Listen: []string{loopback}, Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}},
	} {
		bad.Dir = t.TempDir()
		if _, err := node.Open(t.Context(), bad); !errors.Is(err, node.ErrBadAddress) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	if err := os.WriteFile(key, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Open(t.Context(), node.Config{Dir: dir}); !errors.Is(err, node.ErrWrongKey) {
		t.Errorf("wrong key: %v", err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Open(t.Context(), node.Config{Dir: dir}); !errors.Is(err, node.ErrWrongKey) {
		t.Errorf("no key: %v", err)
	}
}

// TestUnreachableLink joins while nobody is there: the topic shows up, says that
// it waits, and fills once somebody is.
func TestUnreachableLink(t *testing.T) {
	dir := t.TempDir()
	anna := open(t, dir)
	address := anna.Status().Addresses[0]
	listen := address[:strings.Index(address, "/p2p/")]
	ta := create(t, anna, node.OpenTopic)
	link := ta.Link()
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	boris := open(t, t.TempDir())
	p, err := boris.Preview(t.Context(), link)
	if err != nil || p.Verified || p.Name != "Allotments" {
		t.Errorf("preview %+v, %v", p, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	tb, err := boris.Follow(ctx, link)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := tb.Info(t.Context()); err != nil || !i.Completeness.Waiting || i.Name != "Allotments" || i.CanPost {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := tb.Post(t.Context(), node.Draft{Text: "x"}); !errors.Is(err, node.ErrNotReady) {
		t.Errorf("post while waiting: %v", err)
	}
	anna, err = node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{listen}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	defer anna.Close()
	until(t, boris, "the genesis", func() bool { i, _ := tb.Info(t.Context()); return !i.Completeness.Waiting })
	post(t, tb, "there you are")
}

func TestTogether(t *testing.T) {
	n := open(t, t.TempDir())
	topic := create(t, n, node.OpenTopic)
	const writers, each = 16, 20
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				if _, err := topic.Post(t.Context(), node.Draft{Text: fmt.Sprint(w, " ", i)}); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	info, err := topic.Info(t.Context())
	if err != nil || info.Completeness.Missing != 0 || info.Completeness.Have != 1+writers*each {
		t.Errorf("%+v, %v", info.Completeness, err)
	}
}
