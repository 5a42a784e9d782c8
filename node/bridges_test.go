package node_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/topic"
)

// asBridge is a node that is a bridge at an address to which no packet gets.
func asBridge(t *testing.T, dir, name string, contacts bool) (*node.Node, *node.FakeDoors) {
	t.Helper()
	key := sha256.Sum256([]byte(dir))
	h, err := reach.Open(t.Context(), reach.Config{Key: key[:], Listen: []string{loopback}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	n := openConfig(t, node.Config{Dir: dir, Host: h, Bridge: &node.BridgeConfig{Title: "Zoë's", Contacts: contacts}})
	if name != "" {
		if err := n.SetName(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return n, n.FakeDoors("192.0.2.7:443")
}

func newPass(t *testing.T, n *node.Node, name string) node.Pass {
	t.Helper()
	p, err := n.NewPass(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// passIn returns the pass of a bridge link.
func passIn(t *testing.T, link string) reach.Pass {
	t.Helper()
	l, err := reach.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	return reach.Pass(l.Door[1 : 1+reach.PassSize])
}

// TestPasses makes, shows, uses and takes back passes, also over restarts.
func TestPasses(t *testing.T) {
	dir := t.TempDir()
	n, doors := asBridge(t, dir, "", false)
	if !n.IsBridge() || len(n.Passes()) != 0 {
		t.Errorf("a fresh bridge has passes %+v", n.Passes())
	}
	doors.Move("")
	if _, err := n.NewPass(t.Context(), "Anna"); !errors.Is(err, node.ErrNoDoor) {
		t.Errorf("a link without an address: %v", err)
	}
	doors.Move("192.0.2.7:443")
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 300)} {
		if _, err := n.NewPass(t.Context(), name); !errors.Is(err, node.ErrBadName) {
			t.Errorf("a pass for %.10q: %v", name, err)
		}
	}
	anna, boris := newPass(t, n, " Anna "), newPass(t, n, "Boris")
	if anna.Name != "Anna" || anna.Revoked || !anna.Used.IsZero() || anna.ID == boris.ID || anna.Link == boris.Link {
		t.Errorf("%+v, %+v", anna, boris)
	}
	if got := doors.Passes(); len(got) != 2 || !slices.Contains(got, passIn(t, anna.Link)) {
		t.Errorf("let in are %x", got)
	}
	n.PassUsed(passIn(t, anna.Link))
	n.PassUsed(reach.Pass{9})
	until(t, n, "the use", func() bool { return !find(n.Passes(), anna.ID).Used.IsZero() })
	used := find(n.Passes(), anna.ID).Used

	if err := n.RevokePass(t.Context(), boris.ID); err != nil {
		t.Fatal(err)
	}
	if err := n.RevokePass(t.Context(), "ff"); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("a pass that is none: %v", err)
	}
	if got := doors.Passes(); !slices.Equal(got, []reach.Pass{passIn(t, anna.Link)}) {
		t.Errorf("let in are %x", got)
	}
	if p := find(n.Passes(), boris.ID); !p.Revoked || p.Link != "" {
		t.Errorf("taken back it is %+v", p)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	n, doors = asBridge(t, dir, "", false)
	if got := doors.Passes(); !slices.Equal(got, []reach.Pass{passIn(t, anna.Link)}) {
		t.Errorf("after a restart let in are %x", got)
	}
	if p := find(n.Passes(), anna.ID); p.Link != anna.Link || !p.Used.Equal(used) {
		t.Errorf("after a restart %+v, before %+v", p, anna)
	}
	n.PassUsed(passIn(t, anna.Link)) // within the hour it is not written again
	plain := open(t, t.TempDir())
	if _, err := plain.NewPass(t.Context(), "Anna"); !errors.Is(err, node.ErrNoBridge) {
		t.Errorf("no bridge makes a pass: %v", err)
	}
	if _, err := create(t, plain, node.OpenTopic).LinkByBridge(t.Context(), "Anna"); !errors.Is(err, node.ErrNoBridge) {
		t.Errorf("no bridge makes a link: %v", err)
	}
	if p := find(n.Passes(), anna.ID); !p.Used.Equal(used) {
		t.Errorf("used at %s and at %s", used, p.Used)
	}
}

func find(all []node.Pass, id string) node.Pass {
	for _, p := range all {
		if p.ID == id {
			return p
		}
	}
	return node.Pass{}
}

// TestBridges takes bridge links, keeps them over a restart, and gives them up.
func TestBridges(t *testing.T) {
	dir := t.TempDir()
	bridge, _ := asBridge(t, t.TempDir(), "", false)
	n := open(t, dir)
	first := newPass(t, bridge, "first")
	b, known, err := n.PreviewBridge("Try " + first.Link)
	if err != nil || known || b.Name != "Zoë's" || b.ID != bridge.Status().PeerID || len(n.Bridges()) != 0 {
		t.Fatalf("%+v, %v, %v", b, known, err)
	}
	if b, err = n.AddBridge(t.Context(), first.Link); err != nil || b.Connected {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, known, err := n.PreviewBridge(first.Link); err != nil || !known {
		t.Errorf("known %v, %v", known, err)
	}
	if _, err := n.AddBridge(t.Context(), newPass(t, bridge, "second").Link); err != nil || len(n.Bridges()) != 1 {
		t.Errorf("a newer link of the same bridge: %+v, %v", n.Bridges(), err)
	}
	news := create(t, bridge, node.OpenTopic)
	for what, link := range map[string]string{"nothing": "", "words": "hello", "a topic": news.Link(), "a person": contactLink(t, bridge), "half": first.Link[:60]} {
		if _, err := n.AddBridge(t.Context(), link); !errors.Is(err, node.ErrBadBridge) {
			t.Errorf("%s is taken: %v", what, err)
		}
	}
	if _, err := bridge.AddBridge(t.Context(), first.Link); !errors.Is(err, node.ErrBadBridge) {
		t.Errorf("one's own bridge: %v", err)
	}

	// Each kind of link is told from the others.
	for _, link := range []string{first.Link, contactLink(t, bridge)} {
		if _, err := n.Follow(t.Context(), link); !errors.Is(err, topic.ErrNotTopic) || !errors.Is(err, node.ErrBadLink) {
			t.Errorf("%.12s is followed: %v", link, err)
		}
		if _, err := n.Preview(t.Context(), link); !errors.Is(err, topic.ErrNotTopic) {
			t.Errorf("%.12s is a topic: %v", link, err)
		}
	}
	for _, link := range []string{first.Link, news.Link()} {
		if _, err := n.AddContact(t.Context(), link, ""); !errors.Is(err, identity.ErrNotContact) {
			t.Errorf("%.12s is a person: %v", link, err)
		}
	}

	n = reopen(t, n)
	if got := n.Bridges(); len(got) != 1 || got[0].ID != b.ID || got[0].Name != b.Name {
		t.Fatalf("after a restart %+v", got)
	}
	connect(t, n, bridge)
	if got := n.Bridges(); !got[0].Connected || got[0].Way == "" {
		t.Errorf("connected it is %+v", got[0])
	}
	if err := n.ForgetBridge(t.Context(), b.ID); err != nil || len(n.Bridges()) != 0 {
		t.Errorf("given up: %+v, %v", n.Bridges(), err)
	}
	until(t, n, "to be disconnected", func() bool { return len(n.Peers()) == 0 })
	if err := n.ForgetBridge(t.Context(), b.ID); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("given up twice: %v", err)
	}
	for i := range 100 {
		l, err := reach.ParseLink(first.Link)
		if err != nil {
			t.Fatal(err)
		}
		l.Peer[len(l.Peer)-1] = byte(i)
		text, err := l.Text()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.AddBridge(t.Context(), text); i < 64 && err != nil || i >= 64 && !errors.Is(err, node.ErrBadBridge) {
			t.Fatalf("bridge %d: %v", i, err)
		}
	}
}

// TestBridgesTravel: a backup and a further device bring bridges and settings along.
func TestBridgesTravel(t *testing.T) {
	bridge, _ := asBridge(t, t.TempDir(), "", false)
	anna := named(t, t.TempDir(), "Anna")
	if _, err := anna.AddBridge(t.Context(), newPass(t, bridge, "Anna").Link); err != nil {
		t.Fatal(err)
	}
	s := node.ReachSettings{Mode: reach.ModeCovert, NoDHT: true, Onion: "abc.onion:443"}
	if err := anna.SetReachSettings(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	restore(t, dir, backup(t, anna, false))
	restored := open(t, dir)
	s.NoMDNS = true // by Config
	if got := restored.ReachSettings(); got != s || len(restored.Bridges()) != 1 {
		t.Errorf("restored: %+v, %+v", got, restored.Bridges())
	}

	phone := open(t, t.TempDir())
	if _, err := anna.AddDevice(t.Context(), contactLink(t, phone), "Phone", false); err != nil {
		t.Fatal(err)
	}
	until(t, phone, "the offer", func() bool { a, err := phone.Offered(); return err == nil && a.Ready })
	if err := phone.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	phone = reopen(t, phone)
	s.Onion = "" // is Anna's first computer
	if got := phone.ReachSettings(); got != s || len(phone.Bridges()) != 1 {
		t.Errorf("the phone has %+v, %+v", got, phone.Bridges())
	}
}

// doorsIn returns the addresses of a contact link that have a door in them.
func doorsIn(t *testing.T, link string) (out [][]byte) {
	t.Helper()
	l, err := identity.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range l.Addresses {
		if reach.IsSecret(a[2+int(a[1]):]) {
			out = append(out, a)
		}
	}
	return out
}

// TestBridgeOfContact: a contact of a bridge's owner gets a pass of its own, and
// loses it when it is blocked.
func TestBridgeOfContact(t *testing.T) {
	dir := t.TempDir()
	anna, doors := asBridge(t, t.TempDir(), "Anna", true)
	boris := named(t, dir, "Boris")
	link := contactLink(t, anna)
	if got := doorsIn(t, link); len(got) != 1 {
		t.Fatalf("the contact link has %d doors", len(got))
	}
	own := anna.Passes()
	if len(own) != 1 || own[0].Name != "Contact link" || own[0].Contact != (node.PersonID{}) || contactLink(t, anna) != link {
		t.Errorf("for the contact link there is %+v", own)
	}
	c, err := boris.AddContact(t.Context(), link, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := boris.Bridges(); len(got) != 1 || got[0].Contact != c.ID || got[0].Name != "Anna" || got[0].ID != anna.Status().PeerID {
		t.Errorf("Boris may use %+v", got)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	post(t, tb, "hello")
	ta := accept(t, anna, "Boris")
	until(t, anna, "to be let in", canPost(t, ta))
	post(t, ta, "hello Boris")
	until(t, anna, "a pass for Boris", func() bool { return len(anna.Passes()) == 2 })
	pass := anna.Passes()[0]
	if cb, _ := contactNamed(t, anna, "Boris"); pass.Contact != cb.ID || pass.Name != "Boris" {
		t.Fatalf("%+v", pass)
	}
	secret := passIn(t, pass.Link)
	until(t, boris, "his own pass", func() bool {
		for _, p := range boris.FriendDoors() {
			if bytes.Contains(p, secret[:]) {
				return true
			}
		}
		return false
	})

	// Boris is no bridge, and tells nobody of Anna's.
	if got := doorsIn(t, contactLink(t, boris)); len(got) != 0 {
		t.Errorf("Boris's contact link has doors: %x", got)
	}
	if told := boris.Told(tb.ID()); bytes.Contains(told, secret[:]) {
		t.Error("Boris tells others of Anna's bridge")
	}
	boris = reopen(t, boris)
	if got := boris.Bridges(); len(got) != 1 {
		t.Errorf("after a restart Boris may use %+v", got)
	}

	yes, no := true, false
	if _, err := anna.ChangeContact(t.Context(), pass.Contact, node.ContactChange{Blocked: &yes}); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(doors.Passes(), secret) || len(anna.Passes()) != 1 {
		t.Errorf("blocked he has %+v", anna.Passes())
	}
	if _, err := anna.ChangeContact(t.Context(), pass.Contact, node.ContactChange{Blocked: &no}); err != nil {
		t.Fatal(err)
	}
	until(t, anna, "another pass", func() bool { return len(anna.Passes()) == 2 })

	// Boris gives Anna's bridge up.
	if err := boris.ForgetBridge(t.Context(), anna.Status().PeerID); err != nil || len(boris.Bridges()) != 0 {
		t.Errorf("%+v, %v", boris.Bridges(), err)
	}

	// What was taken back by hand does not come again by itself.
	if err := anna.RevokePass(t.Context(), anna.Passes()[0].ID); err != nil {
		t.Fatal(err)
	}
	post(t, ta, "once more")
	tb = topicIn(t, boris, tb)
	until(t, boris, "the post", func() bool { return slices.Contains(texts(t, tb), "once more") })
	if got := anna.Passes(); len(got) != 2 || !got[0].Revoked && !got[1].Revoked || len(doors.Passes()) != 1 {
		t.Errorf("taken back: %+v", got)
	}

	// A renewed contact link has another pass; the one before lets nobody in.
	before := passIn(t, anna.Passes()[1].Link)
	if _, err := anna.RenewContactLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := doors.Passes(); len(got) != 1 || got[0] == before {
		t.Errorf("let in are %x", got)
	}
}

// TestBridgeNotForContacts: a bridge that is none for contacts tells them nothing.
func TestBridgeNotForContacts(t *testing.T) {
	anna, _ := asBridge(t, t.TempDir(), "Anna", false)
	if got := doorsIn(t, contactLink(t, anna)); len(got) != 0 || len(anna.Passes()) != 0 {
		t.Errorf("its contact link has doors %x, and there are %+v", got, anna.Passes())
	}
}

// TestLinkByBridge has the door in the link and in nothing that others are told.
func TestLinkByBridge(t *testing.T) {
	anna, _ := asBridge(t, t.TempDir(), "Anna", false)
	news := create(t, anna, node.Broadcast)
	text, err := news.LinkByBridge(t.Context(), "for the square")
	if err != nil {
		t.Fatal(err)
	}
	l, err := topic.ParseLink(text)
	if err != nil || l.Topic != news.ID() || len(l.Peers) != 1 || !reach.IsSecret(l.Peers[0].Addrs[0]) || reach.IsSecret(l.Peers[0].Addrs[1]) {
		t.Fatalf("%+v, %v", l, err)
	}
	p := anna.Passes()
	if len(p) != 1 || p[0].Name != "for the square" {
		t.Fatalf("%+v", p)
	}
	secret := passIn(t, p[0].Link)
	if !bytes.Contains(l.Peers[0].Addrs[0], secret[:]) {
		t.Error("it has another pass")
	}
	if plain, err := topic.ParseLink(news.Link()); err != nil || slices.ContainsFunc(plain.Peers[0].Addrs, reach.IsSecret) {
		t.Errorf("the ordinary link: %+v, %v", plain, err)
	}

	if _, err := news.InviteByBridge(t.Context(), node.Owner, "nobody"); !errors.Is(err, node.ErrMayNotChange) || len(anna.Passes()) != 2 || !anna.Passes()[0].Revoked {
		t.Errorf("an invitation that is none: %v, %+v", err, anna.Passes())
	}
	i, err := news.InviteByBridge(t.Context(), node.Contributor, "for a writer")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := topic.ParseLink(i.Link); err != nil || l.Seat == nil || !reach.IsSecret(l.Peers[0].Addrs[0]) {
		t.Errorf("the invitation %+v, %v", l, err)
	}

	boris := open(t, t.TempDir())
	tb := follow(t, boris, text)
	until(t, boris, "the topic", func() bool { i, _ := tb.Info(t.Context()); return !i.Completeness.Waiting })
	for what, told := range map[string]string{
		"its link": tb.Link(), "what it tells": string(boris.Told(news.ID())), "its addresses": fmt.Sprint(boris.Status(), boris.Peers()),
		"its contact link": contactLink(t, boris),
	} {
		if bytes.Contains([]byte(told), secret[:]) || strings.Contains(told, hex.EncodeToString(secret[:])) {
			t.Errorf("%s has the pass in it", what)
		}
	}
}
