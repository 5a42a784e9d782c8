package reconcile

import (
	"fmt"
	"slices"
)

// Slice is a [Set] in memory that does not change. It takes about 72 bytes an
// item.
type Slice struct {
	items  []Item
	totals [][32]byte // totals[n] is the total of the first n items
}

// NewSlice returns the set of the items, which it copies and sorts; an item that
// is given twice is kept once. It fails if a time is not between 0 and [MaxTime].
func NewSlice(items []Item) (*Slice, error) {
	s := &Slice{items: slices.Clone(items)}
	slices.SortFunc(s.items, Item.Compare)
	s.items = slices.Compact(s.items)
	s.totals = make([][32]byte, 1, len(s.items)+1)
	var sum Sum
	for _, i := range s.items {
		if i.Time < 0 || i.Time > MaxTime {
			return nil, fmt.Errorf("reconcile: item %x has time %d", i.ID[:8], i.Time)
		}
		sum.Add(i.ID)
		s.totals = append(s.totals, sum.Total)
	}
	return s, nil
}

// Sum implements [Set].
func (s *Slice) Sum(from, to Bound) (Sum, error) {
	low, high := s.find(from, to)
	sum := Sum{uint64(high), s.totals[high]}
	sum.Sub(Sum{uint64(low), s.totals[low]})
	return sum, nil
}

// Split implements [Set].
func (s *Slice) Split(from, to Bound, parts int) ([]Bound, error) {
	low, high := s.find(from, to)
	parts = min(parts, high-low)
	var bounds []Bound
	for n := 1; n < parts; n++ {
		at := low + (high-low)*n/parts
		bounds = append(bounds, Between(s.items[at-1], s.items[at]))
	}
	return bounds, nil
}

// List implements [Set].
func (s *Slice) List(from, to Bound, limit int) ([]Item, error) {
	low, high := s.find(from, to)
	return slices.Clone(s.items[low:min(high, low+limit)]), nil
}

// find returns which items lie in the range: from low, to before high.
func (s *Slice) find(from, to Bound) (low, high int) {
	before := func(i Item, b Bound) int { return At(i).Compare(b) }
	low, _ = slices.BinarySearchFunc(s.items, from, before)
	high, _ = slices.BinarySearchFunc(s.items, to, before)
	return low, max(low, high)
}
