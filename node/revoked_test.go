package node_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// TestRevoked: a device that was removed cannot begin a conversation as the person
// whose it was, with those who know that person: they are told, and keep it.
func TestRevoked(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	anna, boris := named(t, dirs[0], "Anna"), named(t, dirs[1], "Boris")
	c, err := boris.AddContact(t.Context(), contactLink(t, anna), "")
	if err != nil {
		t.Fatal(err)
	}
	ta := accept(t, anna, "Boris")
	until(t, anna, "to be let in", canPost(t, ta))
	phone := open(t, dirs[2])
	if _, err := anna.AddDevice(t.Context(), contactLink(t, phone), "Phone", false); err != nil {
		t.Fatal(err)
	}
	until(t, phone, "the offer", func() bool { a, err := phone.Offered(); return err == nil && a.Ready })
	if err := phone.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Whoever has the phone begins anew with Boris.
	if err := phone.DeleteContact(t.Context(), boris.Me().Account); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.AddContact(t.Context(), contactLink(t, boris), ""); err != nil {
		t.Fatal(err)
	}
	l, err := phone.RequestTo(boris.Me().Account)
	if err != nil {
		t.Fatal(err)
	}
	if !boris.Believes(l) {
		t.Fatal("a device that is Anna's is not believed")
	}

	devices, err := anna.Devices()
	if err != nil || len(devices) != 2 {
		t.Fatalf("%+v, %v", devices, err)
	}
	if _, err := anna.RemoveDevice(t.Context(), devices[1].ID); err != nil {
		t.Fatal(err)
	}
	until(t, boris, "the revocation", func() bool { return !boris.Believes(l) })
	if err := boris.Close(); err != nil {
		t.Fatal(err)
	}
	boris = open(t, dirs[1])
	if boris.Believes(l) {
		t.Error("after a restart the phone is believed again")
	}
	// Anna herself is.
	tb, err := boris.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	id := post(t, ta, "it was stolen")
	until(t, boris, "Anna's post", func() bool { return slices.Contains(texts(t, tb), "it was stolen") })
	if m, err := tb.Message(t.Context(), id); err != nil || m.Author.Account != anna.Me().Account {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := anna.RemoveDevice(t.Context(), devices[1].ID); err == nil {
		t.Error("a device is removed twice")
	}
}

// TestRemoveAfterRestore removes a device from one that came out of a backup, and did
// not add it.
func TestRemoveAfterRestore(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	anna := named(t, dirs[0], "Anna")
	own, news := create(t, anna, node.PrivateTopic), create(t, anna, node.Broadcast)
	phone := open(t, dirs[1])
	if _, err := anna.AddDevice(t.Context(), contactLink(t, phone), "Phone", false); err != nil {
		t.Fatal(err)
	}
	until(t, phone, "the offer", func() bool { a, err := phone.Offered(); return err == nil && a.Ready })
	if err := phone.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*node.Topic{own, news} {
		until(t, phone, "a place", canPost(t, topicIn(t, phone, x)))
		until(t, anna, "to know of it", func() bool { all, _ := x.Members(); return len(all) == 2 })
	}
	kept := backup(t, anna, false)
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	restore(t, dirs[2], kept)
	again := open(t, dirs[2])
	if _, err := again.RemoveDevice(t.Context(), phone.Me().Device); !errors.Is(err, node.ErrNotRegained) {
		t.Errorf("before it has its rights back: %v", err)
	}
	connect(t, again, phone)
	for _, x := range []*node.Topic{own, news} {
		until(t, again, "to write again", canPost(t, topicIn(t, again, x)))
	}
	devices, err := again.Devices()
	if err != nil || len(devices) != 2 || devices[1].Name != "Phone" {
		t.Fatalf("%+v, %v", devices, err)
	}
	var left int
	until(t, again, "its rights", func() bool {
		left, err = again.RemoveDevice(t.Context(), devices[1].ID)
		return !errors.Is(err, node.ErrNotRegained)
	})
	if err != nil || left != 0 {
		t.Fatalf("%d left, %v", left, err)
	}
	for _, x := range []*node.Topic{own, news} {
		until(t, phone, "the end", func() bool { return !canPost(t, topicIn(t, phone, x))() })
	}
	post(t, topicIn(t, again, own), "not for the phone")
	until(t, phone, "a post that it cannot read", func() bool {
		page, _, err := topicIn(t, phone, own).Messages(t.Context(), node.Page{Limit: 1})
		return err == nil && len(page) == 1 && page[0].Closed == node.ClosedBefore
	})
}
