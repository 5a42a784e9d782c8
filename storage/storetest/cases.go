package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linnet-im/linnet/storage"
)

// Record makes a record whose id is a hash of all the rest.
func Record(space, chain byte, lane storage.Lane, seq uint64, time int64, data string) storage.Record {
	r := storage.Record{Space: storage.Space{space}, Lane: lane, Chain: storage.Chain{chain}, Seq: seq, Time: time, Data: []byte(data)}
	h := append([]byte{space, chain, byte(lane)}, data...)
	h = binary.BigEndian.AppendUint64(h, seq)
	r.ID = sha256.Sum256(binary.BigEndian.AppendUint64(h, uint64(time)))
	return r
}

var cases = []struct {
	name string
	run  func(t *testing.T, s Storer)
}{
	{"empty", testEmpty},
	{"outcomes", testOutcomes},
	{"gaps", testGaps},
	{"order", testOrder},
	{"limits", testLimits},
	{"state", testState},
	{"journal", testJournal},
	{"wait", testWait},
	{"trim", testTrim},
	{"drop", testDrop},
	{"sums", testSums},
	{"moves", testMoves},
	{"replace", testReplace},
	{"large", testLarge},
	{"closed", testClosed},
}

func commit(t *testing.T, s Storer, rs ...storage.Record) []storage.Outcome {
	t.Helper()
	var b storage.Batch
	for _, r := range rs {
		b.Puts = append(b.Puts, storage.Put{Record: r})
	}
	out, err := s.Commit(t.Context(), b)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %+v, want %+v", what, got, want)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
	if !strings.HasPrefix(err.Error(), "storage: ") && !errors.Is(want, context.Canceled) {
		t.Fatalf("%s: error %q does not name its room", what, err)
	}
}

func testEmpty(t *testing.T, s Storer) {
	_, err := s.Get(storage.Space{1}, storage.ID{1})
	wantErr(t, "get", err, storage.ErrNotFound)
	_, err = s.At(storage.Space{1}, storage.Chain{1}, 1)
	wantErr(t, "at", err, storage.ErrNotFound)
	_, err = s.Head(storage.Space{1}, storage.Chain{1})
	wantErr(t, "head", err, storage.ErrNotFound)
	_, err = s.State("a")
	wantErr(t, "state", err, storage.ErrNotFound)
	st, err := s.Stats(storage.Space{1})
	equal(t, "stats", st, storage.Stats{})
	equal(t, "stats error", err, nil)
	equal(t, "journal head", s.JournalHead(), uint64(0))
	equal(t, "epoch length", len(s.Epoch()), 8)
	out, err := s.Commit(t.Context(), storage.Batch{Durable: true})
	equal(t, "empty batch", len(out), 0)
	equal(t, "empty batch error", err, nil)
	equal(t, "drop of nothing", s.DropSpace(t.Context(), storage.Space{9}), nil)
}

func testOutcomes(t *testing.T, s Storer) {
	a, a2 := Record(1, 1, 0, 1, 10, "a"), Record(1, 1, 0, 1, 10, "other")
	b := Record(1, 1, 0, 2, 11, "b")
	got := commit(t, s, a, a, a2, b, a, a2)
	equal(t, "one batch", got, []storage.Outcome{storage.Stored, storage.Duplicate, storage.Conflict, storage.Stored, storage.Duplicate, storage.Conflict})
	equal(t, "again", commit(t, s, b, a2, a), []storage.Outcome{storage.Duplicate, storage.Conflict, storage.Duplicate})
	other := a
	other.Space = storage.Space{2}
	equal(t, "another space", commit(t, s, other), []storage.Outcome{storage.Stored})
	_, err := s.Get(storage.Space{1}, a2.ID)
	wantErr(t, "get a conflict", err, storage.ErrNotFound)
	for _, r := range []storage.Record{a, b, other} {
		got, err := s.Get(r.Space, r.ID)
		equal(t, "get error", err, nil)
		equal(t, "get", got, r)
		got, err = s.At(r.Space, r.Chain, r.Seq)
		equal(t, "at error", err, nil)
		equal(t, "at", got, r)
	}
	has, err := s.Has(storage.Space{1}, a.ID)
	equal(t, "has", has, true)
	equal(t, "has error", err, nil)
	// A conflict leaves out the record and its event, the rest of the batch is stored.
	out, err := s.Commit(t.Context(), storage.Batch{
		Puts:  []storage.Put{{Record: a2, Event: []byte("no")}, {Record: Record(1, 1, 0, 3, 12, "c"), Event: []byte("yes")}},
		State: []storage.KV{{Key: "k", Value: []byte("v")}},
	})
	equal(t, "mixed error", err, nil)
	equal(t, "mixed", out, []storage.Outcome{storage.Conflict, storage.Stored})
	ev, err := s.Journal(0, 0)
	equal(t, "events error", err, nil)
	equal(t, "events", ev, []storage.Event{{Seq: 1, Data: []byte("yes")}})
	v, err := s.State("k")
	equal(t, "state", string(v), "v")
	equal(t, "state error", err, nil)
}

