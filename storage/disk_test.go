package storage

import "testing"

// TestSyncAfterMuch writes several memtables' worth between two syncs: the log that was synced last, and the one after
// it, have become tables since, and the sync must find the one that is written now.
func TestSyncAfterMuch(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	m := newMaker()
	for round := range 3 {
		for range 4 * memTableSize / (600 * 500) {
			if _, err := s.Commit(t.Context(), m.batch(500)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Commit(t.Context(), Batch{Durable: true}); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}
