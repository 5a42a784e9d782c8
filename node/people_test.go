package node_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// named opens a node of somebody.
func named(t *testing.T, dir, name string) *node.Node {
	t.Helper()
	n := open(t, dir)
	if err := n.SetName(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return n
}

func contactLink(t *testing.T, n *node.Node) string {
	t.Helper()
	link, err := n.ContactLink()
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// contactNamed returns the contact of that name, or fails.
func contactNamed(t *testing.T, n *node.Node, name string) (node.Contact, bool) {
	t.Helper()
	for _, c := range n.Contacts() {
		if c.Name == name {
			return c, true
		}
	}
	return node.Contact{}, false
}

func accept(t *testing.T, n *node.Node, name string) *node.Topic {
	t.Helper()
	until(t, n, name+"'s request", func() bool { c, ok := contactNamed(t, n, name); return ok && c.Request })
	c, _ := contactNamed(t, n, name)
	yes := true
	c, err := n.ChangeContact(t.Context(), c.ID, node.ContactChange{Accepted: &yes})
	if err != nil || c.Request {
		t.Fatalf("accept %+v, %v", c, err)
	}
	x, err := n.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestFirstContact begins a conversation with a link and nothing else.
func TestFirstContact(t *testing.T) {
	anna, boris := named(t, t.TempDir(), "Anna"), named(t, t.TempDir(), "Boris")
	c, err := boris.AddContact(t.Context(), "Write to me: "+contactLink(t, anna)+" thanks", "")
	if err != nil || c.Name != "Anna" || !c.Waiting || c.Request {
		t.Fatalf("%+v, %v", c, err)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	id := post(t, tb, "are you there?")
	if info, err := tb.Info(t.Context()); err != nil || info.Name != "Anna" || !info.CanPost || info.Whom != c.ID {
		t.Errorf("Boris sees %+v, %v", info, err)
	}
	ta := accept(t, anna, "Boris")
	until(t, anna, "Boris's question", func() bool { return slices.Contains(texts(t, ta), "are you there?") })
	until(t, anna, "to be let in", canPost(t, ta))
	if info, err := ta.Info(t.Context()); err != nil || !info.Sealing.Member || info.Sealing.Joining {
		t.Errorf("Anna, who may write, sees %+v, %v", info.Sealing, err)
	}
	post(t, ta, "here I am")
	until(t, boris, "Anna's answer", func() bool { return slices.Contains(texts(t, tb), "here I am") })
	until(t, boris, "the answer to count", func() bool { c, err := boris.Contact(c.ID); return err == nil && !c.Waiting })
	until(t, boris, "Anna's device to have it", func() bool {
		m, err := tb.Message(t.Context(), id)
		return err == nil && m.State == node.Acknowledged
	})
	for i := range 5 {
		post(t, tb, fmt.Sprint("b", i))
		until(t, anna, "a turn", func() bool { return slices.Contains(texts(t, ta), fmt.Sprint("b", i)) })
		post(t, ta, fmt.Sprint("a", i))
		until(t, boris, "a turn", func() bool { return slices.Contains(texts(t, tb), fmt.Sprint("a", i)) })
	}

	// They make sure of each other.
	sb, err := boris.Safety(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	cb, _ := contactNamed(t, anna, "Boris")
	sa, err := anna.Safety(cb.ID)
	if err != nil || !slices.Equal(sa.Groups, sb.Groups) {
		t.Fatalf("%v and %v, %v", sa, sb, err)
	}
	if got, err := boris.Compare(t.Context(), c.ID, sb.Code); err != nil || got != node.SafetyOwn {
		t.Errorf("own code: %v, %v", got, err)
	}
	if got, err := boris.Compare(t.Context(), c.ID, sa.Code); err != nil || got != node.SafetyMatch {
		t.Errorf("Anna's code: %v, %v", got, err)
	}
	if c, err := boris.Contact(c.ID); err != nil || !c.Verified {
		t.Errorf("%+v, %v", c, err)
	}
	if members, _ := tb.Members(); len(members) != 2 || members[0].Author.Account == members[1].Author.Account || members[0].Author.Account == [32]byte{} {
		t.Errorf("members %+v", members)
	}
	if _, err := boris.AddContact(t.Context(), contactLink(t, boris), ""); !errors.Is(err, node.ErrBadContact) {
		t.Errorf("one's own link: %v", err)
	}
}

// TestBlock takes nothing from somebody, listens again, and forgets the person.
func TestBlock(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	anna, boris := named(t, dirs[0], "Anna"), named(t, dirs[1], "Boris")
	old := contactLink(t, anna)
	c, err := boris.AddContact(t.Context(), old, "Anna from school")
	if err != nil || c.Name != "Anna from school" || c.Claimed != "Anna" {
		t.Fatalf("%+v, %v", c, err)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	ta := accept(t, anna, "Boris")
	until(t, anna, "to be let in", canPost(t, ta))
	cb, _ := contactNamed(t, anna, "Boris")
	change := func(blocked bool) {
		if _, err := anna.ChangeContact(t.Context(), cb.ID, node.ContactChange{Blocked: &blocked}); err != nil {
			t.Fatal(err)
		}
	}
	change(true)
	if err := anna.Close(); err != nil { // it is still so after a restart
		t.Fatal(err)
	}
	anna = open(t, dirs[0])
	if ta, err = anna.Topic(c.Topic); err != nil {
		t.Fatal(err)
	}
	post(t, tb, "can you hear me?")
	post(t, ta, "I write all the same")
	until(t, boris, "Anna's post", func() bool { return slices.Contains(texts(t, tb), "I write all the same") })
	if got := texts(t, ta); slices.Contains(got, "can you hear me?") {
		t.Errorf("somebody blocked is heard: %q", got)
	}
	change(false)
	until(t, anna, "what was said meanwhile", func() bool { return slices.Contains(texts(t, ta), "can you hear me?") })

	// Forgotten, and with a new link the old one lets nobody in.
	if err := anna.DeleteContact(t.Context(), cb.ID); err != nil {
		t.Fatal(err)
	}
	if len(anna.Contacts()) != 0 || len(anna.Topics()) != 0 {
		t.Errorf("%+v and %d topics are left", anna.Contacts(), len(anna.Topics()))
	}
	if _, err := anna.RenewContactLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	carla := named(t, t.TempDir(), "Carla")
	if _, err := carla.AddContact(t.Context(), old, ""); err != nil {
		t.Fatal(err)
	}
	dora := named(t, t.TempDir(), "Dora")
	if _, err := dora.AddContact(t.Context(), contactLink(t, anna), ""); err != nil {
		t.Fatal(err)
	}
	accept(t, anna, "Dora")
	if got := anna.Contacts(); len(got) != 1 {
		t.Errorf("an old link let somebody in: %+v", got)
	}
}

// TestNeverTogether lets two people talk who are never there at the same time,
// through a contact that both have.
func TestNeverTogether(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	carla := named(t, t.TempDir(), "Carla")
	names := []string{"Anna", "Boris"}
	befriend := func(i int) string {
		n := named(t, dirs[i], names[i])
		if _, err := n.AddContact(t.Context(), contactLink(t, carla), ""); err != nil {
			t.Fatal(err)
		}
		accept(t, carla, names[i])
		until(t, n, "Carla to answer", func() bool { c, ok := contactNamed(t, n, "Carla"); return ok && !c.Waiting })
		before := len(contactLink(t, n))
		until(t, n, "Carla to keep mail", func() bool { return len(contactLink(t, n)) > before || n.Keepers() > 0 })
		link := contactLink(t, n)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		return link
	}
	link := befriend(0)
	befriend(1)

	const posts = 50
	boris := open(t, dirs[1])
	c, err := boris.AddContact(t.Context(), link, "")
	if err != nil {
		t.Fatal(err)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	for i := range posts {
		post(t, tb, fmt.Sprint("b", i))
	}
	stored := func(n *node.Node, x *node.Topic) {
		until(t, n, "all to be kept by Carla", func() bool { return queued(t, x) == 0 })
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stored(boris, tb)

	anna := open(t, dirs[0])
	ta := accept(t, anna, "Boris")
	wants := func(prefix string) []string {
		var all []string
		for i := range posts {
			all = append(all, fmt.Sprint(prefix, i))
		}
		return all
	}
	until(t, anna, "Boris's posts", func() bool { return slices.Equal(all(t, ta), wants("b")) })
	until(t, anna, "to be let in", canPost(t, ta))
	for i := range posts {
		post(t, ta, fmt.Sprint("a", i))
	}
	stored(anna, ta)

	boris = open(t, dirs[1])
	if tb, err = boris.Topic(c.Topic); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "Anna's posts", func() bool { return slices.Equal(all(t, tb), append(wants("b"), wants("a")...)) })
	until(t, boris, "receipts", func() bool { return inState(t, tb, node.Acknowledged) == posts })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	anna = open(t, dirs[0])
	if ta, err = anna.Topic(c.Topic); err != nil {
		t.Fatal(err)
	}
	until(t, anna, "receipts", func() bool { return inState(t, ta, node.Acknowledged) == posts })
}

// each calls f with every message of a topic, oldest first.
func each(t *testing.T, x *node.Topic, f func(node.Message)) {
	t.Helper()
	for p := (node.Page{Limit: 200, After: ""}); ; {
		page, cursor, err := x.Messages(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			f(m)
		}
		if cursor.Prev == "" {
			return
		}
		p.Before = cursor.Prev
	}
}

// all returns the texts of a topic of less than a page.
func all(t *testing.T, x *node.Topic) (texts []string) {
	t.Helper()
	each(t, x, func(m node.Message) { texts = append(texts, m.Text) })
	return texts
}

func inState(t *testing.T, x *node.Topic, s node.State) (n int) {
	t.Helper()
	each(t, x, func(m node.Message) {
		if m.Author.Me && m.State == s {
			n++
		}
	})
	return n
}

func queued(t *testing.T, x *node.Topic) int {
	t.Helper()
	return inState(t, x, node.Queued) + inState(t, x, node.Handed)
}
