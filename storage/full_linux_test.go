package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDiskFull fills a small file system for real. Without the reserve the program would die of SIGBUS, see diskReserve.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount: %v", err)
		}
		t.Skipf("needs root to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	o := Options{Dir: filepath.Join(dir, "s"), Key: make([]byte, 32), Verify: true, JournalKeep: 1000}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // before the unmount, whatever happens
	// Another program takes most of the room, then this one fills the rest.
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	m, stored := newMaker(), 0
	var full Batch
	for {
		b := m.batch(50)
		b.Durable = true
		_, err := s.Commit(t.Context(), b)
		if errors.Is(err, ErrDiskFull) {
			full = b
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if stored += 50; stored > 500_000 {
			t.Fatal("the disk never became full")
		}
	}
	if stored == 0 {
		t.Fatal("nothing was stored before the disk was full")
	}
	check := func() {
		t.Helper()
		if n, err := s.Count(Space{1}, 1, nil, 0); err != nil || n != stored {
			t.Fatalf("%d records, %d acknowledged (%v)", n, stored, err)
		}
	}
	check()
	// Compaction may give something back: take that too.
	more := filepath.Join(dir, "more")
	if err := os.WriteFile(more, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), full); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("still full: %v", err)
	}
	check()
	for _, path := range []string{ballast, more} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.Commit(t.Context(), full)
	if err != nil || out[0] != Stored {
		t.Fatalf("with room again: %v %v", out, err)
	}
	stored += len(full.Puts)
	check()
	// Fill it to the end: closing and opening work without any room that is ours to write to.
	for {
		if _, err := s.Commit(t.Context(), m.batch(50)); errors.Is(err, ErrDiskFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		stored += 50
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	check()
	if err := s.DropSpace(context.Background(), Space{1}); err != nil {
		t.Fatalf("dropping makes room: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
