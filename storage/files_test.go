package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestFilesGone takes away or cuts each file of a store in turn: Open says that it is
// damaged, or all is there. It never begins a new store in its place.
func TestFilesGone(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 20_000)
	want := len(must(t, s.Spaces))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
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
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey) {
					t.Errorf("%s, %d bytes left: %v", e.Name(), left, err)
				}
				continue
			}
			if got := len(must(t, s.Spaces)); got != want {
				t.Errorf("%s, %d bytes left: %d spaces of %d", e.Name(), left, got, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
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
