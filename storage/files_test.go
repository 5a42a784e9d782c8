package storage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// TestFilesGone takes away or cuts each file of a store in turn: Open puts it right with all that was
// there, or says that it is damaged, and then OpenDamaged gives what can be read. It never
// begins a new store in its place.
func TestFilesGone(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 20_000)
	want := len(must(t, s.Spaces))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mendable := []string{badger.KeyRegistryFileName, badger.ManifestFilename, formatFile, "DISCARD", "LOCK"}
	refused, mended, read := 0, 0, 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, left := range []int{-1, 0, 8, 16, len(raw) / 2, len(raw) - 1} {
			if left > len(raw) {
				continue
			}
			other := t.TempDir()
			if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(other, e.Name())
			if left < 0 {
				err = os.Remove(path)
			} else {
				err = os.Truncate(path, int64(left))
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), Options{Dir: other, Key: make([]byte, 32)})
			if err != nil {
				if !errors.Is(err, ErrDamaged) || slices.Contains(mendable, e.Name()) {
					t.Errorf("%s, %d bytes left: %v", e.Name(), left, err)
				}
				refused++
				read += readDamaged(t, other)
				continue
			}
			mended += len(s.Mended())
			if got := len(must(t, s.Spaces)); got != want {
				t.Errorf("%s, %d bytes left: %d spaces of %d", e.Name(), left, got, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d stores refused, in which %d records could be read; %d files put right", refused, read, mended)
	if refused == 0 || read == 0 || mended < 10 {
		t.Error("something was not tested")
	}
}

// readDamaged counts the records that can be read of a damaged store. After that it is never opened again.
func readDamaged(t *testing.T, dir string) (records int) {
	t.Helper()
	o := Options{Dir: dir, Key: make([]byte, 32)}
	d, err := OpenDamaged(o)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(d.Records(func([]byte) error { records++; return nil }), d.State("", func(KV) error { return nil }), d.Close())
	if err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrDamaged) {
		t.Errorf("a store of which something was left out opens: %v", err)
	}
	return records
}

// TestByHand reads a table of which a block is damaged from both ends.
func TestByHand(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 20_000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables: %v %v", tables, err)
	}
	for _, path := range tables {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/3] ^= 0x10
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Each table lacks one block of some 8 KB, the rest is read, some of it twice.
	if got := readDamaged(t, dir); got < 15_000 {
		t.Errorf("%d records of 20,000 could be read", got)
	}
}

func must[T any](t *testing.T, f func() (T, error)) T {
	t.Helper()
	v, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
