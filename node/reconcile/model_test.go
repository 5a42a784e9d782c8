package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// idOf is the id of item n in tests and vectors: SHA-256 of n as 8 bytes, big-endian.
func idOf(n uint64) ID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n)) }

// outcome is what a whole exchange brought.
type outcome struct {
	Result
	sent, received       int // bytes
	longestAsk, longestR int
	rounds               int
}

// exchange runs an exchange to its end.
func exchange(ours, theirs Set, asking, answering Options) (outcome, error) {
	a := NewAsker(ours, asking)
	var out outcome
	msg, err := a.Start()
	for err == nil && msg != nil {
		var reply []byte
		if reply, err = Answer(theirs, msg, answering); err != nil {
			break
		}
		out.sent, out.received = out.sent+len(msg), out.received+len(reply)
		out.longestAsk, out.longestR = max(out.longestAsk, len(msg)), max(out.longestR, len(reply))
		msg, err = a.Next(reply)
		found := a.Take()
		out.Need = append(out.Need, found.Need...)
		out.NeedRanges = append(out.NeedRanges, found.NeedRanges...)
		out.Have = append(out.Have, found.Have...)
		out.HaveCount += found.HaveCount
	}
	out.rounds = a.Rounds()
	return out, err
}

func slice(t testing.TB, items []Item) *Slice {
	t.Helper()
	s, err := NewSlice(items)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is a plain model: all items, and who has which.
type world struct{ ours, theirs []Item }

func (w world) lacking(of Range) map[ID]bool {
	lacking := make(map[ID]bool)
	for _, i := range w.theirs {
		lacking[i.ID] = of.Contains(i)
	}
	for _, i := range w.ours {
		delete(lacking, i.ID)
	}
	maps.DeleteFunc(lacking, func(_ ID, in bool) bool { return !in })
	return lacking
}

// randomWorld makes sets of up to 5,000 items that resemble each other in the
// ways that matter.
func randomWorld(rnd *rand.Rand) (world, string) {
	all := make([]Item, []int{0, 1, 31, 32, 33, 300, 5000}[rnd.IntN(7)])
	span := []int64{1, 3, 1000, 1 << 40, MaxTime}[rnd.IntN(5)] // 1: all at the same time
	for i := range all {
		all[i] = Item{rnd.Int64N(span), idOf(rnd.Uint64())}
		if rnd.IntN(4) == 0 { // ids that share a long prefix
			copy(all[i].ID[:30], make([]byte, 30))
		}
	}
	known := make(map[ID]bool) // an id has one time
	all = slices.DeleteFunc(all, func(i Item) bool {
		again := known[i.ID]
		known[i.ID] = true
		return again
	})
	slices.SortFunc(all, Item.Compare)
	var w world
	kind := []string{"equal", "disjoint", "we lack some", "they lack some", "both lack some", "we have nothing", "they have nothing", "we lack the newest", "halves"}[rnd.IntN(9)]
	few := 1 + rnd.IntN(200)
	for n, i := range all {
		us, they := true, true
		switch kind {
		case "disjoint":
			us = rnd.IntN(2) == 0
			they = !us
		case "we lack some":
			us = rnd.IntN(few) > 0
		case "they lack some":
			they = rnd.IntN(few) > 0
		case "both lack some":
			us, they = rnd.IntN(few) > 0, rnd.IntN(few) > 0
		case "we have nothing":
			us = false
		case "they have nothing":
			they = false
		case "we lack the newest":
			us = n < len(all)-len(all)/few
		case "halves":
			us, they = n < len(all)/2, n >= len(all)/2
		}
		if us {
			w.ours = append(w.ours, i)
		}
		if they {
			w.theirs = append(w.theirs, i)
		}
	}
	return w, kind
}

func TestRandomSetsAgainstModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for n := range 300 {
		w, kind := randomWorld(rnd)
		frame := []int{0, minFrame, 10_000}[rnd.IntN(3)]
		o := Options{MaxFrame: frame, MaxRounds: 2000, MaxHave: 10_000}
		if rnd.IntN(3) == 0 {
			o.Parts, o.ListBelow = 2+rnd.IntN(63), 2+rnd.IntN(63)
		}
		if rnd.IntN(4) == 0 && len(w.theirs) > 0 {
			o.Range = Range{At(w.theirs[rnd.IntN(len(w.theirs))]), End()}
		}
		theirO := Options{MaxFrame: []int{0, minFrame}[rnd.IntN(2)]}
		out, err := exchange(slice(t, w.ours), slice(t, w.theirs), o, theirO)
		if err != nil {
			t.Fatalf("run %d, %s, %d and %d items: %v", n, kind, len(w.ours), len(w.theirs), err)
		}
		checkOutcome(t, w, o, theirO, out)
		if t.Failed() {
			t.Fatalf("run %d, %s, %d and %d items, %+v", n, kind, len(w.ours), len(w.theirs), o)
		}
	}
}

