package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node"
)

func openWith(t *testing.T, dir, passphrase string) (*node.Node, error) {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{loopback}, NoMDNS: true, Passphrase: []byte(passphrase), Erase: []string{"api.json"}})
	if err == nil {
		t.Cleanup(func() { n.Close() })
	}
	return n, err
}

func mustOpenWith(t *testing.T, dir, passphrase string) *node.Node {
	t.Helper()
	n, err := openWith(t, dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPassphrase sets, changes and takes away what opens a data folder.
func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	if p, err := node.Look(dir); err != nil || p != node.Unprotected {
		t.Fatalf("an empty folder: %v, %v", p, err)
	}
	n := mustOpenWith(t, dir, "")
	me := n.Me().Account
	if err := n.SetPassphrase(t.Context(), nil, []byte("correct horse battery"), nil); err != nil {
		t.Fatal(err)
	}
	if n.Protection() != node.ByPassphrase {
		t.Errorf("protection %v", n.Protection())
	}
	if err := n.SetPlain(t.Context(), []byte("guess")); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("a wrong current one: %v", err)
	}
	if err := n.SetPlain(t.Context(), nil); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("no current one: %v", err)
	}
	for _, bad := range [][]byte{nil, {}, bytes.Repeat([]byte("x"), 1025)} {
		if err := n.SetPassphrase(t.Context(), []byte("correct horse battery"), bad, nil); !errors.Is(err, node.ErrPassphraseForm) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "key")); err != nil || len(raw) == 32 {
		t.Errorf("the key lies open: %d bytes, %v", len(raw), err)
	}
	if p, err := node.Look(dir); err != nil || p != node.ByPassphrase {
		t.Errorf("look: %v, %v", p, err)
	}
	if _, err := openWith(t, dir, ""); !errors.Is(err, node.ErrLocked) {
		t.Errorf("without a passphrase: %v", err)
	}
	if _, err := openWith(t, dir, "Correct horse battery"); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	n = mustOpenWith(t, dir, "correct horse battery")
	if n.Me().Account != me {
		t.Error("somebody else came out")
	}
	if err := n.SetPlain(t.Context(), []byte("correct horse battery")); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if n = mustOpenWith(t, dir, ""); n.Me().Account != me {
		t.Error("somebody else came out of the plain folder")
	}
}

// TestDecoy types the passphrase that destroys: what opens is an empty folder,
// under that passphrase from then on.
func TestDecoy(t *testing.T) {
	dir := t.TempDir()
	n := mustOpenWith(t, dir, "")
	me := n.Me().Account
	create(t, n, node.OpenTopic)
	if err := n.SetPassphrase(t.Context(), nil, []byte("the real one"), []byte("the real one")); !errors.Is(err, node.ErrSamePassphrase) {
		t.Errorf("twice the same: %v", err)
	}
	if err := n.SetPassphrase(t.Context(), nil, []byte("the real one"), []byte("in emergencies")); err != nil {
		t.Fatal(err)
	}
	if err := n.CheckPassphrase([]byte("in emergencies")); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("checking destroys nothing and says wrong: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api.json", "mine.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n = mustOpenWith(t, dir, "in emergencies")
	if n.Me().Account == me || len(n.Topics()) != 0 {
		t.Error("the old data is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "api.json")); err == nil {
		t.Error("what Erase names is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "mine.txt")); err != nil {
		t.Error("what nobody named is gone")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openWith(t, dir, "the real one"); !errors.Is(err, node.ErrPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
}

// TestWipe destroys a folder without its passphrase.
func TestWipe(t *testing.T) {
	dir := t.TempDir()
	n := mustOpenWith(t, dir, "sesame sesame")
	me := n.Me().Account
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := node.Wipe(t.Context(), dir, []string{"api.json"}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	n = mustOpenWith(t, dir, "")
	if n.Me().Account == me || n.Protection() != node.Unprotected {
		t.Error("the old data is still there")
	}
}

// TestPhrase shows the recovery phrase and checks that it was written down.
func TestPhrase(t *testing.T) {
	dir := t.TempDir()
	n := mustOpenWith(t, dir, "")
	words := n.Phrase()
	if len(words) != 24 {
		t.Fatalf("%d words", len(words))
	}
	checked := func(ask []int, typed []string) bool {
		t.Helper()
		_, ok, err := n.CheckPhrase(t.Context(), ask, typed)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	w := func(at int) string { return words[at-1] }
	switch {
	case checked(nil, nil):
		t.Error("nothing was asked")
	case checked([]int{1, 1, 1}, []string{w(1), w(1), w(1)}):
		t.Error("one word three times")
	case checked([]int{1, 2, 3}, []string{w(1), w(2)}):
		t.Error("a word is missing")
	case checked([]int{0, 25, -1}, []string{"", "", ""}):
		t.Error("there are no such places")
	case checked([]int{1, 2, 3}, []string{w(1), w(2), "zebra"}) && w(3) != "zebra":
		t.Error("a wrong word")
	}
	ask := n.PhraseQuestions()
	var typed []string
	for _, at := range ask {
		typed = append(typed, strings.ToUpper(w(at)))
	}
	if right, ok, err := n.CheckPhrase(t.Context(), ask, typed); err != nil || !ok || len(right) != len(ask) {
		t.Errorf("right words: %v, %v, %v", right, ok, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = mustOpenWith(t, dir, "")
	if ok, err := n.PhraseChecked(); err != nil || !ok {
		t.Errorf("after a restart: %v, %v", ok, err)
	}
}
