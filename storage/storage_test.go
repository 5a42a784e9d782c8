package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func openTest(t *testing.T, o Options) *Store {
	t.Helper()
	o.Key, o.Verify = make([]byte, 32), true
	s, err := Open(t.Context(), o)
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

func TestFormat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openTest(t, Options{Dir: dir})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o700) {
		t.Fatalf("folder: %v %v", info.Mode(), err)
	}
	path := filepath.Join(dir, formatFile)
	for _, content := range []string{`{"format":0}`, `nonsense`, ``} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Dir: dir, Key: make([]byte, 32)})
		if err != nil || !slices.Equal(s.Mended(), []string{formatFile}) {
			t.Fatalf("format %q: %v", content, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var fe *FormatError
	if err := os.WriteFile(path, []byte(`{"format":7,"new":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Dir: dir, Key: make([]byte, 32)})
	if !errors.As(err, &fe) || fe.Have != 7 || fe.Want != formatVersion || !strings.Contains(err.Error(), "update the program") {
		t.Errorf("newer format: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Remove(filepath.Join(dir, copiesFolder, formatFile))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, Key: make([]byte, 32)}); !errors.Is(err, ErrDamaged) {
		t.Errorf("no format file: %v", err)
	}
	if raw, err := json.Marshal(format{Format: formatVersion}); err != nil || os.WriteFile(path, raw, 0o600) != nil {
		t.Fatal(err)
	}
	openTest(t, Options{Dir: dir})
}

func TestWrongKey(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	key[0] = 1
	if _, err := Open(t.Context(), Options{Dir: dir, Key: key}); !errors.Is(err, ErrWrongKey) {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir, Key: key[:16]}); err == nil {
		t.Fatal("a short key was taken")
	}
	openTest(t, Options{Dir: dir}) // the folder is not hurt
}

// TestGroup checks that batches which arrive together are answered one by one, in order, with their own outcomes.
func TestGroup(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	m := newMaker()
	var wg sync.WaitGroup
	for w := range 8 {
		puts := m.batch(200).Puts
		for i := range puts { // a space for each, so that outcomes are known
			puts[i].Record.Space = Space{byte(w + 1)}
		}
		wg.Go(func() {
			for i := 0; i < len(puts); i += 4 {
				out, err := s.Commit(t.Context(), Batch{Puts: puts[i : i+4], Durable: i%20 == 0})
				if err != nil || fmt.Sprint(out) != "[stored stored stored stored]" {
					t.Errorf("worker %d: %v %v", w, out, err)
				}
				if got, err := s.Get(Space{byte(w + 1)}, puts[i].Record.ID); err != nil || got.Seq != puts[i].Record.Seq {
					t.Errorf("own record right after the commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	ev, err := s.Journal(0, 0)
	if err != nil || len(ev) != 1600 {
		t.Fatalf("%d events, %v", len(ev), err)
	}
}

// TestQueueFull shows back-pressure: with the writer stopped, callers wait for room, and their ctx bounds the wait.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		q.init()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				r := q.pool.Get().(*request)
				r.size = MaxBatchBytes
				r.err = nil
				err := q.do(ctx, r)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := len(q.waiting); n != 3 { // 4 MB hold three of 1 MB and their own weight
			t.Errorf("%d waiting, want 3", n)
		}
		<-ctx.Done()
		synctest.Wait()
		for range 3 {
			group, ok := q.take(nil, true)
			if !ok || len(group) != 1 {
				t.Fatalf("took %d", len(group))
			}
			answer(group[0], nil)
		}
		wg.Wait()
		q.close()
		if _, ok := q.take(nil, true); ok {
			t.Error("closed and empty, but more was promised")
		}
	})
}

// TestBubble runs a whole life in virtual time, which fails if any goroutine is left or lives outside.
func TestBubble(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			s := openTest(t, Options{Dir: dir})
			m := newMaker()
			woken := make(chan error, 1)
			head := s.JournalHead()
			go func() { woken <- s.WaitJournal(t.Context(), head) }()
			b := m.batch(20)
			b.Durable = true
			if _, err := s.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Commit(t.Context(), Batch{Events: [][]byte{{1}}}); err != nil {
				t.Fatal(err)
			}
			if err := <-woken; err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Minute) // virtual; the background check runs
			if err := s.Damage(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestSweepResumes stops in the middle of deleting a dropped space.
func TestSweepResumes(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 5000)
	if err := s.DropSpace(t.Context(), Space{1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // Verify accepts marked leftovers
		t.Fatal(err)
	}
	s = openTest(t, Options{Dir: dir})
	left := func() (n int) {
		sn, err := s.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer sn.close()
		for _, kind := range append(spaceKinds[:], keyDrop) {
			if err := scan(sn.txn, []byte{kind}, nil, func(_, _ []byte) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	for left() > 0 { // each commit lets the writer go round
		if _, err := s.Commit(t.Context(), Batch{Events: [][]byte{{1}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamage flips bytes in a table: the check names the file, and sealed state never opens to something else.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	fill(t, s, 20_000) // more than a memtable, so that there are tables
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, key, err := deriveKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkTables(t.Context(), dir, key, 1, nil); err != nil {
		t.Fatalf("healthy: %v", err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables: %v %v", tables, err)
	}
	raw, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{10, len(raw) / 3, len(raw) / 2} {
		bad := append([]byte{}, raw...)
		bad[at] ^= 0x10
		if err := os.WriteFile(tables[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		err := checkTables(t.Context(), dir, key, 1, nil)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(tables[0])) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

func TestStateSeal(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	if _, err := s.Commit(t.Context(), Batch{State: []KV{{Key: "a", Value: []byte("secret")}}}); err != nil {
		t.Fatal(err)
	}
	sn, err := s.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := getCopy(sn.txn, stateKey("a"))
	sn.close()
	if err != nil || strings.Contains(string(sealed), "secret") {
		t.Fatalf("%q %v", sealed, err)
	}
	for i := range sealed {
		bad := append([]byte{}, sealed...)
		bad[i] ^= 1
		if _, err := s.openState("a", bad); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if _, err := s.openState("b", sealed); !errors.Is(err, ErrDamaged) {
		t.Fatalf("under another name: %v", err)
	}
	if _, err := s.openState("a", sealed[:10]); !errors.Is(err, ErrDamaged) {
		t.Fatalf("short: %v", err)
	}
}

// TestRing reads the journal across the border between memory and disk.
func TestRing(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	total := 0
	for range 12 {
		b := Batch{}
		for range 500 {
			total++
			b.Events = append(b.Events, fmt.Append(nil, total))
		}
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []int{0, 1, 255, 256, 257, total - ringEvents - 1, total - ringEvents, total - ringEvents + 1, total - 1} {
		ev, err := s.Journal(uint64(after), 0)
		if err != nil || len(ev) != total-after {
			t.Fatalf("after %d: %d events, %v", after, len(ev), err)
		}
		for i, e := range ev {
			if e.Seq != uint64(after+i+1) || string(e.Data) != fmt.Sprint(e.Seq) {
				t.Fatalf("after %d: event %d is %d %q", after, i, e.Seq, e.Data)
			}
		}
	}
}

// TestHeadCache uses more chains than are kept in memory.
func TestHeadCache(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	const chains = headsCached + 500
	for round := range uint64(2) {
		for start := 0; start < chains; start += 500 {
			var b Batch
			for c := start; c < min(start+500, chains); c++ {
				r := Record{Space: Space{1}, Chain: Chain{1, byte(c), byte(c >> 8)}, Seq: round + 1, Time: 1}
				r.ID = ID{byte(c), byte(c >> 8), byte(round)}
				b.Puts = append(b.Puts, Put{Record: r})
			}
			if _, err := s.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	st, err := s.Stats(Space{1})
	if err != nil || st.Chains != chains || st.Records != 2*chains || st.Missing != 0 {
		t.Fatalf("%+v %v", st, err)
	}
}
