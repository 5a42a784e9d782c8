package storage

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestSyncAfterMuch writes several memtables' worth between two syncs: the log that was synced last, and the one after
// it, have become tables since, and the sync must find the one that is written now.
func TestSyncAfterMuch(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	m := newMaker()
	for round := range 2 {
		for range 4 * memTableSize / (10 * 100 << 10) {
			b := m.batch(10)
			for i := range b.Puts {
				b.Puts[i].Record.Data = make([]byte, 100<<10)
			}
			if _, err := s.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Commit(t.Context(), Batch{Durable: true}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// TestEmptyLogs opens a folder as Badger leaves it when it is killed in the moment of making a file.
func TestEmptyLogs(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00001.mem", "00007.mem", "000001.vlog", "000002.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = openTest(t, Options{Dir: dir})
	if n, err := s.Count(Space{1}, 1, nil, 0); err != nil || n != 100 {
		t.Fatalf("%d records, %v", n, err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, Key: make([]byte, 32)}); !errors.Is(err, ErrLocked) {
		t.Fatalf("a second time: %v", err)
	}
}
