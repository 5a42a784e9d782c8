package vault

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"
)

func TestKeyring(t *testing.T) {
	mockKeyring(t)
	dir := t.TempDir()
	v := open(t, config(dir))
	key := v.Key()
	if err := CheckKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.SetKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	if raw := read(t, filepath.Join(dir, "key")); bytes.Contains(raw, key) || len(raw) != ringSize {
		t.Fatalf("%d bytes", len(raw))
	}
	if form, err := Look(dir); form != Keyring || err != nil {
		t.Fatalf("%v, %v", form, err)
	}
	if got := open(t, config(dir)); !bytes.Equal(got.Key(), key) {
		t.Fatal("another key")
	}
	id := v.file.id.name()
	secret, err := keyring.Get(keyringService, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "?", secret[1:], "A" + secret[:len(secret)-1]} {
		if err := keyring.Set(keyringService, id, bad); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), config(dir)); !errors.Is(err, ErrSecret) {
			t.Errorf("with %q in the keyring: %v", bad, err)
		}
	}
	mockKeyring(t) // another computer
	if _, err := Open(t.Context(), config(dir)); !errors.Is(err, ErrSecret) {
		t.Errorf("without the secret: %v", err)
	}
	if err := v.SetPassphrase(t.Context(), []byte("one"), nil); err != nil {
		t.Errorf("from a keyring that lost the secret to a passphrase: %v", err)
	}
	if got := open(t, with(config(dir), "one")); !bytes.Equal(got.Key(), key) {
		t.Fatal("another key")
	}
}

// TestNoKeyring is a computer without one: nothing changes, and a wipe goes on without it.
func TestNoKeyring(t *testing.T) {
	mockKeyring(t)
	dir := t.TempDir()
	v := open(t, config(dir))
	key, before := v.Key(), read(t, filepath.Join(dir, "key"))
	sealed := t.TempDir()
	if err := open(t, config(sealed)).SetKeyring(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("The name org.freedesktop.secrets was not provided by any .service files")
	keyring.MockInitWithError(broken)
	if err := CheckKeyring(t.Context()); !errors.Is(err, ErrKeyring) || !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := v.SetKeyring(t.Context()); !errors.Is(err, ErrKeyring) {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(before, read(t, filepath.Join(dir, "key"))) || v.Form() != Plain {
		t.Error("the file changed")
	}
	if err := v.SetPassphrase(t.Context(), []byte("one"), nil); err != nil {
		t.Error(err)
	}
	if got := open(t, with(config(dir), "one")); !bytes.Equal(got.Key(), key) {
		t.Error("another key")
	}
	if _, err := Open(t.Context(), config(sealed)); !errors.Is(err, ErrKeyring) {
		t.Errorf("got %v", err)
	}
	if err := Wipe(t.Context(), config(sealed)); err != nil || len(names(t, sealed)) > 0 {
		t.Errorf("wiped: %v, %v", err, names(t, sealed))
	}
}

// TestNoBus is a server without a desktop: nothing is asked, and no bus is started.
func TestNoBus(t *testing.T) {
	keyring.MockInit()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if sessionBus() == nil {
		t.Log("this system has a bus, or needs none")
		return
	}
	if err := CheckKeyring(t.Context()); !errors.Is(err, ErrKeyring) {
		t.Fatalf("got %v", err)
	}
}

// TestKeyringHangs is a keyring that never answers: after 15 seconds the caller is free.
func TestKeyringHangs(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		defer close(answer)
		hang := func() error { <-answer; return nil }
		c := config(dir)
		c.rings = rings{
			set:    func(_, _, _ string) error { return hang() },
			read:   func(_, _ string) (string, error) { return "", hang() },
			remove: func(_, _ string) error { return hang() },
		}
		v, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := v.SetKeyring(t.Context()); !errors.Is(err, ErrKeyring) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// The call, and the try to forget what it may still do.
		if took := time.Since(start); took != keyringPatience+forgetPatience {
			t.Errorf("took %v", took)
		}
		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.rings.check(ctx); !errors.Is(err, ErrKeyring) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if v.Form() != Plain {
			t.Error("the form changed")
		}
	})
}

// TestKeyringPanics is a keyring whose answer the module does not survive.
func TestKeyringPanics(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	r := rings{read: func(_, _ string) (string, error) { panic("index out of range") }, set: func(_, _, _ string) error { return nil }}
	if err := r.check(t.Context()); !errors.Is(err, ErrKeyring) {
		t.Fatalf("got %v", err)
	}
	r.read = func(_, _ string) (string, error) { return "c29tZXRoaW5nIGVsc2UgdGhhdCBpcyAzMiBieXRlcyE", nil }
	if _, err := r.make(t.Context(), secretID{1}); !errors.Is(err, ErrKeyring) {
		t.Fatalf("a keyring that gives back something else: %v", err)
	}
}
