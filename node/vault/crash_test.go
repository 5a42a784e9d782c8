package vault

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errCrash = errors.New("crash")

// crashing returns a step that lets n changes happen and none after them, and the steps that it saw.
func crashing(n int) (step func(string) error, seen *[]string) {
	seen = new([]string)
	return func(s string) error {
		*seen = append(*seen, s)
		if len(*seen) > n {
			return errCrash
		}
		return nil
	}, seen
}

// everyStep runs act on a fresh folder with a crash before its first, second… change,
// until it gets through, and check after each.
func everyStep(t *testing.T, prepare func(dir string), act func(c Config) error, check func(t *testing.T, dir string, steps []string, done bool)) {
	t.Helper()
	for n := 0; ; n++ {
		dir := t.TempDir()
		prepare(dir)
		c := config(dir)
		step, seen := crashing(n)
		c.step = step
		err := act(c)
		if done := !errors.Is(err, errCrash); done {
			if err != nil {
				t.Fatalf("without a crash: %v", err)
			}
			if n < 4 {
				t.Fatalf("only %d steps", n)
			}
			check(t, dir, *seen, true)
			return
		}
		check(t, dir, (*seen)[:n], false)
		if t.Failed() {
			t.Fatalf("after a crash behind %v: %v", (*seen)[:n], names(t, dir))
		}
	}
}

// TestCrashChange crashes in every change of form: the key is there, under the old protection or the new one.
func TestCrashChange(t *testing.T) {
	mockKeyring(t)
	forms := []Form{Plain, Passphrase, Keyring}
	for _, from := range forms {
		for _, to := range forms {
			if from == to && from == Plain {
				continue
			}
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				var key []byte
				var oldRaw []byte
				prepare := func(dir string) {
					v := open(t, config(dir))
					key = v.Key()
					set(t, v, from, "old")
					populate(t, dir)
					oldRaw = read(t, filepath.Join(dir, "key"))
					if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "other", "witness")); err != nil {
						t.Fatal(err)
					}
				}
				act := func(c Config) error {
					v, err := Open(t.Context(), with(c, "old"))
					if err != nil {
						return err
					}
					switch to {
					case Plain:
						return v.SetPlain(t.Context())
					case Passphrase:
						return v.SetPassphrase(t.Context(), []byte("new"), []byte("decoy"))
					}
					return v.SetKeyring(t.Context())
				}
				everyStep(t, prepare, act, func(t *testing.T, dir string, steps []string, done bool) {
					tear(t, dir)
					v, err := Open(t.Context(), with(config(dir), "new"))
					if errors.Is(err, ErrPassphrase) && !slices.Contains(steps, "rename") {
						v, err = Open(t.Context(), with(config(dir), "old"))
					}
					if err != nil || !bytes.Equal(v.Key(), key) {
						t.Errorf("the key is lost: %v", err)
						return
					}
					checkWhole(t, dir)
					gone := !bytes.Equal(read(t, filepath.Join(dir, "other", "witness")), oldRaw)
					if gone != slices.Contains(steps, "rename") {
						t.Errorf("old bytes destroyed: %v", gone)
					}
					if done {
						checkOrder(t, steps)
					}
				})
			})
		}
	}
}

// tear cuts the new file short, as a crash while it was written does. It is not the key file yet.
func tear(t *testing.T, dir string) {
	path := filepath.Join(dir, "key.new")
	if info, err := os.Lstat(path); err == nil {
		if err := os.Truncate(path, info.Size()/2); err != nil {
			t.Fatal(err)
		}
	}
}

// checkWhole shows that nothing of ours is lost and nothing is left over.
func checkWhole(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"store/a", "store/deep/b", "blobs/c", "api.json", "mine.txt", "other/d"} {
		if string(read(t, filepath.Join(dir, name))) != name {
			t.Errorf("%s is lost", name)
		}
	}
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, "key.") {
			t.Errorf("%s is left over", name)
		}
	}
}

// checkOrder shows that the old file is not touched before the new one has its name on disk for good.
func checkOrder(t *testing.T, steps []string) {
	t.Helper()
	rename, overwritten := slices.Index(steps, "rename"), slices.Index(steps, "overwrite key.old")
	if rename < 0 || overwritten < rename || !slices.Contains(steps[rename:overwritten], "sync") {
		t.Errorf("in the wrong order: %v", steps)
	}
}

// TestCrashCreate crashes while the first key is made: the next start makes one.
func TestCrashCreate(t *testing.T) {
	c := config(t.TempDir())
	step, seen := crashing(100)
	c.step = step
	open(t, c)
	if !slices.Equal(*seen, []string{"write", "link", "rename", "sync"}) {
		t.Errorf("a new key is made in the steps %v", *seen)
	}
	for n := range 3 {
		dir := t.TempDir()
		c := config(dir)
		c.step, _ = crashing(n)
		if _, err := Open(t.Context(), c); !errors.Is(err, errCrash) {
			t.Fatalf("after %d steps: %v", n, err)
		}
		tear(t, dir)
		v := open(t, config(dir))
		if v.Form() != Plain || !slices.Equal(names(t, dir), []string{"key"}) {
			t.Errorf("after %d steps: %v", n, names(t, dir))
		}
	}
}