func testGaps(t *testing.T, s Storer) {
	sp, ch := storage.Space{1}, storage.Chain{1}
	steps := []struct{ seq, head, count, missing uint64 }{{5, 5, 1, 4}, {3, 5, 2, 3}, {4, 5, 3, 2}, {9, 9, 4, 5}, {1, 9, 5, 4}, {7, 9, 6, 3}, {2, 9, 7, 2}}
	for _, st := range steps {
		r := Record(1, 1, 2, st.seq, int64(st.seq), "x")
		equal(t, "outcome", commit(t, s, r), []storage.Outcome{storage.Stored})
		equal(t, "again", commit(t, s, r), []storage.Outcome{storage.Duplicate})
		h, err := s.Head(sp, ch)
		equal(t, "head error", err, nil)
		top := Record(1, 1, 2, st.head, int64(st.head), "x")
		equal(t, "head", h, storage.Head{Seq: st.head, ID: top.ID, Time: top.Time, Count: st.count})
		stats, err := s.Stats(sp)
		equal(t, "stats error", err, nil)
		equal(t, "missing", stats.Missing, st.missing)
		equal(t, "records", stats.PerLane[2], st.count)
	}
}

func testOrder(t *testing.T, s Storer) {
	m := NewModel()
	var all []storage.Record
	for i := range 40 {
		// Several at the same time: the id decides.
		all = append(all, Record(1, byte(i%3)+1, storage.Lane(i%2), uint64(i+1), int64(i*7%10), "x"))
	}
	for _, r := range all {
		m.Commit(storage.Batch{Puts: []storage.Put{{Record: r}}})
	}
	commit(t, s, all...)
	lane := m.Range(storage.Space{1}, 1, storage.Query{})
	for _, limit := range []int{0, 1, 3, 100} {
		for i := -1; i < len(lane); i++ {
			for _, newest := range []bool{false, true} {
				q := storage.Query{Limit: limit, Newest: newest}
				if i >= 0 {
					p := lane[i].Pos()
					q.After = &p
				}
				checkRange(t, s, m, storage.Space{1}, 1, q)
				q.Before, q.After = q.After, nil
				checkRange(t, s, m, storage.Space{1}, 1, q)
			}
		}
	}
	lo, hi := lane[2].Pos(), lane[9].Pos()
	checkRange(t, s, m, storage.Space{1}, 1, storage.Query{After: &lo, Before: &hi, Limit: 4, Newest: true})
	checkRange(t, s, m, storage.Space{1}, 1, storage.Query{After: &hi, Before: &lo})
}

func checkRange(t *testing.T, s Storer, m *Model, sp storage.Space, ln storage.Lane, q storage.Query) {
	t.Helper()
	got, err := s.Range(sp, ln, q)
	if err != nil {
		t.Fatalf("range: %v", err)
	}
	want := m.Range(sp, ln, q)
	if len(got)+len(want) > 0 {
		equal(t, "range", got, want)
	}
	n, err := s.Count(sp, ln, q.After, q.Limit)
	if err != nil {
		t.Fatalf("count: %v", err)
	}
	equal(t, "count", n, len(m.Range(sp, ln, storage.Query{After: q.After, Limit: q.Limit})))
}

func testLimits(t *testing.T, s Storer) {
	good := Record(1, 1, 0, 1, 1, "x")
	bad := []func(*storage.Record){
		func(r *storage.Record) { r.Lane = 16 },
		func(r *storage.Record) { r.Seq = 0 },
		func(r *storage.Record) { r.Seq = storage.MaxSeq + 1 },
		func(r *storage.Record) { r.Time = -1 },
		func(r *storage.Record) { r.Chain = storage.Chain{} },
	}
	for i, change := range bad {
		r := good
		change(&r)
		_, err := s.Commit(t.Context(), storage.Batch{Puts: []storage.Put{{Record: good}, {Record: r}}})
		if !errors.Is(err, storage.ErrInvalid) {
			t.Fatalf("bad record %d: %v", i, err)
		}
	}
	_, err := s.Commit(t.Context(), storage.Batch{State: []storage.KV{{Key: strings.Repeat("k", storage.MaxStateName+1), Value: []byte{}}}})
	wantErr(t, "long name", err, storage.ErrInvalid)
	_, err = s.Commit(t.Context(), storage.Batch{Events: [][]byte{make([]byte, storage.MaxBatchBytes)}})
	wantErr(t, "large event", err, storage.ErrTooBig)
	_, err = s.Commit(t.Context(), storage.Batch{Puts: make([]storage.Put, storage.MaxBatchPuts+1)})
	wantErr(t, "many puts", err, storage.ErrTooBig)
	equal(t, "nothing of it is stored", commit(t, s, good), []storage.Outcome{storage.Stored})
	top := good
	top.Seq, top.Time, top.ID = storage.MaxSeq, 1<<63-1, storage.ID{1}
	equal(t, "largest numbers", commit(t, s, top), []storage.Outcome{storage.Stored})
	st, err := s.Stats(storage.Space{1})
	equal(t, "missing", st.Missing, storage.MaxSeq-2)
	equal(t, "stats error", err, nil)
}

