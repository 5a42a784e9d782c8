package node_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/record"
)

// TestDevices makes a second installation a device of the same person, with all
// that it takes part in, and takes its places back.
func TestDevices(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	anna, boris := named(t, dirs[0], "Anna"), named(t, dirs[1], "Boris")
	news := create(t, anna, node.Broadcast)
	own := create(t, anna, node.PrivateTopic)
	club := create(t, boris, node.PrivateTopic)
	invite, err := club.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inClub := follow(t, anna, invite.Link)
	until(t, anna, "to be let in", canPost(t, inClub))
	c, err := boris.AddContact(t.Context(), contactLink(t, anna), "")
	if err != nil {
		t.Fatal(err)
	}
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	ta := accept(t, anna, "Boris")
	until(t, anna, "to be let in", canPost(t, ta))

	for i := range 70 { // more than go into one letter
		post(t, own, fmt.Sprint("before ", i))
	}
	post(t, tb, "before the phone, by Boris")
	until(t, anna, "Boris's post", func() bool { return slices.Contains(texts(t, ta), "before the phone, by Boris") })
	phone := open(t, dirs[2])
	if _, err := phone.Offered(); !errors.Is(err, node.ErrNotFound) {
		t.Errorf("nothing was offered: %v", err)
	}
	if _, err := anna.AddDevice(t.Context(), contactLink(t, phone), "Phone", true); err != nil {
		t.Fatal(err)
	}
	until(t, phone, "the offer", func() bool { a, err := phone.Offered(); return err == nil && a.Ready })
	if a, err := phone.Offered(); err != nil || a.Name != "Anna" || a.Topics != 4 || a.People != 1 || a.Account != anna.Me().Account {
		t.Errorf("offered %+v, %v", a, err)
	}
	if err := phone.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	me := phone.Me()
	if me.Account != anna.Me().Account || me.Device == anna.Me().Device || me.Name != "Anna" {
		t.Errorf("the phone is %+v", me)
	}
	if got := phone.Contacts(); len(got) != 1 || got[0].Name != "Boris" || got[0].Topic != c.Topic {
		t.Errorf("the phone knows %+v", got)
	}
	if phone.Phrase() != nil {
		t.Error("the phone has the account's secret")
	}
	if _, err := phone.AddDevice(t.Context(), contactLink(t, boris), "", false); !errors.Is(err, node.ErrNoAccount) {
		t.Errorf("a device of a device: %v", err)
	}

	// It reads and writes everywhere, as Anna, also after a restart.
	there := func(x *node.Topic) *node.Topic {
		y, err := phone.Topic(x.ID())
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	for what, x := range map[string]*node.Topic{"broadcast": news, "private": own, "club": club, "direct": tb} {
		until(t, phone, "a place in "+what, canPost(t, there(x)))
		until(t, phone, "everybody to know in "+what, func() bool {
			here, _ := there(x).Members()
			all, _ := x.Members()
			return len(all) == len(here)
		})
		post(t, x, "for the phone in "+what)
		until(t, phone, "a post in "+what, func() bool { return slices.Contains(texts(t, there(x)), "for the phone in "+what) })
		post(t, there(x), "by the phone in "+what)
		until(t, phone, "its post in "+what, func() bool { return slices.Contains(texts(t, x), "by the phone in "+what) })
	}
	until(t, boris, "the phone to be known as Anna's", func() bool {
		n := 0
		members, _ := tb.Members()
		for _, m := range members {
			if m.Author.Account == anna.Me().Account {
				n++
			}
		}
		info, err := tb.Info(t.Context())
		return err == nil && n == 2 && !info.Sealing.Stranger
	})
	// What was written before is handed over, and who wrote it is known.
	until(t, phone, "what was written before", func() bool { return slices.Equal(texts(t, there(own)), texts(t, own)) })
	until(t, phone, "what Boris wrote before", func() bool { return slices.Equal(texts(t, there(tb)), texts(t, ta)) })
	if got := texts(t, there(own)); !slices.Contains(got, "before 0") || !slices.Contains(got, "before 69") {
		t.Errorf("the phone reads %q", got)
	}
	who := func() node.Contact {
		c, ok := contactNamed(t, boris, "Anna")
		if !ok {
			t.Fatal("no Anna")
		}
		return c
	}
	until(t, boris, "to be told of a new device", func() bool { return !who().NewDevice.IsZero() })
	yes, mother := true, "Mother"
	if c, err := boris.ChangeContact(t.Context(), who().ID, node.ContactChange{Seen: &yes}); err != nil || !c.NewDevice.IsZero() {
		t.Errorf("after it was seen: %+v, %v", c, err)
	}
	if _, err := boris.ChangeContact(t.Context(), who().ID, node.ContactChange{Name: &mother}); err != nil {
		t.Fatal(err)
	}
	page, _, err := tb.Messages(t.Context(), node.Page{Limit: 1})
	if err != nil || len(page) != 1 || page[0].Author.Name != "Mother" {
		t.Errorf("a message of who was given a name: %+v, %v", page, err)
	}
	if err := phone.Close(); err != nil {
		t.Fatal(err)
	}
	phone = open(t, dirs[2])
	if phone.Me() != me {
		t.Errorf("after a restart: %+v", phone.Me())
	}
	mine := create(t, phone, node.OpenTopic)
	post(t, mine, "a topic of the phone's own")

	// Lost: it reads nothing more.
	devices, err := anna.Devices()
	if err != nil || len(devices) != 2 || devices[1].Name != "Phone" || !devices[0].This {
		t.Fatalf("devices %+v, %v", devices, err)
	}
	if left, err := anna.RemoveDevice(t.Context(), devices[1].ID); err != nil || left != 0 {
		t.Fatalf("%d left, %v", left, err)
	}
	until(t, phone, "the end in the broadcast", func() bool { return !canPost(t, there(news))() })
	for what, x := range map[string]*node.Topic{"private": own, "club": club, "direct": tb} {
		until(t, phone, "the end in "+what, func() bool { return !canPost(t, there(x))() })
		until(t, boris, "the news of it in "+what, func() bool { all, _ := x.Members(); return len(all) < 3 })
		post(t, x, "without the phone in "+what)
		until(t, phone, "a post that it cannot read in "+what, func() bool {
			page, _, err := there(x).Messages(t.Context(), node.Page{Limit: 1})
			return err == nil && len(page) == 1 && page[0].Closed == node.ClosedBefore
		})
	}
	forged := &letter.Texts{Items: []letter.Text{{ID: post(t, own, "not for the phone"), Kind: record.KindPost}}}
	until(t, phone, "the last post", func() bool {
		page, _, err := there(own).Messages(t.Context(), node.Page{Limit: 1})
		return err == nil && len(page) == 1 && page[0].ID == forged.Items[0].ID && page[0].Closed == node.ClosedBefore
	})
	if err := phone.TakeTexts(t.Context(), own.ID(), forged); err != nil {
		t.Fatal(err)
	}
	if m, err := there(own).Message(t.Context(), forged.Items[0].ID); err != nil || m.Closed != node.ClosedBefore {
		t.Errorf("texts by a stranger were taken: %+v, %v", m, err)
	}
}
