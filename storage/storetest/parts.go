package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/linnet-im/linnet/storage"
)

// Part is the records of a lane from one place up to, and without, another; nil is an open end.
type Part struct {
	Space    storage.Space
	Lane     storage.Lane
	From, To *storage.Pos
}

// CheckPart compares Sum, Split and Positions of a part with what the model says.
func CheckPart(t *testing.T, s Storer, m *Model, p Part, parts int) {
	t.Helper()
	sum, err := s.Sum(p.Space, p.Lane, p.From, p.To)
	equal(t, "sum error", err, nil)
	equal(t, "sum", sum, m.Sum(p.Space, p.Lane, p.From, p.To))
	want := m.Positions(p.Space, p.Lane, p.From, p.To, 0)
	for _, limit := range []int{0, 1, parts} {
		got, err := s.Positions(p.Space, p.Lane, p.From, p.To, limit)
		equal(t, "positions error", err, nil)
		if n := min(limit, len(want)); limit > 0 {
			equal(t, "positions", len(got), n)
			want := want[:n]
			if n > 0 {
				equal(t, "positions", got, want)
			}
		} else if len(got)+len(want) > 0 {
			equal(t, "positions", got, want)
		}
	}
	checkSplit(t, s, p, want, parts)
}

// checkSplit looks whether the cuts of a part that holds all make sense.
func checkSplit(t *testing.T, s Storer, p Part, all []storage.Pos, parts int) {
	t.Helper()
	cuts, err := s.Split(p.Space, p.Lane, p.From, p.To, parts)
	equal(t, "split error", err, nil)
	equal(t, "number of cuts", len(cuts), max(0, min(parts, len(all))-1))
	sizes, at := make([]int, len(cuts)+1), 0
	for _, pos := range all {
		for at < len(cuts) && cuts[at].Compare(pos) <= 0 {
			at++
		}
		sizes[at]++
	}
	for i, n := range sizes {
		fair := len(all) / len(sizes)
		if len(cuts) > 0 && (n == 0 || n > 2*fair+600 || fair < 100 && n > fair+1) {
			t.Fatalf("part %d of %d has %d of %d records", i, len(sizes), n, len(all))
		}
	}
}

// testSums stores 3,000 records of a lane in several orders: upwards, downwards, in pieces, and mixed.
func testSums(t *testing.T, s Storer) {
	const n = 3000
	orders := []func(i int) int{
		func(i int) int { return i },
		func(i int) int { return n - 1 - i },
		func(i int) int { return i * 7 % n }, // 7 and n have no divisor in common
		func(i int) int { return i * 1999 % n },
		func(i int) int { return (i/500+1)*500 - 1 - i%500 },
	}
	for o, order := range orders {
		m := NewModel()
		space := byte(o + 1)
		var b storage.Batch
		for i := range n {
			k := order(i)
			b.Puts = append(b.Puts, storage.Put{Record: Record(space, byte(k%3+1), 2, uint64(k/3+1), int64(k/2), "x")})
			if len(b.Puts) < 700 && i != n-1 {
				continue
			}
			if _, err := s.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			m.Commit(b)
			b.Puts = nil
			CheckPart(t, s, m, Part{storage.Space{space}, 2, nil, nil}, 16)
		}
		all := m.Positions(storage.Space{space}, 2, nil, nil, 0)
		for _, c := range [][3]int{{0, n - 1, 2}, {1, 2, 5}, {100, 140, 16}, {250, 2800, 16}, {1000, 1000, 3}, {2990, 10, 3}, {5, 2500, 3}} {
			p := Part{storage.Space{space}, 2, &all[c[0]], &all[c[1]]}
			CheckPart(t, s, m, p, c[2])
			p.To = nil
			CheckPart(t, s, m, p, c[2])
			p.From, p.To = nil, &all[c[1]]
			CheckPart(t, s, m, p, c[2])
		}
	}
	_, err := s.Split(storage.Space{1}, 2, nil, nil, -1)
	equal(t, "no parts", err, nil)
	sum, err := s.Sum(storage.Space{77}, 2, nil, nil)
	equal(t, "sum of nothing", fmt.Sprint(sum, err), fmt.Sprint(storage.Sum{}, nil))
}

