package reconcile

import (
	"errors"
	"slices"
	"testing"
)

// counting counts what is asked of a set.
type counting struct {
	Set
	sums, splits, lists, listed int
}

func (c *counting) Sum(from, to Bound) (Sum, error) {
	c.sums++
	return c.Set.Sum(from, to)
}

func (c *counting) Split(from, to Bound, parts int) ([]Bound, error) {
	c.splits++
	return c.Set.Split(from, to, parts)
}

func (c *counting) List(from, to Bound, limit int) ([]Item, error) {
	c.lists++
	items, err := c.Set.List(from, to, limit)
	c.listed += len(items)
	return items, err
}

// numbered returns items low to high-1, one a second.
func numbered(low, high uint64) []Item {
	items := make([]Item, 0, high-low)
	for n := low; n < high; n++ {
		items = append(items, Item{1_700_000_000_000 + int64(n)*1000, idOf(n)})
	}
	return items
}

func without(items []Item, lacking func(n int) bool) []Item {
	var kept []Item
	for n, i := range items {
		if !lacking(n) {
			kept = append(kept, i)
		}
	}
	return kept
}

// TestEqualSetsCostTheSame: 20 bytes, one byte, and one sum on each side.
func TestEqualSetsCostTheSame(t *testing.T) {
	for _, size := range []uint64{0, 1, 31, 1000, 100_000} {
		set := slice(t, numbered(0, size))
		ours, theirs := &counting{Set: set}, &counting{Set: set}
		out, err := exchange(ours, theirs, Options{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if out.sent != 20 || out.received != 1 || out.rounds != 1 {
			t.Errorf("%d items: %d bytes there, %d back, %d rounds", size, out.sent, out.received, out.rounds)
		}
		for _, c := range []*counting{ours, theirs} {
			if c.sums != 1 || c.splits+c.lists != 0 {
				t.Errorf("%d items: %d sums, %d splits, %d lists", size, c.sums, c.splits, c.lists)
			}
		}
	}
}

// TestCosts holds what the usual cases may cost.
func TestCosts(t *testing.T) {
	const size = 50_000
	all := numbered(0, size)
	scattered := without(all, func(n int) bool { return n%500 == 77 })
	cases := []struct {
		name             string
		ours, theirs     []Item
		rounds           int // at most
		sent, received   int // bytes, at most
		need, ranges     int // exactly
		have             uint64
		workUs, workThem int // calls of the set, at most
	}{
		{"a newcomer", nil, all, 1, 20, 450, 0, 1, 0, 20, 20},
		{"a newcomer with twenty live posts", all[size-20:], all, 4, 2000, 2000, 5, 3, 0, 80, 80},
		{"a newcomer answers", all, all[size-20:], 3, 1000, 2500, 0, 0, size - 20, 80, 80},
		{"a newcomer answers with nothing", all, nil, 1, 20, 5, 0, 0, size, 5, 5},
		{"one missing", without(all, func(n int) bool { return n == 31_415 }), all, 3, 1000, 1500, 1, 0, 0, 80, 80},
		{"one more", all, without(all, func(n int) bool { return n == 31_415 }), 3, 1000, 1500, 0, 0, 1, 80, 80},
		{"a week offline", all[:size-700], all, 3, 1000, 1500, 7, 1, 0, 80, 80},
		{"a hundred scattered", scattered, all, 4, 60_000, 90_000, 100, 0, 0, 3000, 3000},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := &counting{Set: slice(t, tc.ours)}, &counting{Set: slice(t, tc.theirs)}
			out, err := exchange(ours, theirs, Options{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			us, them := ours.sums+ours.splits+ours.lists, theirs.sums+theirs.splits+theirs.lists
			t.Logf("%d rounds, %d bytes there, %d back, set calls %d and %d, listed %d and %d; need %d, %d ranges, have %d",
				out.rounds, out.sent, out.received, us, them, ours.listed, theirs.listed, len(out.Need), len(out.NeedRanges), out.HaveCount)
			if out.rounds > tc.rounds || out.sent > tc.sent || out.received > tc.received || us > tc.workUs || them > tc.workThem {
				t.Errorf("more than %d rounds, %d and %d bytes, %d and %d calls", tc.rounds, tc.sent, tc.received, tc.workUs, tc.workThem)
			}
			if len(out.Need) != tc.need || len(out.NeedRanges) != tc.ranges || out.HaveCount != tc.have {
				t.Errorf("want %d, %d ranges, %d had", tc.need, tc.ranges, tc.have)
			}
			checkOutcomeOf(t, world{tc.ours, tc.theirs}, out)
		})
	}
}

// checkOutcomeOf is checkOutcome for exchanges that do not name what we have.
func checkOutcomeOf(t *testing.T, w world, out outcome) {
	t.Helper()
	for id := range (world{ours: w.theirs, theirs: w.ours}).lacking(Whole()) {
		out.Have = append(out.Have, id)
	}
	checkOutcome(t, w, Options{}, Options{}, out)
}

// TestNewestFirst: with more differences than fit one round, the first that are
// found are the newest.
func TestNewestFirst(t *testing.T) {
	all := numbered(0, 50_000)
	ours := slice(t, without(all, func(n int) bool { return n%3 == 0 }))
	theirs := slice(t, all)
	a := NewAsker(ours, Options{})
	msg, err := a.Start()
	var found []ID
	for err == nil && len(found) == 0 {
		var reply []byte
		if reply, err = Answer(theirs, msg, Options{}); err == nil {
			msg, err = a.Next(reply)
			found = a.Take().Need
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	times := make(map[ID]int)
	for n, i := range all {
		times[i.ID] = n
	}
	for n, id := range found {
		if n > 0 && times[id] > times[found[n-1]] {
			t.Fatal("not in descending order")
		}
		if times[id] < 40_000 {
			t.Fatalf("item %d of 50,000 is among the first %d found", times[id], len(found))
		}
	}
}

func TestLimits(t *testing.T) {
	all := numbered(0, 20_000)
	ours, theirs := slice(t, without(all, func(n int) bool { return n%2 == 0 })), slice(t, all)
	out, err := exchange(ours, theirs, Options{MaxRounds: 5}, Options{})
	if !errors.Is(err, ErrRounds) || out.rounds != 5 || len(out.Need) == 0 {
		t.Errorf("%v after %d rounds with %d found", err, out.rounds, len(out.Need))
	}
	out, err = exchange(ours, theirs, Options{MaxNeed: 1234}, Options{})
	if !errors.Is(err, ErrRounds) || len(out.Need) != 1234 {
		t.Errorf("%v with %d found", err, len(out.Need))
	}
	out, err = exchange(theirs, ours, Options{MaxHave: 70}, Options{})
	if err != nil || len(out.Have) != 70 || out.HaveCount != 10_000 {
		t.Errorf("%v with %d of %d named", err, len(out.Have), out.HaveCount)
	}
}

func TestVersion(t *testing.T) {
	set := slice(t, nil)
	reply, err := Answer(set, []byte{0x62, 1, 2, 3}, Options{})
	if err != nil || !slices.Equal(reply, []byte{0x61}) {
		t.Errorf("answered % x, %v", reply, err)
	}
	a := NewAsker(set, Options{})
	if _, err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Next([]byte{0x60}); !errors.Is(err, ErrVersion) {
		t.Errorf("took version 0: %v", err)
	}
}

func TestOrderOfCalls(t *testing.T) {
	a := NewAsker(slice(t, nil), Options{})
	if _, err := a.Next([]byte{0x61}); err == nil {
		t.Error("a reply before the first message was taken")
	}
	if _, err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Start(); err == nil {
		t.Error("began twice")
	}
	if next, err := a.Next([]byte{0x61}); next != nil || err != nil {
		t.Errorf("% x, %v", next, err)
	}
	if _, err := a.Next([]byte{0x61}); err == nil {
		t.Error("a reply after the end was taken")
	}
}

func TestSliceRefusesTimes(t *testing.T) {
	for _, time := range []int64{-1, MaxTime + 1} {
		if _, err := NewSlice([]Item{{Time: time}}); err == nil {
			t.Errorf("took time %d", time)
		}
	}
}

var errDisk = errors.New("disk on fire")

// failing is a set that fails, or lies, after a number of calls.
type failing struct {
	Set
	calls int
	lie   func() (bounds []Bound, items []Item)
}

func (f *failing) broken() bool {
	f.calls--
	return f.calls < 0
}

func (f *failing) Sum(from, to Bound) (Sum, error) {
	if f.broken() && f.lie == nil {
		return Sum{}, errDisk
	}
	return f.Set.Sum(from, to)
}

func (f *failing) Split(from, to Bound, parts int) ([]Bound, error) {
	switch {
	case !f.broken():
		return f.Set.Split(from, to, parts)
	case f.lie == nil:
		return nil, errDisk
	}
	bounds, _ := f.lie()
	return bounds, nil
}

func (f *failing) List(from, to Bound, limit int) ([]Item, error) {
	switch {
	case !f.broken():
		return f.Set.List(from, to, limit)
	case f.lie == nil:
		return nil, errDisk
	}
	_, items := f.lie()
	return items, nil
}

// TestErrorsOfTheSet: each call that fails ends the exchange with its error.
func TestErrorsOfTheSet(t *testing.T) {
	all := numbered(0, 200)
	ours, theirs := slice(t, without(all, func(n int) bool { return n%3 == 0 })), slice(t, without(all, func(n int) bool { return n%5 == 0 }))
	failed := 0
	for calls := range 1000 {
		_, err1 := exchange(&failing{Set: ours, calls: calls}, theirs, Options{}, Options{})
		_, err2 := exchange(ours, &failing{Set: theirs, calls: calls}, Options{}, Options{})
		for _, err := range []error{err1, err2} {
			if err != nil && !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if err != nil {
				failed++
			}
		}
		if err1 == nil && err2 == nil {
			break
		}
	}
	if failed < 50 {
		t.Errorf("%d failures noticed", failed)
	}
}

// TestWrongSets: a set that breaks its contract is an error, not a bad message.
func TestWrongSets(t *testing.T) {
	all := numbered(0, 2000)
	theirs := slice(t, without(all, func(n int) bool { return n%2 == 0 }))
	for _, tc := range []struct {
		name   string
		bounds []Bound
		items  []Item
	}{
		{"a bound outside", []Bound{At(all[100]), End(), At(all[101])}, nil},
		{"bounds that go back", []Bound{At(all[100]), At(all[90])}, nil},
		{"too many parts", slices.Repeat([]Bound{At(all[100])}, 16), nil},
		{"items out of order", nil, []Item{all[199], all[198]}},
		{"more than the limit", nil, slices.Repeat([]Item{all[199]}, 100_000)},
	} {
		lying := &failing{Set: slice(t, all), lie: func() ([]Bound, []Item) { return tc.bounds, tc.items }}
		if _, err := exchange(lying, theirs, Options{}, Options{}); err == nil || errors.Is(err, ErrMessage) || errors.Is(err, ErrRounds) {
			t.Errorf("asking, %s: %v", tc.name, err)
		}
		lying = &failing{Set: slice(t, all), lie: func() ([]Bound, []Item) { return tc.bounds, tc.items }}
		if _, err := exchange(theirs, lying, Options{}, Options{}); err == nil || errors.Is(err, ErrMessage) || errors.Is(err, ErrRounds) {
			t.Errorf("answering, %s: %v", tc.name, err)
		}
	}
}
