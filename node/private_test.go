package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/bundle"
)

// TestPrivateTopic walks a private topic through its life: invited, read,
// restarted, removed, and kept by somebody who cannot read it.
func TestPrivateTopic(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()}
	var people []*node.Node
	for i, name := range []string{"Anna", "Boris", "Carla", "Mirror"} {
		n := open(t, dirs[i])
		if err := n.SetName(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		people = append(people, n)
	}
	anna, boris, carla, mirror := people[0], people[1], people[2], people[3]
	ta := create(t, anna, node.PrivateTopic)
	post(t, ta, "before anybody came")
	tm := follow(t, mirror, ta.Link())

	invite, err := ta.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := boris.Preview(t.Context(), invite.Link)
	if err != nil || p.Kind != node.PrivateTopic || p.Name != "Allotments" {
		t.Fatalf("preview %+v, %v", p, err)
	}
	tb := follow(t, boris, invite.Link)
	members := func(x *node.Topic) (names []string) {
		all, _ := x.Members()
		for _, m := range all {
			names = append(names, m.Author.Name)
		}
		slices.Sort(names)
		return names
	}
	until(t, anna, "Boris to be a member", func() bool { return len(members(ta)) == 2 })
	post(t, ta, "hello Boris")
	until(t, boris, "Anna's post", func() bool { return slices.Contains(texts(t, tb), "hello Boris") })
	until(t, boris, "to be let in", canPost(t, tb))
	id := post(t, tb, "hello Anna")
	until(t, anna, "Boris's post", func() bool { return slices.Contains(texts(t, ta), "hello Anna") })
	until(t, boris, "confirmation", func() bool { m, err := tb.Message(t.Context(), id); return err == nil && m.State == node.Stored })
	until(t, anna, "both names", func() bool { return slices.Equal(members(ta), []string{"Anna", "Boris"}) })
	info, err := tb.Info(t.Context())
	if err != nil || info.Name != "Allotments" || !info.CanPost || info.Role != node.Contributor {
		t.Errorf("Boris sees %+v, %v", info, err)
	}
	first, _, err := tb.Messages(t.Context(), node.Page{Limit: 1, After: ""})
	if err != nil || len(first) != 1 {
		t.Fatalf("%v, %v", first, err)
	}
	page, _, err := tb.Messages(t.Context(), node.Page{})
	if err != nil || page[0].Closed != node.ClosedBefore || page[0].Text != "" {
		t.Errorf("what was written before Boris came: %+v, %v", page[0], err)
	}

	// A seat is for one.
	again, err := carla.Follow(t.Context(), invite.Link)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ta.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := again.Info(t.Context()); err != nil || info.CanPost {
		t.Errorf("the second to use a link: %+v, %v", info, err)
	}
	tc := follow(t, carla, second.Link)
	until(t, anna, "Carla to be a member", func() bool { return len(members(ta)) == 3 })
	until(t, carla, "to be let in", canPost(t, tc))
	post(t, tc, "Carla here")
	for _, x := range []*node.Topic{ta, tb} {
		until(t, anna, "Carla's post", func() bool { return slices.Contains(texts(t, x), "Carla here") })
	}

	// It is all there after a restart, with the keys for what comes.
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	post(t, ta, "while Boris slept")
	boris = open(t, dirs[1])
	if tb, err = boris.Topic(ta.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "what was said meanwhile", func() bool { return slices.Contains(texts(t, tb), "while Boris slept") })
	if got := texts(t, tb); !slices.Contains(got, "hello Boris") || !slices.Contains(got, "hello Anna") {
		t.Errorf("after the restart: %q", got)
	}

	// Removed: reads nothing more, and may not write.
	all, _ := ta.Members()
	for _, m := range all {
		if m.Author.Name == "Boris" {
			if err := ta.Remove(t.Context(), m.Author.Writer); err != nil {
				t.Fatal(err)
			}
		}
	}
	secret := post(t, ta, "without Boris")
	until(t, carla, "Anna's post", func() bool { return slices.Contains(texts(t, tc), "without Boris") })
	until(t, boris, "the record to arrive", func() bool {
		m, err := tb.Message(t.Context(), secret)
		return err == nil && m.Closed == node.ClosedBefore
	})
	until(t, boris, "the removal to arrive", func() bool { return !canPost(t, tb)() })
	if _, err := tb.Post(t.Context(), node.Draft{Text: "still here?"}); !errors.Is(err, node.ErrMayNotPost) {
		t.Errorf("a removed member's post: %v", err)
	}
	if slices.Contains(texts(t, tb), "without Boris") {
		t.Error("a removed member reads on")
	}

	// The mirror has everything and knows nothing.
	until(t, mirror, "all records", func() bool {
		a, err := ta.Info(t.Context())
		m, merr := tm.Info(t.Context())
		return err == nil && merr == nil && m.Completeness.Have == a.Completeness.Have && m.Completeness.Missing == 0
	})
	for _, text := range texts(t, tm) {
		if text != "" {
			t.Errorf("the mirror reads %q", text)
		}
	}
	if info, err := tm.Info(t.Context()); err != nil || info.Name != "" || info.CanPost {
		t.Errorf("the mirror knows %+v, %v", info, err)
	}
	if err := mirror.Close(); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Allotments", "hello", "Anna", "Boris"} {
		if where := findIn(t, dirs[3], word); where != "" {
			t.Errorf("the mirror's disk has %q in %s", word, where)
		}
	}
}

