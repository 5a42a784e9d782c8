package storetest

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/linnet-im/linnet/storage"
)

// Flags to repeat a failure or to look longer.
var (
	seedFlag = flag.Uint64("storetest.seed", 0, "seed of the random operations; 0: by the clock")
	opsFlag  = flag.Int("storetest.ops", 600, "number of random operations")
)

// Random does random operations on the store and on a model, and compares. The seed is printed.
func Random(t *testing.T, open func(dir string) (Storer, error)) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -storetest.seed=%d", seed)
	r := &random{t: t, rng: rand.New(rand.NewPCG(seed, 0)), open: open, dir: t.TempDir(), m: NewModel()}
	r.s = mustOpen(t, open, r.dir)
	for i := range *opsFlag {
		r.step()
		if i%100 == 99 {
			r.compare()
		}
	}
	r.compare()
	mustClose(t, r.s)
}

type random struct {
	t    *testing.T
	rng  *rand.Rand
	open func(dir string) (Storer, error)
	dir  string
	s    Storer
	m    *Model
}

func (r *random) step() {
	switch n := r.rng.IntN(100); {
	case n < 60:
		r.commit()
	case n < 62:
		r.reopen()
	case n < 65:
		sp := r.space()
		if err := r.s.DropSpace(r.t.Context(), sp); err != nil {
			r.t.Fatalf("drop: %v", err)
		}
		r.m.DropSpace(sp)
	case n < 70:
		r.run()
	case n < 85:
		r.query()
		r.part()
	default:
		r.journal()
	}
}

// seqs is the length of a chain, about.
const seqs = 60

func (r *random) space() storage.Space { return storage.Space{byte(r.rng.IntN(3) + 1)} }

// record is new, a repetition, or another one at a place that may be taken. Chains are short, so that they meet.
func (r *random) record() storage.Record {
	sp := r.space()
	if old := r.m.Records(sp); len(old) > 0 && r.rng.IntN(5) == 0 {
		return old[r.rng.IntN(len(old))]
	}
	chain := byte(r.rng.IntN(4) + 1)
	seq := uint64(r.rng.IntN(seqs) + 1)
	if r.rng.IntN(2) == 0 { // go on at the head
		for _, ch := range r.m.Chains(sp) {
			if ch.Chain[0] == chain {
				seq = ch.Seq + 1
			}
		}
	}
	return Record(sp[0], chain, storage.Lane(r.rng.IntN(3)), seq, int64(r.rng.IntN(500)), fmt.Sprint("data ", r.rng.IntN(3)))
}

func (r *random) commit() {
	b := storage.Batch{Durable: r.rng.IntN(10) == 0}
	for range r.rng.IntN(12) {
		p := storage.Put{Record: r.record()}
		if r.rng.IntN(2) == 0 {
			p.Event = fmt.Append([]byte{}, "put ", p.Record.Seq)
		}
		b.Puts = append(b.Puts, p)
	}
	if sp := r.space(); r.rng.IntN(8) == 0 {
		from := r.rng.IntN(2 * seqs)
		b.Moves = append(b.Moves, storage.Move{Space: sp, Chain: storage.Chain{byte(r.rng.IntN(5) + 1)}, From: uint64(from), To: storage.Lane(r.rng.IntN(4))})
	}
	for range r.rng.IntN(3) {
		sp := r.space()
		rep := storage.Replacement{Space: sp, ID: storage.ID{1}, Data: make([]byte, r.rng.IntN(40))}
		if old := r.m.Records(sp); len(old) > 0 {
			rep.ID = old[r.rng.IntN(len(old))].ID
		}
		b.Replace = append(b.Replace, rep)
	}
	for range r.rng.IntN(3) {
		kv := storage.KV{Key: fmt.Sprint("key/", r.rng.IntN(20))}
		if r.rng.IntN(4) > 0 {
			kv.Value = fmt.Append([]byte{}, r.rng.Uint64())
		}
		b.State = append(b.State, kv)
	}
	for range r.rng.IntN(4) {
		b.Events = append(b.Events, fmt.Append([]byte{}, "event ", r.rng.Uint64()))
	}
	got, err := r.s.Commit(r.t.Context(), b)
	if err != nil {
		r.t.Fatalf("commit: %v", err)
	}
	equal(r.t, "outcomes", got, r.m.Commit(b))
}