// TestCrashWipe crashes in every step of a wipe: before the first that counts all is
// there, after it the key is gone and the next start deletes the rest.
func TestCrashWipe(t *testing.T) {
	mockKeyring(t)
	for _, form := range []Form{Plain, Passphrase, Keyring} {
		t.Run(form.String(), func(t *testing.T) {
			var key, raw []byte
			prepare := func(dir string) {
				v := open(t, config(dir))
				key = v.Key()
				set(t, v, form, "one")
				populate(t, dir)
				raw = read(t, filepath.Join(dir, "key"))
				if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "other", "witness")); err != nil {
					t.Fatal(err)
				}
			}
			act := func(c Config) error { return Wipe(t.Context(), c) }
			everyStep(t, prepare, act, func(t *testing.T, dir string, steps []string, done bool) {
				tear(t, dir)
				if slices.Contains(steps, "delete store") {
					os.Remove(filepath.Join(dir, "store", "a")) // deleting was not at its end
				}
				checkWiped(t, with(config(dir), "one"), key, raw, slices.Contains(steps, "rename"), Plain)
				if done {
					checkOrder(t, steps)
					if slices.Index(steps, "delete store") < slices.Index(steps, "overwrite key.old") {
						t.Errorf("deleted before the key was destroyed: %v", steps)
					}
				}
			})
		})
	}
}

// TestCrashDecoy does the same with the decoy passphrase.
func TestCrashDecoy(t *testing.T) {
	var key, raw []byte
	prepare := func(dir string) {
		v := open(t, config(dir))
		key = v.Key()
		if err := v.SetPassphrase(t.Context(), []byte("real"), []byte("decoy")); err != nil {
			t.Fatal(err)
		}
		populate(t, dir)
		raw = read(t, filepath.Join(dir, "key"))
		if err := os.Link(filepath.Join(dir, "key"), filepath.Join(dir, "other", "witness")); err != nil {
			t.Fatal(err)
		}
	}
	act := func(c Config) error {
		_, err := Open(t.Context(), with(c, "decoy"))
		return err
	}
	everyStep(t, prepare, act, func(t *testing.T, dir string, steps []string, done bool) {
		tear(t, dir)
		begun := slices.Contains(steps, "rename")
		if begun {
			// The wipe is completed before anybody types anything.
			if _, err := Open(t.Context(), config(dir)); !errors.Is(err, ErrLocked) {
				t.Errorf("without a passphrase: %v", err)
			}
			if slices.Contains(names(t, dir), "store") {
				t.Error("the wipe was not completed")
			}
			if _, err := Open(t.Context(), with(config(dir), "real")); !errors.Is(err, ErrPassphrase) {
				t.Errorf("the real passphrase: %v", err)
			}
			checkWiped(t, with(config(dir), "decoy"), key, raw, true, Passphrase)
			return
		}
		checkWiped(t, with(config(dir), "real"), key, raw, false, Passphrase)
	})
}

// checkWiped opens what a crash left and compares it with what was there.
func checkWiped(t *testing.T, c Config, key, raw []byte, begun bool, form Form) {
	t.Helper()
	if begun && form == Plain {
		c.Passphrase = nil
	}
	v, err := Open(t.Context(), c)
	if err != nil {
		t.Error(err)
		return
	}
	if !begun {
		if !bytes.Equal(v.Key(), key) {
			t.Error("another key, and no wipe had begun")
		}
		checkWhole(t, c.Dir)
		return
	}
	if bytes.Equal(v.Key(), key) || v.Form() != form {
		t.Errorf("form %v, or still the same key", v.Form())
	}
	if bytes.Equal(read(t, filepath.Join(c.Dir, "other", "witness")), raw) {
		t.Error("the old file was not overwritten")
	}
	os.Remove(filepath.Join(c.Dir, "other", "witness"))
	if got := names(t, c.Dir); !slices.Equal(got, append([]string{"key"}, foreign...)) {
		t.Errorf("after the wipe: %v", got)
	}
}

// TestTwoNames is the moment in which the old and the new name mean one file, on a
// file system that gives them different numbers: the content decides.
func TestTwoNames(t *testing.T) {
	dir := t.TempDir()
	key := open(t, config(dir)).Key()
	write(t, filepath.Join(dir, "key.old"), string(key))
	if v := open(t, config(dir)); !bytes.Equal(v.Key(), key) {
		t.Fatal("another key")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"key"}) {
		t.Fatalf("left over: %v", got)
	}
}

// TestKilled is a program that was killed between the renaming and the sync: the
// renaming is made certain before the old file is overwritten.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	open(t, config(dir))
	write(t, filepath.Join(dir, "key.old"), strings.Repeat("o", KeySize))
	c := config(dir)
	step, seen := crashing(100)
	c.step = step
	open(t, c)
	if !slices.Equal(*seen, []string{"sync", "overwrite key.old", "remove key.old"}) {
		t.Errorf("tidied in the steps %v", *seen)
	}
}

// TestDamagedKeepsOld shows that nothing is tidied away while the key file is damaged.
func TestDamagedKeepsOld(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key"), "damaged")
	write(t, filepath.Join(dir, "key.old"), strings.Repeat("k", KeySize))
	if _, err := Open(t.Context(), config(dir)); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if got := string(read(t, filepath.Join(dir, "key.old"))); got != strings.Repeat("k", KeySize) {
		t.Error("what may be the only key was destroyed")
	}
}