func canPost(t *testing.T, x *node.Topic) func() bool {
	return func() bool {
		info, err := x.Info(t.Context())
		return err == nil && info.CanPost
	}
}

// findIn returns the file below dir that contains word, or nothing.
func findIn(t *testing.T, dir, word string) (where string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(word)) {
			where = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

// TestPrivateMany writes from many goroutines, so that texts are sealed and opened in bulk.
func TestPrivateMany(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.PrivateTopic)
	invite, err := ta.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tb := follow(t, boris, invite.Link)
	until(t, boris, "to be a member", canPost(t, tb))
	until(t, anna, "Boris to be a member", func() bool { all, _ := ta.Members(); return len(all) == 2 })
	const each, rounds = 40, 5
	for range rounds {
		done := make(chan error, 2*each)
		for i := range each {
			for _, x := range []*node.Topic{ta, tb} {
				go func() {
					_, err := x.Post(t.Context(), node.Draft{Text: fmt.Sprint("number ", i)})
					done <- err
				}()
			}
		}
		for range 2 * each {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []*node.Topic{ta, tb} {
		until(t, anna, "all texts", func() bool {
			n := 0
			for p := (node.Page{Limit: 200}); ; {
				page, cursor, err := x.Messages(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page {
					if m.Closed == 0 {
						n++
					}
				}
				if p.Before = cursor.Prev; p.Before == "" {
					return n == 2*each*rounds
				}
			}
		})
	}
}

// TestPrivatePast lets newcomers read what was written before they came: nothing,
// the last few, or all.
func TestPrivatePast(t *testing.T) {
	for _, c := range []struct {
		past int
		want []string
	}{
		{0, nil},
		{2, []string{"number 3", "number 4"}},
		{node.PastAll, []string{"number 0", "number 1", "number 2", "number 3", "number 4"}},
	} {
		t.Run(fmt.Sprint(c.past), func(t *testing.T) {
			anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
			ta := create(t, anna, node.PrivateTopic)
			post(t, ta, "before the setting")
			if err := ta.Change(t.Context(), node.TopicChange{Past: &c.past}); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				post(t, ta, fmt.Sprint("number ", i))
			}
			invite, err := ta.Invite(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tb := follow(t, boris, invite.Link)
			until(t, anna, "Boris to be a member", func() bool { all, _ := ta.Members(); return len(all) == 2 })
			read := func(want []string) func() bool {
				return func() bool {
					return slices.Equal(want, slices.DeleteFunc(texts(t, tb), func(s string) bool { return s == "" }))
				}
			}
			until(t, boris, "the past", read(c.want))
			post(t, ta, "hello Boris")
			until(t, boris, "what comes", read(append(c.want, "hello Boris")))
			info, err := tb.Info(t.Context())
			if err != nil || info.Sealing.Past != c.past {
				t.Errorf("Boris sees %d, %v", info.Sealing.Past, err)
			}
		})
	}
}

// TestFade lets messages disappear: those written after that was set, on all
// computers, also on one that was off.
func TestFade(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	anna, boris := open(t, dirs[0]), open(t, dirs[1])
	ta := create(t, anna, node.PrivateTopic)
	invite, err := ta.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tb := follow(t, boris, invite.Link)
	until(t, boris, "to be let in", canPost(t, tb))
	post(t, ta, "this stays")
	fade := 2 * time.Second
	if err := ta.Change(t.Context(), node.TopicChange{Fade: &fade}); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the setting", func() bool {
		i, err := tb.Info(t.Context())
		return err == nil && i.Sealing.Fade == fade
	})
	id := post(t, ta, "this goes")
	until(t, boris, "the message", func() bool { return slices.Contains(texts(t, tb), "this goes") })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	gone := func(x *node.Topic) func() bool {
		return func() bool {
			m, err := x.Message(t.Context(), id)
			return err == nil && m.Closed == node.ClosedFaded && m.Text == "" && slices.Contains(texts(t, x), "this stays")
		}
	}
	until(t, anna, "it to disappear", gone(ta))
	boris = open(t, dirs[1])
	if tb, err = boris.Topic(ta.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "it to disappear", gone(tb))
	open := create(t, anna, node.OpenTopic)
	if err := open.Change(t.Context(), node.TopicChange{Fade: &fade}); !errors.Is(err, node.ErrNotSealed) {
		t.Errorf("in an open topic: %v", err)
	}
}

// TestPrivateBundle: a bundle passes through other hands, and says nothing that
// a mirror may not know.
func TestPrivateBundle(t *testing.T) {
	anna := open(t, t.TempDir())
	if err := anna.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	ta, open := create(t, anna, node.PrivateTopic), create(t, anna, node.OpenTopic)
	post(t, ta, "meet me at nine")
	post(t, open, "meet me at nine")
	words := []string{"Allotments", "meet me at nine", "Anna"}
	in := func(x *node.Topic) (found []string) {
		var file bytes.Buffer
		if _, err := anna.Export(t.Context(), &file, []node.TopicID{x.ID()}); err != nil {
			t.Fatal(err)
		}
		r := bundle.NewReader(&file)
		var plain bytes.Buffer
		for {
			raw, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			plain.Write(raw)
		}
		fmt.Fprint(&plain, r.Manifest())
		for _, w := range words {
			if bytes.Contains(plain.Bytes(), []byte(w)) {
				found = append(found, w)
			}
		}
		return found
	}
	if got := in(open); !slices.Equal(got, words) {
		t.Errorf("the bundle of an open topic shows %q, the search does not work", got)
	}
	if got := in(ta); len(got) > 0 {
		t.Errorf("the bundle of a private topic shows %q", got)
	}
}

// TestPrivateRemove: what would change nothing is refused, and writes nothing.
func TestPrivateRemove(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.PrivateTopic)
	mine := func(x *node.Topic) node.Writer {
		all, _ := x.Members()
		i := slices.IndexFunc(all, func(m node.Member) bool { return m.Author.Me })
		return all[i].Author.Writer
	}
	invite, err := ta.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tb := follow(t, boris, invite.Link)
	until(t, boris, "to be let in", canPost(t, tb))
	until(t, anna, "Boris to be a member", func() bool { all, _ := ta.Members(); return len(all) == 2 })
	member := mine(tb)
	if err := ta.Remove(t.Context(), mine(ta)); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("an owner removes itself: %v", err)
	}
	if err := ta.Remove(t.Context(), node.Writer{1}); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := tb.Remove(t.Context(), mine(ta)); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("a member removes the owner: %v", err)
	}
	if err := create(t, anna, node.Broadcast).Remove(t.Context(), member); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("from a broadcast in which it may not write: %v", err)
	}
	if err := ta.Remove(t.Context(), member); err != nil {
		t.Error(err)
	}
	if all, _ := ta.Members(); len(all) != 1 {
		t.Errorf("left: %+v", all)
	}
	if err := ta.Remove(t.Context(), member); err == nil {
		t.Error("removed twice")
	}
}

