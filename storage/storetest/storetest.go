// Package storetest shows that a store does what [storage.Store] promises: a table of small cases, random operations
// against a plain [Model], and its own check of invariants after each round. It is for tests of storage, and for whoever
// wraps or replaces it.
//
//	func TestStore(t *testing.T) {
//		storetest.Conform(t, func(dir string) (storetest.Storer, error) {
//			return storage.Open(t.Context(), storage.Options{Dir: dir, Key: key, JournalKeep: storetest.JournalKeep})
//		})
//	}
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/linnet-im/linnet/storage"
)

// JournalKeep is what Conform expects the store to be opened with: small, so that trimming happens.
const JournalKeep = 200

// Storer is a store under test: all of [storage.Store] that callers rely on.
type Storer interface {
	Commit(ctx context.Context, b storage.Batch) ([]storage.Outcome, error)
	Get(sp storage.Space, id storage.ID) (storage.Record, error)
	Has(sp storage.Space, id storage.ID) (bool, error)
	At(sp storage.Space, ch storage.Chain, seq uint64) (storage.Record, error)
	Head(sp storage.Space, ch storage.Chain) (storage.Head, error)
	Gaps(sp storage.Space, ch storage.Chain, limit int) ([]storage.Gap, error)
	Chains(sp storage.Space, after storage.Chain, limit int) ([]storage.ChainHead, error)
	Range(sp storage.Space, ln storage.Lane, q storage.Query) ([]storage.Record, error)
	Count(sp storage.Space, ln storage.Lane, after *storage.Pos, limit int) (int, error)
	Sum(sp storage.Space, ln storage.Lane, from, to *storage.Pos) (storage.Sum, error)
	Split(sp storage.Space, ln storage.Lane, from, to *storage.Pos, parts int) ([]storage.Pos, error)
	Positions(sp storage.Space, ln storage.Lane, from, to *storage.Pos, limit int) ([]storage.Pos, error)
	Stats(sp storage.Space) (storage.Stats, error)
	Spaces() ([]storage.Space, error)
	DropSpace(ctx context.Context, sp storage.Space) error
	State(key string) ([]byte, error)
	ListState(prefix string) ([]storage.KV, error)
	Journal(after uint64, limit int) ([]storage.Event, error)
	JournalHead() uint64
	Epoch() string
	WaitJournal(ctx context.Context, after uint64) error
	Check(ctx context.Context) error
	Close() error
}

var _ Storer = (*storage.Store)(nil)

// Conform runs everything. open opens the store in dir, making it if need be; it is called again on the same dir.
func Conform(t *testing.T, open func(dir string) (Storer, error)) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, open, t.TempDir())
			c.run(t, s)
			if err := s.Check(t.Context()); err != nil && !errors.Is(err, storage.ErrClosed) {
				t.Fatalf("invariants: %v", err)
			}
			mustClose(t, s)
		})
	}
	t.Run("reopen", func(t *testing.T) { testReopen(t, open) })
	t.Run("random", func(t *testing.T) { Random(t, open) })
}

// CheckInvariants fails the test if the parts of the store do not agree with each other.
func CheckInvariants(t *testing.T, s Storer) {
	t.Helper()
	if err := s.Check(t.Context()); err != nil {
		t.Fatalf("invariants: %v", err)
	}
}

// Open is a store of its own in a temporary folder, with Verify set, closed when the test ends. For tests of other rooms.
func Open(t testing.TB) *storage.Store {
	t.Helper()
	s, err := storage.Open(context.Background(), storage.Options{Dir: t.TempDir(), Key: make([]byte, 32), Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func mustOpen(t *testing.T, open func(string) (Storer, error), dir string) Storer {
	t.Helper()
	s, err := open(dir)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the one that counts is checked by mustClose
	return s
}

func mustClose(t *testing.T, s Storer) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}
