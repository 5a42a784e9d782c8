package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestDoctorFolder(t *testing.T) {
	state := func(c checkup, name string) string {
		for _, k := range c.Checks {
			if k.Name == name {
				return k.State
			}
		}
		return "none"
	}
	look := func(dir string) checkup {
		var c checkup
		if c.folder(dir) {
			c.disk(dir)
			c.modes(dir)
			c.key(dir)
		}
		c.clock(dir, time.Now())
		return c
	}
	want := func(what string, c checkup, name, state_ string) {
		t.Helper()
		if got := state(c, name); got != state_ {
			t.Errorf("%s: %s is %s, want %s: %v", what, name, got, state_, c.Checks)
		}
	}

	dir := filepath.Join(t.TempDir(), "data")
	want("no folder", look(dir), "data folder", stateNote)
	if err := os.MkdirAll(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	want("no key", look(dir), "stored data", stateWrong)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	want("short key", look(dir), "stored data", stateWrong)
	if err := os.WriteFile(key, bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data folder", "file modes", "stored data", "clock"} {
		want("healthy", look(dir), name, stateOK)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(key, 0o644); err != nil {
			t.Fatal(err)
		}
		want("open key", look(dir), "file modes", stateWrong)
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(key, future, future); err != nil {
		t.Fatal(err)
	}
	want("file from the future", look(dir), "clock", stateWrong)
	want("a file", look(key), "data folder", stateWrong)
}

func TestBytesInWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB", 1 << 62: "4096.0 PiB",
	} {
		if got := bytesInWords(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestDoctorSkew(t *testing.T) {
	for ahead, want := range map[time.Duration]check{
		-30 * time.Second: {"clock skew", stateOK, "this computer's clock is that of others"},
		2 * time.Minute:   {"clock skew", stateNote, "this computer's clock is 2m0s ahead of that of others; set it right"},
		-3 * time.Hour:    {"clock skew", stateWrong, "this computer's clock is 3h0m0s behind that of others, so that messages are put aside; set it right"},
	} {
		var c checkup
		c.skew(ahead)
		if len(c.Checks) != 1 || c.Checks[0] != want {
			t.Errorf("%s: %v", ahead, c.Checks)
		}
	}
}