// testLarge fills a batch to its limits, in each of the ways that a transaction could be too big.
func testLarge(t *testing.T, s Storer) {
	var wide, tall storage.Batch
	for i := range storage.MaxBatchPuts {
		r := Record(1, 1, storage.Lane(i%16), uint64(i+1), int64(i), strings.Repeat("d", 400))
		r.Space = storage.Space{byte(i), byte(i >> 8), 1} // each in a space and chain of its own
		r.Chain = storage.Chain{1, byte(i), byte(i >> 8)}
		wide.Puts = append(wide.Puts, storage.Put{Record: r, Event: bytes.Repeat([]byte("e"), 200)})
	}
	for i := range storage.MaxBatchBytes / (storage.MaxData / 8) {
		r := Record(2, 1, 0, uint64(i+1), int64(i), strings.Repeat("d", storage.MaxData/8-1000))
		tall.Puts = append(tall.Puts, storage.Put{Record: r})
	}
	for range 3 { // the later ones are duplicates
		for _, b := range []storage.Batch{wide, tall} {
			if _, err := s.Commit(t.Context(), b); err != nil {
				t.Fatalf("full batch: %v", err)
			}
		}
	}
	equal(t, "events", s.JournalHead(), uint64(storage.MaxBatchPuts))
	large := Record(3, 1, 0, 1, 1, strings.Repeat("z", storage.MaxData))
	commit(t, s, large)
	got, err := s.Get(large.Space, large.ID)
	equal(t, "get error", err, nil)
	equal(t, "largest record", got, large)
}

func testState(t *testing.T, s Storer) {
	put := func(kvs ...storage.KV) {
		t.Helper()
		if _, err := s.Commit(t.Context(), storage.Batch{State: kvs}); err != nil {
			t.Fatal(err)
		}
	}
	put(storage.KV{Key: "b/2", Value: []byte("two")}, storage.KV{Key: "b/1", Value: []byte("one")}, storage.KV{Key: "c", Value: []byte{}})
	put(storage.KV{Key: "b/2", Value: []byte("zwei")}, storage.KV{Key: "gone", Value: nil})
	got, err := s.ListState("b/")
	equal(t, "list error", err, nil)
	equal(t, "list", got, []storage.KV{{Key: "b/1", Value: []byte("one")}, {Key: "b/2", Value: []byte("zwei")}})
	v, err := s.State("c")
	equal(t, "empty value", v, []byte{})
	equal(t, "empty value error", err, nil)
	put(storage.KV{Key: "b/1"})
	_, err = s.State("b/1")
	wantErr(t, "deleted", err, storage.ErrNotFound)
	all, err := s.ListState("")
	equal(t, "all error", err, nil)
	equal(t, "all", len(all), 2)
}

