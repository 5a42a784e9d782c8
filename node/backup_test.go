package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

var backupPassphrase = []byte("a passphrase of the backup")

func backup(t *testing.T, n *node.Node, history bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.Backup(t.Context(), &b, backupPassphrase, history); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restore(t *testing.T, dir string, b []byte) node.Restored {
	t.Helper()
	r, err := node.Restore(t.Context(), node.Config{Dir: dir}, bytes.NewReader(b), backupPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	if r.Skipped != 0 {
		t.Errorf("%+v", r)
	}
	return r
}

// topicIn returns another node's view of a topic.
func topicIn(t *testing.T, n *node.Node, of *node.Topic) *node.Topic {
	t.Helper()
	topic, err := n.Topic(of.ID())
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func connect(t *testing.T, a, b *node.Node) {
	t.Helper()
	if _, err := a.Connect(t.Context(), b.Status().Addresses[0]); err != nil {
		t.Fatal(err)
	}
}

func noForks(t *testing.T, topics ...*node.Topic) {
	t.Helper()
	for _, topic := range topics {
		info, err := topic.Info(t.Context())
		if err != nil || len(info.Completeness.Forks) > 0 {
			t.Errorf("%s: forks %+v, %v", info.Name, info.Completeness.Forks, err)
		}
	}
}

// TestBackup restores a backup on another computer while the first device lives on:
// a new device of the same person, that goes on where it may, and no chain forks.
func TestBackup(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	for n, name := range map[*node.Node]string{anna: "Anna", boris: "Boris"} {
		if err := n.SetName(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	kinds := []node.Kind{node.OpenTopic, node.Broadcast, node.PrivateTopic}
	var first, theirs []*node.Topic
	for _, kind := range kinds {
		ta := create(t, anna, kind)
		link := ta.Link()
		if kind == node.PrivateTopic {
			i, err := ta.Invite(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			link = i.Link
		}
		tb := follow(t, boris, link)
		if kind != node.Broadcast {
			until(t, boris, "to be let in", canPost(t, tb))
			post(t, tb, "hello from Boris")
			until(t, anna, "Boris's post", func() bool { return slices.Contains(texts(t, ta), "hello from Boris") })
		}
		id := post(t, ta, "hello from Anna")
		until(t, boris, "Anna's post", func() bool { return slices.Contains(texts(t, tb), "hello from Anna") })
		if err := errors.Join(ta.MarkRead(t.Context(), id), ta.SetDraft(t.Context(), "half a sen")); err != nil {
			t.Fatal(err)
		}
		first, theirs = append(first, ta), append(theirs, tb)
	}
	kept := backup(t, anna, true)
	for _, secret := range []string{"hello from", "half a sen", "Anna", "Allotments"} {
		if bytes.Contains(kept, []byte(secret)) {
			t.Errorf("%q lies open in the backup", secret)
		}
	}

	dir := t.TempDir()
	r := restore(t, dir, kept)
	if r.Name != "Anna" || r.Topics != 3 || r.Records < 8 || !r.History {
		t.Errorf("%+v", r)
	}
	again := open(t, dir)
	if again.Me().Account != anna.Me().Account || again.Me().Device == anna.Me().Device || again.Status().PeerID == anna.Status().PeerID || again.Me().Name != "Anna" {
		t.Errorf("%+v, was %+v", again.Me(), anna.Me())
	}
	var second []*node.Topic
	for i, ta := range first {
		tr := topicIn(t, again, ta)
		second = append(second, tr)
		if got := texts(t, tr); !slices.Equal(got, texts(t, ta)) {
			t.Errorf("%v: %q, want %q", kinds[i], got, texts(t, ta))
		}
		info, err := tr.Info(t.Context())
		if err != nil || info.Draft != "half a sen" || info.Name != "Allotments" || info.Unread != 0 {
			t.Errorf("%v: %+v, %v", kinds[i], info, err)
		}
		page, _, err := tr.Messages(t.Context(), node.Page{})
		for _, m := range page {
			if m.Author.Me != (m.Text == "hello from Anna") {
				t.Errorf("%v: %+v", kinds[i], m.Author)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	// Nobody was there yet: an owner's right is not taken back blindly.
	if info, err := second[1].Info(t.Context()); err != nil || info.CanPost {
		t.Errorf("before anybody was asked: %+v, %v", info, err)
	}
	connect(t, again, boris)
	for i, tr := range second {
		until(t, again, kinds[i].String()+": to write again", canPost(t, tr))
		post(t, tr, "from the new device")
		until(t, boris, "the new device's post", func() bool { return slices.Contains(texts(t, theirs[i]), "from the new device") })
	}
	for _, i := range []int{0, 2} {
		post(t, theirs[i], "welcome back")
		until(t, again, "Boris's answer", func() bool { return slices.Contains(texts(t, second[i]), "welcome back") })
	}
	post(t, first[1], "and the old one")
	until(t, again, "the old device's post", func() bool { return slices.Contains(texts(t, second[1]), "and the old one") })
	noForks(t, slices.Concat(first, second, theirs)...)
}

// TestBackupTwice restores one backup on two computers: the second one hears of the
// first before it signs with the root key, so that this does not fork.
func TestBackupTwice(t *testing.T) {
	dir := t.TempDir()
	anna, boris := open(t, dir), open(t, t.TempDir())
	ta := create(t, anna, node.Broadcast)
	tb := follow(t, boris, ta.Link())
	kept := backup(t, anna, false)
	if err := anna.Close(); err != nil {
		t.Fatal(err)
	}
	var all []*node.Topic
	for range 2 {
		dir := t.TempDir()
		if r := restore(t, dir, kept); r.History {
			t.Errorf("%+v", r)
		}
		n := open(t, dir)
		connect(t, n, boris)
		tr := topicIn(t, n, ta)
		until(t, n, "to write again", canPost(t, tr))
		post(t, tr, "mine")
		all = append(all, tr)
	}
	until(t, boris, "both", func() bool { return len(texts(t, tb)) == 2 })
	noForks(t, append(all, tb)...)
}

// TestBackupWithoutHistory: what was written comes from others again.
func TestBackupWithoutHistory(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.OpenTopic)
	tb := follow(t, boris, ta.Link())
	post(t, ta, "a long story")
	until(t, boris, "the post", func() bool { return len(texts(t, tb)) == 1 })
	dir := t.TempDir()
	restore(t, dir, backup(t, anna, false))
	again := open(t, dir)
	tr := topicIn(t, again, ta)
	if got := texts(t, tr); len(got) != 0 {
		t.Errorf("%q", got)
	}
	connect(t, again, boris)
	until(t, again, "the post", func() bool { return slices.Equal(texts(t, tr), []string{"a long story"}) })
}

// TestRestoreErrors: what cannot be restored leaves nothing, and the next try works.
func TestRestoreErrors(t *testing.T) {
	n := open(t, t.TempDir())
	if err := n.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	ta := create(t, n, node.OpenTopic)
	for range 20 {
		post(t, ta, "some text that fills the file")
	}
	if err := n.Backup(t.Context(), &bytes.Buffer{}, nil, true); !errors.Is(err, node.ErrPassphraseForm) {
		t.Errorf("no passphrase: %v", err)
	}
	kept := backup(t, n, true)
	dir := t.TempDir()
	try := func(b []byte, passphrase string) error {
		_, err := node.Restore(t.Context(), node.Config{Dir: dir}, bytes.NewReader(b), []byte(passphrase))
		return err
	}
	flipped := slices.Clone(kept)
	flipped[len(flipped)-100] ^= 1
	for _, c := range []struct {
		name string
		err  error
		got  error
	}{
		{"wrong passphrase", node.ErrBackupPassphrase, try(kept, "guess")},
		{"cut at its end", node.ErrBackupCut, try(kept[:len(kept)-1], string(backupPassphrase))},
		{"cut in half", node.ErrBackupCut, try(kept[:len(kept)/2], string(backupPassphrase))},
		{"damaged at its end", node.ErrBackupCut, try(flipped, string(backupPassphrase))},
		{"something else", node.ErrNotBackup, try([]byte("hello, this is no backup"), string(backupPassphrase))},
		{"empty", node.ErrBackupCut, try(nil, string(backupPassphrase))},
	} {
		if !errors.Is(c.got, c.err) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.err)
		}
		for _, left := range []string{"store", "restore.new", "restore.ok"} {
			if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
				t.Errorf("%s: %s is left", c.name, left)
			}
		}
	}
	// A crash in the middle leaves a store that is not whole.
	if err := os.MkdirAll(filepath.Join(dir, "restore.new", "junk"), 0o700); err != nil {
		t.Fatal(err)
	}
	restore(t, dir, kept)
	if err := try(kept, string(backupPassphrase)); !errors.Is(err, node.ErrNotEmpty) {
		t.Errorf("twice: %v", err)
	}
	// And one between putting the old store away and the new one in its place.
	if err := os.MkdirAll(filepath.Join(dir, "store", "junk"), 0o700); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if len(texts(t, topicIn(t, again, ta))) != 20 || again.Me().Name != "Anna" {
		t.Error("not all of it is there")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	again = open(t, dir)
	if len(texts(t, topicIn(t, again, ta))) != 20 {
		t.Error("not all of it is there after a restart")
	}
	if _, err := again.Restore(t.Context(), bytes.NewReader(kept), backupPassphrase); !errors.Is(err, node.ErrNotEmpty) {
		t.Errorf("into a node with a topic: %v", err)
	}
}

// TestRestoreInPlace restores into a node that was just started, under its passphrase.
func TestRestoreInPlace(t *testing.T) {
	anna := open(t, t.TempDir())
	if err := anna.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	create(t, anna, node.OpenTopic)
	kept := backup(t, anna, true)
	dir := t.TempDir()
	n := mustOpenWith(t, dir, "sesame sesame")
	if _, err := n.Restore(t.Context(), bytes.NewReader(kept), []byte("guess")); !errors.Is(err, node.ErrBackupPassphrase) {
		t.Error(err)
	}
	if _, err := n.Restore(t.Context(), bytes.NewReader(kept), backupPassphrase); err != nil {
		t.Fatal(err)
	}
	again, err := n.Reopen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again.Me().Account != anna.Me().Account || len(again.Topics()) != 1 || again.Protection() != node.ByPassphrase {
		t.Error("something else came out")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openWith(t, dir, ""); !errors.Is(err, node.ErrLocked) {
		t.Errorf("the passphrase is gone: %v", err)
	}
	mustOpenWith(t, dir, "sesame sesame")
}

// TestRestorePhrase begins anew with the 24 words.
func TestRestorePhrase(t *testing.T) {
	anna := open(t, t.TempDir())
	dir := t.TempDir()
	text := ""
	for _, w := range anna.Phrase() {
		text += w + " "
	}
	if err := node.RestorePhrase(t.Context(), node.Config{Dir: dir}, text+"zebra"); !errors.Is(err, node.ErrPhrase) {
		t.Errorf("25 words: %v", err)
	}
	if err := node.RestorePhrase(t.Context(), node.Config{Dir: dir}, text); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if again.Me().Account != anna.Me().Account || again.Me().Device == anna.Me().Device || again.Me().Name != "" {
		t.Errorf("%+v", again.Me())
	}
	if ok, err := again.PhraseChecked(); err != nil || !ok {
		t.Errorf("who typed the phrase has it: %v, %v", ok, err)
	}
}

// TestBackupOfPeople: contacts and what was said come back. A conversation that this
// person began goes on; one that the other began can be read, and the next begins anew.
func TestBackupOfPeople(t *testing.T) {
	for _, began := range []string{"Anna", "Boris"} {
		anna, boris := named(t, t.TempDir(), "Anna"), named(t, t.TempDir(), "Boris")
		first, second := anna, boris
		if began == "Boris" {
			first, second = boris, anna
		}
		c, err := first.AddContact(t.Context(), contactLink(t, second), "")
		if err != nil {
			t.Fatal(err)
		}
		tf, err := first.Topic(c.Topic)
		if err != nil {
			t.Fatal(err)
		}
		post(t, tf, "are you there?")
		ts := accept(t, second, began)
		until(t, second, "to be let in", canPost(t, ts))
		until(t, second, "the question", func() bool { return slices.Contains(texts(t, ts), "are you there?") })
		post(t, ts, "here I am")
		until(t, first, "the answer", func() bool { return slices.Contains(texts(t, tf), "here I am") })
		dir := t.TempDir()
		kept := backup(t, anna, true)
		if err := anna.Close(); err != nil {
			t.Fatal(err)
		}
		restore(t, dir, kept)
		again := open(t, dir)
		who, ok := contactNamed(t, again, "Boris")
		if !ok || (who.Topic == node.TopicID{}) != (began == "Boris") {
			t.Errorf("%s began: %+v", began, again.Contacts())
		}
		tr := topicIn(t, again, tf)
		if got := texts(t, tr); !slices.Equal(got, []string{"are you there?", "here I am"}) {
			t.Errorf("%s began: %q", began, got)
		}
		connect(t, again, boris)
		tb := topicIn(t, boris, tf)
		if began == "Anna" {
			until(t, again, "to write again", canPost(t, tr))
			post(t, tr, "from the new device")
			until(t, boris, "the new device's post", func() bool { return slices.Contains(texts(t, tb), "from the new device") })
			noForks(t, tr, tb)
		}
	}
}