func checkOutcome(t *testing.T, w world, o, theirO Options, out outcome) {
	t.Helper()
	o, theirO = o.withDefaults(), theirO.withDefaults()
	if out.longestAsk > o.MaxFrame || out.longestR > theirO.MaxFrame {
		t.Errorf("messages of %d and %d bytes, frames are %d and %d", out.longestAsk, out.longestR, o.MaxFrame, theirO.MaxFrame)
	}
	want := w.lacking(o.Range)
	got := make(map[ID]bool)
	for _, id := range out.Need {
		if got[id] {
			t.Errorf("%x named twice", id[:4])
		}
		got[id] = true
	}
	inRanges := func(i Item) bool {
		return slices.ContainsFunc(out.NeedRanges, func(r Range) bool { return r.Contains(i) })
	}
	for _, i := range w.theirs {
		if inRanges(i) {
			got[i.ID] = true
		}
	}
	if slices.ContainsFunc(w.ours, inRanges) {
		t.Error("a range to be fetched whole holds an item of ours")
	}
	if !maps.Equal(got, want) {
		t.Errorf("found %d of %d that we lack", len(got), len(want))
	}
	checkHave(t, world{ours: w.theirs, theirs: w.ours}.lacking(o.Range), out)
}

func checkHave(t *testing.T, want map[ID]bool, out outcome) {
	t.Helper()
	got := make(map[ID]bool)
	for _, id := range out.Have {
		got[id] = true
	}
	if out.HaveCount != uint64(len(want)) || len(out.Have) != len(want) || !maps.Equal(got, want) {
		t.Errorf("they lack %d, counted %d, named %d", len(want), out.HaveCount, len(out.Have))
	}
}

// changing is a set that gains and loses items while it is being asked.
type changing struct {
	rnd   *rand.Rand
	items []Item
	churn []Item
	t     testing.TB
}

func (c *changing) now() *Slice {
	items := slices.Clone(c.items)
	for _, i := range c.churn {
		if c.rnd.IntN(2) == 0 {
			items = append(items, i)
		}
	}
	return slice(c.t, items)
}
func (c *changing) Sum(from, to Bound) (Sum, error)              { return c.now().Sum(from, to) }
func (c *changing) Split(from, to Bound, n int) ([]Bound, error) { return c.now().Split(from, to, n) }
func (c *changing) List(from, to Bound, limit int) ([]Item, error) {
	return c.now().List(from, to, limit)
}