// run stores many records of a chain, upwards or downwards, so that blocks become full; sometimes where others are.
func (r *random) run() {
	sp, chain, lane := r.space(), byte(r.rng.IntN(3)+10), storage.Lane(r.rng.IntN(3))
	n, time, down := 1+r.rng.IntN(500), r.rng.IntN(500), r.rng.IntN(2) == 0
	from := uint64(r.rng.IntN(1000) + 1)
	var b storage.Batch
	for i := range n {
		k := i
		if down {
			k = n - i
		}
		b.Puts = append(b.Puts, storage.Put{Record: Record(sp[0], chain, lane, from+uint64(k), int64(time+k/4), "run")})
	}
	got, err := r.s.Commit(r.t.Context(), b)
	if err != nil {
		r.t.Fatalf("commit: %v", err)
	}
	equal(r.t, "outcomes of a run", got, r.m.Commit(b))
}

// part compares a part of a lane.
func (r *random) part() {
	bound := func() *storage.Pos {
		if r.rng.IntN(4) == 0 {
			return nil
		}
		p := r.record().Pos()
		return &p
	}
	CheckPart(r.t, r.s, r.m, Part{r.space(), storage.Lane(r.rng.IntN(4)), bound(), bound()}, r.rng.IntN(20))
}

func (r *random) reopen() {
	mustClose(r.t, r.s)
	r.s = mustOpen(r.t, r.open, r.dir)
}

func (r *random) query() {
	q := storage.Query{Limit: r.rng.IntN(30), Newest: r.rng.IntN(2) == 0, Bytes: max(0, r.rng.IntN(300)-100)}
	bound := func() *storage.Pos {
		if r.rng.IntN(2) == 0 {
			return nil
		}
		p := r.record().Pos()
		return &p
	}
	q.After, q.Before = bound(), bound()
	checkRange(r.t, r.s, r.m, r.space(), storage.Lane(r.rng.IntN(4)), q)
}

// journal reads from a random place. What is older than JournalKeep may be trimmed, nothing else.
func (r *random) journal() {
	all := r.m.Events()
	equal(r.t, "journal head", r.s.JournalHead(), uint64(len(all)))
	after, limit := r.rng.IntN(len(all)+2), r.rng.IntN(50)
	got, err := r.s.Journal(uint64(after), limit)
	if after > len(all) || (after < len(all)-JournalKeep && errors.Is(err, storage.ErrTrimmed)) {
		wantErr(r.t, "journal", err, storage.ErrTrimmed)
		return
	}
	if err != nil {
		r.t.Fatalf("journal after %d of %d: %v", after, len(all), err)
	}
	want := all[after:]
	if limit > 0 && len(want) > limit {
		want = want[:limit]
	}
	equal(r.t, "journal length", len(got), len(want))
	for i, e := range got {
		equal(r.t, "event seq", e.Seq, uint64(after+i+1))
		equal(r.t, "event", string(e.Data), string(want[i]))
	}
}

// compare looks at everything.
func (r *random) compare() {
	t := r.t
	CheckInvariants(t, r.s)
	for sp := range byte(4) {
		id := storage.Space{sp}
		st, err := r.s.Stats(id)
		equal(t, "stats error", err, nil)
		equal(t, "stats", st, r.m.Stats(id))
		heads, err := r.s.Chains(id, storage.Chain{}, 0)
		equal(t, "chains error", err, nil)
		if want := r.m.Chains(id); len(heads)+len(want) > 0 {
			equal(t, "chains", heads, want)
		}
		for _, ch := range heads {
			gaps, err := r.s.Gaps(id, ch.Chain, 1000)
			equal(t, "gaps error", err, nil)
			want := r.m.Gaps(id, ch.Chain)
			if len(gaps)+len(want) > 0 {
				equal(t, "gaps", gaps, want)
			}
		}
		for ln := range storage.Lane(4) {
			checkRange(t, r.s, r.m, id, ln, storage.Query{})
			CheckPart(t, r.s, r.m, Part{id, ln, nil, nil}, 16)
		}
		for _, want := range r.m.Records(id) {
			got, err := r.s.Get(id, want.ID)
			equal(t, "get error", err, nil)
			equal(t, "get", got, want)
		}
	}
	kvs, err := r.s.ListState("key/")
	equal(t, "state error", err, nil)
	if want := r.m.State("key/"); len(kvs)+len(want) > 0 {
		equal(t, "state", kvs, want)
	}
}
