package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheap is a cost for tests.
var cheap = cost{memory: 8, passes: 1, lanes: 1}

func config(dir string) Config {
	return Config{Dir: dir, Sealed: []string{"store", "blobs"}, Other: []string{"api.json", "notes"}, cost: cheap}
}

func with(c Config, passphrase string) Config {
	c.Passphrase = []byte(passphrase)
	return c
}

func open(t *testing.T, c Config) *Vault {
	t.Helper()
	v, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// mockKeyring puts a keyring in memory in the place of the system's.
func mockKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	keyring.MockInit()
}

// populate puts things into a data folder: of ours, and of others.
func populate(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"store/a", "store/deep/b", "blobs/c", "api.json", "mine.txt", "other/d"} {
		write(t, filepath.Join(dir, name), name)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names are all files and folders in dir.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPlain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if form, err := Look(dir); form != None || err != nil {
		t.Fatalf("no folder yet: %v, %v", form, err)
	}
	v := open(t, config(dir))
	key := v.Key()
	if len(key) != KeySize || v.Form() != Plain || v.Wiped() {
		t.Fatalf("key of %d bytes, form %v, wiped %v", len(key), v.Form(), v.Wiped())
	}
	if !bytes.Equal(read(t, filepath.Join(dir, "key")), key) {
		t.Fatal("a plain key file is not the 32 bytes of the key")
	}
	checkMode(t, dir)
	if again := open(t, config(dir)); !bytes.Equal(again.Key(), key) {
		t.Fatal("another key at the second opening")
	}
	if other := open(t, config(t.TempDir())); bytes.Equal(other.Key(), key) {
		t.Fatal("two folders have one key")
	}
	v.Close()
	if v.Key() != nil || !errors.Is(v.SetPlain(t.Context()), ErrClosed) || !errors.Is(v.Check(nil), ErrClosed) {
		t.Fatal("closed, and still works")
	}
}

