package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

// TestRescue damages the store of somebody whose topics others follow. It opens with
// what the second copy and the rest of the store give, says so, and gets the records again
// from the others; what was private and had been read, it still reads.
func TestRescue(t *testing.T) {
	dir := t.TempDir()
	anna, boris := named(t, dir, "Anna"), named(t, t.TempDir(), "Boris")
	before := anna.Me()
	open1 := create(t, anna, node.OpenTopic)
	followed, err := boris.Follow(t.Context(), open1.Link())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		post(t, open1, fmt.Sprint("allotment ", i))
	}
	until(t, boris, "all posts", func() bool { return len(texts(t, followed)) == 30 })
	c, err := anna.AddContact(t.Context(), contactLink(t, boris), "")
	if err != nil {
		t.Fatal(err)
	}
	direct, err := anna.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	post(t, direct, "between us")
	tb := accept(t, boris, "Anna")
	until(t, boris, "to be let in", canPost(t, tb))
	post(t, tb, "nobody else")
	until(t, anna, "the answer", func() bool { return slices.Contains(texts(t, direct), "nobody else") })
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}

	// The beginning of each table is overwritten: what lay there is gone.
	tables, err := filepath.Glob(filepath.Join(dir, "store", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt(make([]byte, 4096), 0)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	anna = open(t, dir)
	r, ok := anna.Rescue()
	if !ok || r.Kept || r.Topics != 2 || r.What == "" {
		t.Fatalf("it says %+v, %v", r, ok)
	}
	me := anna.Me()
	if me.Name != "Anna" || me.Account != before.Account || me.Device == before.Device {
		t.Errorf("who came back is %+v, before it was %+v", me, before)
	}
	if _, err := os.Stat(filepath.Join(dir, "store.damaged")); err != nil {
		t.Errorf("the damaged store: %v", err)
	}
	mine, err := anna.Topic(open1.ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anna.Connect(t.Context(), boris.Status().Addresses[0]); err != nil {
		t.Fatal(err)
	}
	until(t, anna, "the posts again", func() bool { return len(texts(t, mine)) == 30 })
	until(t, anna, "to write in its own topic", canPost(t, mine))
	post(t, mine, "and on it goes")
	until(t, boris, "the first post behind it", func() bool { return slices.Contains(texts(t, followed), "and on it goes") })
	if info, err := followed.Info(t.Context()); err != nil || len(info.Completeness.Forks) > 0 {
		t.Errorf("the chain has forked: %+v, %v", info.Completeness, err)
	}

	if err := anna.ForgetRescue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	anna = open(t, dir)
	if r, ok := anna.Rescue(); ok {
		t.Errorf("it says %+v once more", r)
	}
	if got := anna.Me(); got != me {
		t.Errorf("%+v is somebody else than %+v", got, me)
	}
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	if err := node.Wipe(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a wipe leaves %v, %v", left, err)
	}
}