func testMoves(t *testing.T, s Storer) {
	m := NewModel()
	do := func(b storage.Batch) {
		t.Helper()
		got, err := s.Commit(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "outcomes", got, m.Commit(b))
		for sp := byte(1); sp <= 2; sp++ {
			st, err := s.Stats(storage.Space{sp})
			equal(t, "stats error", err, nil)
			equal(t, "stats", st, m.Stats(storage.Space{sp}))
			for ln := range storage.Lane(4) {
				CheckPart(t, s, m, Part{storage.Space{sp}, ln, nil, nil}, 4)
				checkRange(t, s, m, storage.Space{sp}, ln, storage.Query{})
			}
		}
		CheckInvariants(t, s)
	}
	for at := 0; at < 3000; at += 500 {
		var b storage.Batch
		for i := at; i < at+500; i++ {
			b.Puts = append(b.Puts, storage.Put{Record: Record(byte(i%2+1), byte(i/2%2+1), 0, uint64(i/4+1), int64(i), fmt.Sprint(i))})
		}
		do(b)
	}
	sp, a, b := storage.Space{1}, storage.Chain{1}, storage.Chain{2}
	do(storage.Batch{Moves: []storage.Move{{Space: sp, Chain: a, From: 700, To: 3}}})
	do(storage.Batch{Moves: []storage.Move{{Space: sp, Chain: a, From: 300, To: 2}, {Space: sp, Chain: a, From: 720, To: 1}, {Space: sp, Chain: a, From: 740, To: 0}}})
	do(storage.Batch{Moves: []storage.Move{{Space: sp, Chain: b, To: 1}, {Space: sp, Chain: a, From: 5000, To: 1}, {Space: storage.Space{9}, Chain: a}}})
	do(storage.Batch{
		Moves:   []storage.Move{{Space: sp, Chain: b, From: 10, To: 2}, {Space: sp, Chain: b, From: 10, To: 1}},
		Puts:    []storage.Put{{Record: Record(1, 2, 3, 900, 77, "new"), Event: []byte("e")}},
		Replace: []storage.Replacement{{Space: sp, ID: m.Records(sp)[3].ID, Data: []byte("other")}},
		State:   []storage.KV{{Key: "k", Value: []byte("v")}},
	})
	do(storage.Batch{Moves: []storage.Move{{Space: sp, Chain: a, To: 0}, {Space: sp, Chain: b, To: 0}}})
	_, err := s.Commit(t.Context(), storage.Batch{Moves: []storage.Move{{Space: sp, Chain: a, To: 16}}})
	wantErr(t, "no such lane", err, storage.ErrInvalid)
	testMoveLarge(t, s)
}

// testMoveLarge moves more bytes than one transaction takes, together with a full batch.
func testMoveLarge(t *testing.T, s Storer) {
	text := string(bytes.Repeat([]byte("z"), storage.MaxData-10))
	for i := range 6 {
		commit(t, s, Record(5, 1, 0, uint64(i+1), int64(i), text+fmt.Sprint(i)))
	}
	_, err := s.Commit(t.Context(), storage.Batch{
		Moves:  []storage.Move{{Space: storage.Space{5}, Chain: storage.Chain{1}, From: 2, To: 1}},
		Events: [][]byte{make([]byte, storage.MaxBatchBytes-1000)},
	})
	equal(t, "error", err, nil)
	st, err := s.Stats(storage.Space{5})
	equal(t, "stats error", err, nil)
	equal(t, "stats", st.PerLane, [16]uint64{1, 5})
	r, err := s.At(storage.Space{5}, storage.Chain{1}, 6)
	equal(t, "at error", err, nil)
	equal(t, "lane", r.Lane, storage.Lane(1))
}

func testReplace(t *testing.T, s Storer) {
	r := Record(1, 1, 2, 7, 70, "head and body")
	commit(t, s, r)
	before, err := s.Sum(r.Space, r.Lane, nil, nil)
	equal(t, "sum error", err, nil)
	for _, data := range []string{"head", "", "head and body", string(bytes.Repeat([]byte("x"), storage.MaxData))} {
		out, err := s.Commit(t.Context(), storage.Batch{
			Puts:    []storage.Put{{Record: r}},
			Replace: []storage.Replacement{{Space: r.Space, ID: r.ID, Data: []byte(data)}, {Space: r.Space, ID: storage.ID{1}}, {Space: storage.Space{2}, ID: r.ID}},
		})
		equal(t, "error", err, nil)
		equal(t, "outcomes", out, []storage.Outcome{storage.Duplicate, storage.Replaced, storage.Unknown, storage.Unknown})
		r.Data = []byte(data)
		got, err := s.Get(r.Space, r.ID)
		equal(t, "get error", err, nil)
		equal(t, "get", got.Data, r.Data)
		equal(t, "the rest", []any{got.Lane, got.Chain, got.Seq, got.Time}, []any{r.Lane, r.Chain, r.Seq, r.Time})
	}
	after, err := s.Sum(r.Space, r.Lane, nil, nil)
	equal(t, "sum error", err, nil)
	equal(t, "sum", after, before)
	// One that comes in the same batch is here already.
	late := Record(1, 1, 2, 8, 71, "late")
	out, err := s.Commit(t.Context(), storage.Batch{
		Puts: []storage.Put{{Record: late}}, Replace: []storage.Replacement{{Space: late.Space, ID: late.ID, Data: []byte("l")}},
	})
	equal(t, "error", err, nil)
	equal(t, "outcomes", out, []storage.Outcome{storage.Stored, storage.Replaced})
	_, err = s.Commit(t.Context(), storage.Batch{Replace: []storage.Replacement{{Space: r.Space, ID: r.ID, Data: make([]byte, storage.MaxData+1)}}})
	wantErr(t, "too big", err, storage.ErrTooBig)
}