// TestOld opens a folder as Linnet wrote it before there was this package.
func TestOld(t *testing.T) {
	dir := t.TempDir()
	key := strings.Repeat("k", KeySize)
	write(t, filepath.Join(dir, "key"), key)
	populate(t, dir)
	if form, err := Look(dir); form != Plain || err != nil {
		t.Fatalf("%v, %v", form, err)
	}
	v := open(t, config(dir))
	if string(v.Key()) != key {
		t.Fatal("another key")
	}
	if err := v.SetPassphrase(t.Context(), []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	if got := open(t, with(config(dir), "one")); string(got.Key()) != key {
		t.Fatal("another key behind the passphrase")
	}
}

// TestFirst seals a new key from the start: it never lies open on the disk.
func TestFirst(t *testing.T) {
	dir := t.TempDir()
	var key []byte
	c := with(config(dir), "one")
	c.step = func(string) error {
		for _, name := range names(t, dir) {
			if len(read(t, filepath.Join(dir, name))) == KeySize {
				t.Errorf("%s is a plain key", name)
			}
		}
		return nil
	}
	v := open(t, c)
	if key = v.Key(); v.Form() != Passphrase || len(key) != KeySize {
		t.Fatalf("form %v", v.Form())
	}
	if got := open(t, with(config(dir), "one")); !bytes.Equal(got.Key(), key) {
		t.Error("another key")
	}
	if _, err := Open(t.Context(), with(config(t.TempDir()), strings.Repeat("x", 1025))); !errors.Is(err, ErrPassphraseForm) {
		t.Error(err)
	}
}

func checkMode(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Lstat(filepath.Join(dir, "key"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	v := open(t, config(dir))
	key := v.Key()
	if err := v.SetPassphrase(t.Context(), []byte("пароль ☂ "), nil); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir)
	if raw := read(t, filepath.Join(dir, "key")); bytes.Contains(raw, key) {
		t.Fatal("the key lies open in the file")
	}
	if form, err := Look(dir); form != Passphrase || err != nil || v.Form() != Passphrase {
		t.Fatalf("%v, %v", form, err)
	}
	for typed, want := range map[string]error{"пароль ☂ ": nil, "пароль ☂": ErrPassphrase, "Пароль ☂ ": ErrPassphrase, "": ErrLocked, strings.Repeat("x", 1025): ErrPassphraseForm} {
		before := read(t, filepath.Join(dir, "key"))
		got, err := Open(t.Context(), with(config(dir), typed))
		if !errors.Is(err, want) || want == nil && !bytes.Equal(got.Key(), key) {
			t.Errorf("typed %q: %v, want %v", typed, err, want)
		}
		if !bytes.Equal(before, read(t, filepath.Join(dir, "key"))) {
			t.Errorf("typed %q: the file changed", typed)
		}
		if want == ErrLocked {
			want = ErrPassphraseForm
		}
		if err := v.Check([]byte(typed)); !errors.Is(err, want) {
			t.Errorf("check of %q: %v, want %v", typed, err, want)
		}
	}
	for _, bad := range []struct {
		passphrase, decoy []byte
		want              error
	}{
		{nil, nil, ErrPassphraseForm}, {[]byte{}, nil, ErrPassphraseForm}, {make([]byte, 1025), nil, ErrPassphraseForm},
		{[]byte("a"), []byte("a"), ErrSame}, {[]byte("a"), []byte{}, ErrPassphraseForm},
	} {
		if err := v.SetPassphrase(t.Context(), bad.passphrase, bad.decoy); !errors.Is(err, bad.want) {
			t.Errorf("%q and %q: %v", bad.passphrase, bad.decoy, err)
		}
	}
	open(t, with(config(dir), "пароль ☂ "))
}

// TestChange goes from every form to every other one and back.
func TestChange(t *testing.T) {
	mockKeyring(t)
	forms := []Form{Plain, Passphrase, Keyring}
	for _, from := range forms {
		for _, to := range forms {
			t.Run(fmt.Sprint(from, " to ", to), func(t *testing.T) {
				dir := t.TempDir()
				v := open(t, config(dir))
				key := v.Key()
				set(t, v, from, "old")
				old := v.file
				// A second name that the change does not know of shows what becomes of the old bytes.
				if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "witness")); err != nil {
					t.Fatal(err)
				}
				oldRaw := read(t, filepath.Join(dir, "key"))
				set(t, v, to, "new")
				witness := read(t, filepath.Join(dir, "witness"))
				if from == Plain && to == Plain {
					oldRaw = nil // the same bytes
				} else if bytes.Equal(witness, oldRaw) || bytes.Contains(witness, key) {
					t.Error("the old file was not overwritten")
				}
				again := open(t, with(config(dir), "new"))
				if !bytes.Equal(again.Key(), key) || again.Form() != to {
					t.Error("another key")
				}
				if got := names(t, dir); !slices.Equal(got, []string{"key", "witness"}) {
					t.Errorf("left behind: %v", got)
				}
				if from == Keyring {
					if _, err := keyring.Get(keyringService, old.id.name()); !errors.Is(err, keyring.ErrNotFound) {
						t.Errorf("the old secret is still in the keyring: %v", err)
					}
				}
				if from == Passphrase && to == Passphrase {
					if _, err := Open(t.Context(), with(config(dir), "old")); !errors.Is(err, ErrPassphrase) {
						t.Errorf("the old passphrase: %v", err)
					}
				}
				checkMode(t, dir)
			})
		}
	}
}