func testJournal(t *testing.T, s Storer) {
	for i := range 10 {
		b := storage.Batch{Events: [][]byte{{byte(2 * i)}, {byte(2*i + 1)}}}
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	ev, err := s.Journal(17, 0)
	equal(t, "tail error", err, nil)
	equal(t, "tail", ev, []storage.Event{{Seq: 18, Data: []byte{17}}, {Seq: 19, Data: []byte{18}}, {Seq: 20, Data: []byte{19}}})
	ev, err = s.Journal(3, 1)
	equal(t, "limit error", err, nil)
	equal(t, "limit", ev, []storage.Event{{Seq: 4, Data: []byte{3}}})
	ev, err = s.Journal(20, 5)
	equal(t, "at the head", len(ev), 0)
	equal(t, "at the head error", err, nil)
	_, err = s.Journal(21, 5)
	wantErr(t, "ahead", err, storage.ErrTrimmed)
	_, err = s.Journal(1<<64-1, 5)
	wantErr(t, "far ahead", err, storage.ErrTrimmed)
}

func testWait(t *testing.T, s Storer) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.WaitJournal(ctx, 1) }()
	for i := range 2 {
		if _, err := s.Commit(ctx, storage.Batch{Events: [][]byte{{byte(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "woken", <-done, nil)
	equal(t, "at once", s.WaitJournal(ctx, 0), nil)
	gone, leave := context.WithCancel(t.Context())
	leave()
	wantErr(t, "cancelled", s.WaitJournal(gone, 2), context.Canceled)
}

func testTrim(t *testing.T, s Storer) {
	const total = JournalKeep * 10
	for i := range total {
		if _, err := s.Commit(t.Context(), storage.Batch{Events: [][]byte{{byte(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Journal(0, 1)
	wantErr(t, "oldest", err, storage.ErrTrimmed)
	ev, err := s.Journal(total-JournalKeep, 0)
	equal(t, "kept error", err, nil)
	equal(t, "kept", len(ev), JournalKeep)
}

func testDrop(t *testing.T, s Storer) {
	var rs []storage.Record
	for i := range 900 {
		rs = append(rs, Record(1, byte(i%5)+1, 0, uint64(i/5+1), int64(i), "x"))
	}
	keep := Record(2, 1, 0, 1, 1, "keep")
	commit(t, s, append(rs, keep)...)
	equal(t, "drop", s.DropSpace(t.Context(), storage.Space{1}), nil)
	got, err := s.Range(storage.Space{1}, 0, storage.Query{})
	equal(t, "range error", err, nil)
	equal(t, "range", len(got), 0)
	_, err = s.Get(storage.Space{1}, rs[0].ID)
	wantErr(t, "get", err, storage.ErrNotFound)
	st, err := s.Stats(storage.Space{1})
	equal(t, "stats error", err, nil)
	equal(t, "stats", st, storage.Stats{})
	// It can come back at once, while the old keys are still being deleted.
	equal(t, "put again", commit(t, s, rs[7], rs[0]), []storage.Outcome{storage.Stored, storage.Stored})
	got, err = s.Range(storage.Space{1}, 0, storage.Query{})
	equal(t, "range error", err, nil)
	equal(t, "range again", got, []storage.Record{rs[0], rs[7]})
	r, err := s.Get(keep.Space, keep.ID)
	equal(t, "neighbour error", err, nil)
	equal(t, "neighbour", r, keep)
	sps, err := s.Spaces()
	equal(t, "spaces error", err, nil)
	equal(t, "spaces", sps, []storage.Space{{1}, {2}})
}

func testClosed(t *testing.T, s Storer) {
	CheckInvariants(t, s)
	waiting := make(chan error, 1)
	go func() { waiting <- s.WaitJournal(context.Background(), 0) }()
	mustClose(t, s)
	mustClose(t, s)
	wantErr(t, "waiter", <-waiting, storage.ErrClosed)
	_, err := s.Commit(t.Context(), storage.Batch{Events: [][]byte{{1}}})
	wantErr(t, "commit", err, storage.ErrClosed)
	_, err = s.Get(storage.Space{}, storage.ID{})
	wantErr(t, "get", err, storage.ErrClosed)
	_, err = s.Journal(0, 0)
	wantErr(t, "journal", err, storage.ErrClosed)
	_, err = s.Stats(storage.Space{})
	wantErr(t, "stats", err, storage.ErrClosed)
	wantErr(t, "drop", s.DropSpace(t.Context(), storage.Space{}), storage.ErrClosed)
	wantErr(t, "wait", s.WaitJournal(t.Context(), 0), storage.ErrClosed)
}

func testReopen(t *testing.T, open func(string) (Storer, error)) {
	dir := t.TempDir()
	s := mustOpen(t, open, dir)
	r := Record(1, 1, 3, 2, 5, "kept")
	_, err := s.Commit(t.Context(), storage.Batch{
		Puts: []storage.Put{{Record: r, Event: []byte("e")}}, State: []storage.KV{{Key: "k", Value: []byte("v")}},
	})
	equal(t, "commit", err, nil)
	_, err = open(dir)
	wantErr(t, "second open", err, storage.ErrLocked)
	epoch := s.Epoch()
	mustClose(t, s)
	s = mustOpen(t, open, dir)
	equal(t, "epoch", s.Epoch(), epoch)
	equal(t, "head", s.JournalHead(), uint64(1))
	got, err := s.Get(r.Space, r.ID)
	equal(t, "get error", err, nil)
	equal(t, "get", got, r)
	equal(t, "duplicate", commit(t, s, r), []storage.Outcome{storage.Duplicate})
	st, err := s.Stats(storage.Space{1})
	equal(t, "stats error", err, nil)
	equal(t, "missing", st.Missing, uint64(1))
	v, err := s.State("k")
	equal(t, "state error", err, nil)
	equal(t, "state", string(v), "v")
	ev, err := s.Journal(0, 0)
	equal(t, "journal error", err, nil)
	equal(t, "journal", ev, []storage.Event{{Seq: 1, Data: []byte("e")}})
	CheckInvariants(t, s)
	mustClose(t, s)
}