// TestSetsThatChange: what stays is found although other items come and go, if
// the exchange ends at all.
func TestSetsThatChange(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	ended := 0
	for range 20 {
		var churn []Item
		w := world{}
		for n := range uint64(400) {
			i := Item{int64(n), idOf(n)}
			switch {
			case n%100 < 3:
				churn = append(churn, i)
			case n%10 == 5:
				w.theirs = append(w.theirs, i)
			default:
				w.ours, w.theirs = append(w.ours, i), append(w.theirs, i)
			}
		}
		ours := &changing{rnd, w.ours, churn, t}
		theirs := &changing{rnd, w.theirs, churn, t}
		out, err := exchange(ours, theirs, Options{}, Options{})
		if errors.Is(err, ErrRounds) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ended++
		for id := range w.lacking(Whole()) {
			named := slices.Contains(out.Need, id)
			at := slices.IndexFunc(w.theirs, func(i Item) bool { return i.ID == id })
			if !named && !slices.ContainsFunc(out.NeedRanges, func(r Range) bool { return r.Contains(w.theirs[at]) }) {
				t.Fatalf("item %d not found", w.theirs[at].Time)
			}
		}
	}
	if ended < 10 {
		t.Errorf("%d of 20 exchanges came to an end", ended)
	}
}

// switching is one set for a number of calls and another from then on.
type switching struct {
	before, after Set
	calls         int
}

func (s *switching) now() Set {
	if s.calls--; s.calls >= 0 {
		return s.before
	}
	return s.after
}
func (s *switching) Sum(from, to Bound) (Sum, error)              { return s.now().Sum(from, to) }
func (s *switching) Split(from, to Bound, n int) ([]Bound, error) { return s.now().Split(from, to, n) }
func (s *switching) List(from, to Bound, limit int) ([]Item, error) {
	return s.now().List(from, to, limit)
}

// TestSetsThatGrowAndShrink: whenever it happens, the exchange ends, and what was
// lacking all the time is found.
func TestSetsThatGrowAndShrink(t *testing.T) {
	items := numbered(0, 900)
	full, half := slice(t, items), slice(t, without(items, func(n int) bool { return n%2 == 0 }))
	none, few := slice(t, nil), slice(t, without(items, func(n int) bool { return n%90 > 0 }))
	lacking := slice(t, without(items, func(n int) bool { return n%100 == 50 }))
	for name, tc := range map[string]struct{ before, after *Slice }{
		"grows": {half, full}, "shrinks": {full, half}, "fills": {none, full}, "empties": {full, none}, "grows much": {few, full},
	} {
		for calls := range 150 {
			other := &switching{tc.before, tc.after, calls}
			if _, err := exchange(other, lacking, Options{}, Options{}); err != nil {
				t.Fatalf("asking, %s after %d calls: %v", name, calls, err)
			}
			other = &switching{tc.before, tc.after, calls}
			out, err := exchange(lacking, other, Options{}, Options{})
			if err != nil {
				t.Fatalf("answering, %s after %d calls: %v", name, calls, err)
			}
			for n := 50; n < len(items); n += 100 { // what lacking lacks
				i := items[n]
				always := slices.Contains(tc.before.items, i) && slices.Contains(tc.after.items, i)
				if always && !slices.Contains(out.Need, i.ID) {
					t.Fatalf("answering, %s after %d calls: item %d not found", name, calls, n)
				}
			}
		}
	}
}

func TestBounds(t *testing.T) {
	a, b := Item{5, idOf(1)}, Item{5, idOf(1)}
	b.ID[7]++
	for _, tc := range []struct{ a, b Item }{{a, b}, {Item{4, idOf(9)}, a}, {Item{}, Item{Time: 1}}} {
		got := Between(tc.a, tc.b)
		if got.Compare(At(tc.a)) <= 0 || got.Compare(At(tc.b)) > 0 {
			t.Errorf("between %v and %v lies %v", tc.a, tc.b, got)
		}
	}
	if got := Between(a, b); !slices.Equal(got.ID[8:], make([]byte, 24)) {
		t.Errorf("not the shortest: % x", got.ID)
	}
	if End().Compare(Bound{Time: MaxTime}) <= 0 {
		t.Error("the end is not after all items")
	}
	if !(Range{}).empty() || Whole().empty() {
		t.Error("the zero range is not empty, or the whole one is")
	}
}
