package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// foreign is what populate puts there that is not ours.
var foreign = []string{"mine.txt", "other", "other/d"}

func TestWipe(t *testing.T) {
	mockKeyring(t)
	for _, form := range []Form{Plain, Passphrase, Keyring} {
		t.Run(form.String(), func(t *testing.T) {
			dir := t.TempDir()
			v := open(t, config(dir))
			key := v.Key()
			set(t, v, form, "one")
			id := v.file.id
			populate(t, dir)
			if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "other", "witness")); err != nil {
				t.Fatal(err)
			}
			raw := read(t, filepath.Join(dir, "key"))
			v.Close()
			if err := Wipe(t.Context(), config(dir)); err != nil { // nobody types a passphrase
				t.Fatal(err)
			}
			if bytes.Equal(raw, read(t, filepath.Join(dir, "other", "witness"))) {
				t.Error("the key file was not overwritten")
			}
			os.Remove(filepath.Join(dir, "other", "witness"))
			if got := names(t, dir); !slices.Equal(got, foreign) {
				t.Errorf("after the wipe: %v", got)
			}
			if form == Keyring {
				if _, err := keyring.Get(keyringService, id.name()); !errors.Is(err, keyring.ErrNotFound) {
					t.Errorf("the secret is still in the keyring: %v", err)
				}
			}
			if err := Wipe(t.Context(), config(dir)); err != nil {
				t.Errorf("a second time: %v", err)
			}
			again := open(t, config(dir))
			if bytes.Equal(again.Key(), key) || again.Form() != Plain || again.Wiped() {
				t.Error("not as at the first start")
			}
		})
	}
	if err := Wipe(t.Context(), config(filepath.Join(t.TempDir(), "none"))); err != nil {
		t.Errorf("no folder: %v", err)
	}
}

// TestWipeAnything wipes folders whose key file no longer says anything.
func TestWipeAnything(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, make := range map[string]func(dir, key string) error{
		"no key":  func(dir, key string) error { return nil },
		"damaged": func(dir, key string) error { return os.WriteFile(key, []byte("linnet key and so on"), 0o600) },
		"long":    func(dir, key string) error { return os.WriteFile(key, bytes.Repeat([]byte{1}, 1<<20), 0o600) },
		"newer": func(dir, key string) error {
			return os.WriteFile(key, withSum(append([]byte(magic), 9, 9)), 0o600)
		},
		"link": func(dir, key string) error { return os.Symlink(outside, key) },
		"old and new": func(dir, key string) error {
			write(t, key, strings.Repeat("k", KeySize))
			write(t, key+".old", "a remnant")
			write(t, key+".new", "another")
			return nil
		},
		"links in the way": func(dir, key string) error {
			write(t, key, strings.Repeat("k", KeySize))
			return errors.Join(os.Symlink(outside, key+".old"), os.Symlink("mine.txt", key+".new"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, outside, "not ours")
			populate(t, dir)
			if err := make(dir, filepath.Join(dir, "key")); err != nil {
				t.Fatal(err)
			}
			if err := Wipe(t.Context(), config(dir)); err != nil {
				t.Fatal(err)
			}
			if got := names(t, dir); !slices.Equal(got, foreign) {
				t.Errorf("after the wipe: %v", got)
			}
			if string(read(t, outside)) != "not ours" || string(read(t, filepath.Join(dir, "mine.txt"))) != "mine.txt" {
				t.Error("a wipe went through a link")
			}
		})
	}
}