// TestPrivateOpenInvitation: an invitation that nobody takes up must not keep
// anybody from writing when the next epoch is due.
func TestPrivateOpenInvitation(t *testing.T) {
	anna := open(t, t.TempDir())
	ta := create(t, anna, node.PrivateTopic)
	if _, err := ta.Invite(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1100)
	for i := range cap(done) {
		go func() {
			_, err := ta.Post(t.Context(), node.Draft{Text: fmt.Sprint("number ", i)})
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoles lets others write in a broadcast, run a topic with its owner, and ends
// that again; and somebody who writes nonsense in an open topic.
// TestCancelInvites: an invitation that was taken back lets nobody in, and one that
// was used before stays good.
func TestCancelInvites(t *testing.T) {
	anna, boris, carla := named(t, t.TempDir(), "Anna"), named(t, t.TempDir(), "Boris"), named(t, t.TempDir(), "Carla")
	choir := create(t, anna, node.PrivateTopic)
	var links []string
	for range 2 {
		invite, err := choir.Invite(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, invite.Link)
	}
	nb := follow(t, boris, links[0])
	until(t, boris, "to be let in", canPost(t, nb))
	if n, err := choir.CancelInvites(t.Context()); n != 1 || err != nil {
		t.Errorf("%d invitations taken back, %v, want 1", n, err)
	}
	if n, err := choir.CancelInvites(t.Context()); n != 0 || err != nil {
		t.Errorf("%d invitations taken back again, %v", n, err)
	}
	if _, err := nb.CancelInvites(t.Context()); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("a writer takes invitations back: %v", err)
	}
	nc := follow(t, carla, links[1])
	until(t, carla, "to be refused", func() bool {
		i, err := nc.Info(t.Context())
		return err == nil && i.Sealing != nil && i.Sealing.Refused
	})
	if _, invited := choir.Members(); invited != 0 {
		t.Errorf("%d invitations are open", invited)
	}
	post(t, nb, "still here")
	until(t, anna, "the post of who came before", func() bool { return slices.Contains(texts(t, choir), "still here") })
}

func TestRoles(t *testing.T) {
	anna, boris := named(t, t.TempDir(), "Anna"), named(t, t.TempDir(), "Boris")
	news := create(t, anna, node.Broadcast)
	invite, err := news.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nb := follow(t, boris, invite.Link)
	until(t, boris, "to be let in", canPost(t, nb))
	post(t, nb, "by a guest")
	until(t, anna, "the guest's post", func() bool { return slices.Contains(texts(t, news), "by a guest") })
	if _, err := nb.Invite(t.Context()); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("a guest invites: %v", err)
	}
	until(t, anna, "the guest's name", func() bool {
		all, _ := news.Members()
		return slices.ContainsFunc(all, func(m node.Member) bool { return m.Author.Name == "Boris" })
	})
	guest := func(x *node.Topic) node.Member {
		all, _ := x.Members()
		i := slices.IndexFunc(all, func(m node.Member) bool { return m.Author.Name == "Boris" })
		if i < 0 {
			t.Fatalf("no Boris among %+v", all)
		}
		return all[i]
	}
	if err := news.SetRole(t.Context(), guest(news).Author.Writer, node.Admin); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "to be an admin", func() bool { i, err := nb.Info(t.Context()); return err == nil && i.Role == node.Admin })
	if _, err := nb.Invite(t.Context()); err != nil {
		t.Errorf("an admin invites: %v", err)
	}
	if err := nb.SetRole(t.Context(), guest(news).Author.Writer, node.Owner); !errors.Is(err, node.ErrMayNotChange) {
		t.Errorf("an admin makes itself the owner: %v", err)
	}
	if err := news.Remove(t.Context(), guest(news).Author.Writer); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the end", func() bool { return !canPost(t, nb)() })
	if !slices.Contains(texts(t, news), "by a guest") {
		t.Error("what was written before is gone")
	}

	open := create(t, anna, node.OpenTopic)
	if _, err := open.Invite(t.Context()); !errors.Is(err, node.ErrNotSealed) {
		t.Errorf("an invitation to write where everybody writes: %v", err)
	}
	ob := follow(t, boris, open.Link())
	id := post(t, ob, "spam")
	until(t, anna, "the spam", func() bool { return slices.Contains(texts(t, open), "spam") })
	m, err := open.Message(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Remove(t.Context(), m.Author.Writer); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the end", func() bool { return !canPost(t, ob)() })
	if err := ob.Remove(t.Context(), m.Author.Writer); !errors.Is(err, node.ErrMayNotChange) && !errors.Is(err, node.ErrNotFound) {
		t.Errorf("a writer removes: %v", err)

	}
}

// TestPrivateRemovedReadsNothing: whatever past a member was given, it reads
// nothing that is written after its removal.
func TestPrivateRemovedReadsNothing(t *testing.T) {
	for _, past := range []int{0, 3, node.PastAll} {
		anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
		ta, err := anna.CreateTopic(t.Context(), node.TopicDraft{Kind: node.PrivateTopic, Name: "Choir", Past: past})
		if err != nil {
			t.Fatal(err)
		}
		post(t, ta, "before")
		invite, err := ta.Invite(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tb := follow(t, boris, invite.Link)
		until(t, boris, "in", canPost(t, tb))
		post(t, ta, "during")
		until(t, boris, "during", func() bool { return slices.Contains(texts(t, tb), "during") })
		all, _ := ta.Members()
		for _, m := range all {
			if !m.Author.Me {
				if err := ta.Remove(t.Context(), m.Author.Writer); err != nil {
					t.Fatal(err)
				}
			}
		}
		id := post(t, ta, "after the removal")
		until(t, boris, "the record", func() bool { _, err := tb.Message(t.Context(), id); return err == nil })
		until(t, boris, "the removal", func() bool {
			m, _ := tb.Message(t.Context(), id)
			return !canPost(t, tb)() && m.Closed != node.ClosedPending
		})
		m, err := tb.Message(t.Context(), id)
		if err != nil || m.Text != "" || m.Closed != node.ClosedBefore {
			t.Errorf("past %d: a removed member reads %q, %d, %v", past, m.Text, m.Closed, err)
		}
	}
}