func set(t *testing.T, v *Vault, f Form, passphrase string) {
	t.Helper()
	var err error
	switch f {
	case Plain:
		err = v.SetPlain(t.Context())
	case Passphrase:
		err = v.SetPassphrase(t.Context(), []byte(passphrase), nil)
	case Keyring:
		err = v.SetKeyring(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	populate(t, dir)
	for _, key := range []string{"", "key.old", "key.new"} {
		if key != "" {
			write(t, filepath.Join(dir, key), strings.Repeat("k", KeySize))
		}
		if _, err := Open(t.Context(), config(dir)); !errors.Is(err, ErrMissing) {
			t.Fatalf("%q: %v", key, err)
		}
	}
	if got := string(read(t, filepath.Join(dir, "key.old"))); got != strings.Repeat("k", KeySize) {
		t.Error("what may be the only key was destroyed")
	}
	// With nothing left that it could open, it goes.
	for _, name := range config(dir).Sealed {
		os.RemoveAll(filepath.Join(dir, name))
	}
	open(t, config(dir))
	if got := names(t, dir); slices.Contains(got, "key.old") || !slices.Contains(got, "key") {
		t.Errorf("there is %v", got)
	}
}

// TestChanged shows that an open vault does not bring back a key that was wiped or changed elsewhere.
func TestChanged(t *testing.T) {
	mockKeyring(t)
	dir := t.TempDir()
	v, other := open(t, config(dir)), open(t, config(dir))
	if err := other.SetPassphrase(t.Context(), []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	want := read(t, filepath.Join(dir, "key"))
	if err := v.SetPlain(t.Context()); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if err := v.SetKeyring(t.Context()); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if !bytes.Equal(want, read(t, filepath.Join(dir, "key"))) {
		t.Error("the file changed")
	}
	if err := Wipe(t.Context(), config(dir)); err != nil {
		t.Fatal(err)
	}
	if err := v.SetPassphrase(t.Context(), []byte("x"), nil); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("after the wipe: %v", got)
	}
}

func TestConfig(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "/x", "key", "KEY", "key.new", "key.old"} {
		for _, c := range []Config{{Dir: t.TempDir(), Sealed: []string{name}}, {Dir: t.TempDir(), Other: []string{name}}} {
			if _, err := Open(t.Context(), c); err == nil {
				t.Errorf("opened with %q", name)
			}
			if err := Wipe(t.Context(), c); err == nil {
				t.Errorf("wiped %q", name)
			}
		}
	}
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("opened without a folder")
	}
}

func TestNoFile(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, strings.Repeat("k", KeySize))
	for name, make := range map[string]func(path string) error{
		"link":        func(path string) error { return os.Symlink(outside, path) },
		"link inside": func(path string) error { return os.Symlink("other", path) },
		"folder":      func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "other"), strings.Repeat("k", KeySize))
		if err := make(filepath.Join(dir, "key")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), config(dir)); !errors.Is(err, errNoFile) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Look(dir); !errors.Is(err, errNoFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeak(t *testing.T) {
	for p, want := range map[string]bool{
		"": true, "hunter2": true, "aaaaaaaaaaaaaaaaaaaa": true, "12345678901": true, "пароль": true,
		"123456789012": false, "correct horse": false, "пароль из слов": false,
	} {
		if Weak([]byte(p)) != want {
			t.Errorf("%q: weak is %v", p, !want)
		}
	}
}

// TestTogether uses one vault from several goroutines.
func TestTogether(t *testing.T) {
	v := open(t, config(t.TempDir()))
	key := v.Key()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				if err := v.SetPassphrase(t.Context(), fmt.Append(nil, i), nil); err != nil {
					t.Error(err)
				}
				if err := v.Check([]byte("x")); !errors.Is(err, ErrPassphrase) {
					t.Error(err)
				}
				if !bytes.Equal(v.Key(), key) || v.Form() != Passphrase || v.Wiped() {
					t.Error("another key or form")
				}
			}
		})
	}
	wg.Wait()
}

func TestClear(t *testing.T) {
	b := []byte("secret")
	Clear(b)
	if !bytes.Equal(b, make([]byte, 6)) {
		t.Fatal("not cleared")
	}
	Clear(nil)
	v := open(t, config(t.TempDir()))
	inside := v.key
	v.Close()
	if !bytes.Equal(inside, make([]byte, KeySize)) {
		t.Fatal("Close left the key in memory")
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	c := with(config(dir), "correct horse battery staple")
	c.cost = cost{}
	v, err := Open(b.Context(), c)
	if err == nil {
		err = v.SetPassphrase(b.Context(), c.Passphrase, nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/open")
}