// TestWipeLinks puts links where our things are: they go, and what they point at stays.
func TestWipeLinks(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "precious"), "precious")
	dir := t.TempDir()
	open(t, config(dir))
	populate(t, dir)
	for link, target := range map[string]string{
		"notes": filepath.Join(outside, "precious"), "store/out": outside, "store/up": "../mine.txt", "store/deep/out": filepath.Join(outside, "precious"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	os.RemoveAll(filepath.Join(dir, "blobs"))
	if err := os.Symlink(outside, filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	if err := Wipe(t.Context(), config(dir)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, foreign) {
		t.Errorf("after the wipe: %v", got)
	}
	if string(read(t, filepath.Join(outside, "precious"))) != "precious" || string(read(t, filepath.Join(dir, "mine.txt"))) != "mine.txt" {
		t.Error("a wipe went through a link")
	}
}

// TestWipeInPlace is a wipe on a disk that is full, and on one that has no links: the key goes all the same.
func TestWipeInPlace(t *testing.T) {
	full := func(dir, s string) error {
		if s == "write" {
			return errors.New("the disk is full")
		}
		return nil
	}
	linkless := func(dir, s string) error {
		if s == "link" { // what is there already cannot be linked to
			write(t, filepath.Join(dir, "key.old"), "in the way")
		}
		return nil
	}
	for i, step := range []func(dir, s string) error{full, full, linkless, linkless} {
		form := []Form{Plain, Passphrase}[i%2]
		dir := t.TempDir()
		v := open(t, config(dir))
		set(t, v, form, "one")
		populate(t, dir)
		raw := read(t, filepath.Join(dir, "key"))
		if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "other", "witness")); err != nil {
			t.Fatal(err)
		}
		c := config(dir)
		c.step = func(s string) error { return step(dir, s) }
		if err := Wipe(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if w := read(t, filepath.Join(dir, "other", "witness")); bytes.Equal(w, raw) || bytes.Contains(w, v.Key()) {
			t.Error("the key was not destroyed")
		}
		os.Remove(filepath.Join(dir, "other", "witness"))
		if got := names(t, dir); !slices.Equal(got, foreign) {
			t.Errorf("after the wipe: %v", got)
		}
	}
}

// TestWipeHeld is a wipe that cannot delete everything: it says so, and goes on at the next start.
func TestWipeHeld(t *testing.T) {
	dir := t.TempDir()
	open(t, config(dir))
	populate(t, dir)
	held := errors.New("held")
	c := config(dir)
	c.step = func(s string) error {
		if s == "delete store" {
			return held
		}
		return nil
	}
	if err := Wipe(t.Context(), c); !errors.Is(err, ErrUnfinished) || !errors.Is(err, held) {
		t.Fatalf("got %v", err)
	}
	if form, err := Look(dir); form != Wiping || err != nil {
		t.Fatalf("%v, %v", form, err)
	}
	if got := names(t, dir); slices.Contains(got, "blobs") || slices.Contains(got, "api.json") {
		t.Errorf("one that is held kept others: %v", got)
	}
	if _, err := Open(t.Context(), c); !errors.Is(err, ErrUnfinished) {
		t.Fatalf("got %v", err)
	}
	if v := open(t, config(dir)); !v.Wiped() || v.Form() != Plain {
		t.Error("the wipe was not completed")
	}
	if got := names(t, dir); !slices.Equal(got, append([]string{"key"}, foreign...)) {
		t.Errorf("after the wipe: %v", got)
	}
}

func TestDecoy(t *testing.T) {
	dir := t.TempDir()
	v := open(t, config(dir))
	key := v.Key()
	if err := v.SetPassphrase(t.Context(), []byte("real"), []byte("decoy")); err != nil {
		t.Fatal(err)
	}
	populate(t, dir)
	before := read(t, filepath.Join(dir, "key"))
	if err := v.Check([]byte("decoy")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a check of the decoy: %v", err)
	}
	for typed, want := range map[string]error{"real": nil, "other": ErrPassphrase} {
		if _, err := Open(t.Context(), with(config(dir), typed)); !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if !bytes.Equal(before, read(t, filepath.Join(dir, "key"))) {
		t.Fatal("the file changed before the decoy was typed")
	}

	v = open(t, with(config(dir), "decoy"))
	if !v.Wiped() || v.Form() != Passphrase || len(v.Key()) != KeySize || bytes.Equal(v.Key(), key) {
		t.Errorf("wiped %v, form %v", v.Wiped(), v.Form())
	}
	if got := names(t, dir); !slices.Equal(got, append([]string{"key"}, foreign...)) {
		t.Errorf("after the decoy: %v", got)
	}
	checkMode(t, dir)
	after := read(t, filepath.Join(dir, "key"))
	if len(after) != len(before) || !bytes.Equal(after[:headSize+costSize], before[:headSize+costSize]) {
		t.Error("the file looks different")
	}
	fresh := v.Key()
	if bytes.Equal(fresh, make([]byte, KeySize)) {
		t.Error("the new key is not random")
	}
	v = open(t, with(config(dir), "decoy"))
	if v.Wiped() || !bytes.Equal(v.Key(), fresh) {
		t.Error("the second time the decoy is not the ordinary passphrase of the fresh folder")
	}
	if _, err := Open(t.Context(), with(config(dir), "real")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the real passphrase: %v", err)
	}
	if err := v.Check([]byte("decoy")); err != nil {
		t.Error(err)
	}
	if err := v.SetPassphrase(t.Context(), []byte("third"), nil); err != nil {
		t.Error(err)
	}
	// The old file, copied back, is what a copy of the disk from before has: the decoy still wipes it.
	write(t, filepath.Join(dir, "key"), string(before))
	if got := open(t, with(config(dir), "real")); !bytes.Equal(got.Key(), key) {
		t.Error("a copy from before should open: nothing here can prevent it, and the papers say so")
	}
}

// TestDecoyGone shows that a new passphrase without a decoy leaves none.
func TestDecoyGone(t *testing.T) {
	dir := t.TempDir()
	v := open(t, config(dir))
	for _, decoy := range [][]byte{[]byte("decoy"), nil} {
		if err := v.SetPassphrase(t.Context(), []byte("real"), decoy); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), with(config(dir), "decoy")); !errors.Is(err, ErrPassphrase) {
		t.Fatalf("got %v", err)
	}
}
