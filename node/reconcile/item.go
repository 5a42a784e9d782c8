package reconcile

import (
	"bytes"
	"cmp"
	"math"
)

// ID names an item. Ids are expected to be outputs of a cryptographic hash.
type ID [32]byte

// Item is one element of a set. Items are ordered by time, then by id.
type Item struct {
	Time int64 // in milliseconds, 0 to MaxTime
	ID   ID
}

// MaxTime is the latest time an item may have. Other implementations take the
// number after it for infinity.
const MaxTime = math.MaxInt64 - 1

// Compare returns -1, 0 or +1 as i comes before, is, or comes after o.
func (i Item) Compare(o Item) int {
	if c := cmp.Compare(i.Time, o.Time); c != 0 {
		return c
	}
	return bytes.Compare(i.ID[:], o.ID[:])
}

// Bound is a place between items: right before the first item that is not less
// than Time and ID. The zero value is the beginning.
type Bound struct {
	Time int64
	ID   ID
	End  bool // after all items; Time and ID mean nothing then
}

// End returns the bound after all items.
func End() Bound { return Bound{End: true} }

// At returns the bound right before i.
func At(i Item) Bound { return Bound{Time: i.Time, ID: i.ID} }

// Between returns a bound that lies after a and not after b, where a is less than
// b; of these, the one that takes the fewest bytes in a message.
func Between(a, b Item) Bound {
	bound := Bound{Time: b.Time}
	if a.Time != b.Time {
		return bound
	}
	for n := range b.ID {
		bound.ID[n] = b.ID[n]
		if a.ID[n] != b.ID[n] {
			break
		}
	}
	return bound
}

// Compare returns -1, 0 or +1 as b lies before, at, or after o.
func (b Bound) Compare(o Bound) int {
	switch {
	case b.End && o.End:
		return 0
	case b.End:
		return +1
	case o.End:
		return -1
	}
	return Item{b.Time, b.ID}.Compare(Item{o.Time, o.ID})
}

// Range holds the items from From, included, to To, excluded. The zero value
// holds none.
type Range struct{ From, To Bound }

// Whole returns the range that holds all items.
func Whole() Range { return Range{To: End()} }

// Contains reports whether i lies in r.
func (r Range) Contains(i Item) bool {
	return r.From.Compare(At(i)) <= 0 && At(i).Compare(r.To) < 0
}

func (r Range) empty() bool { return r.From.Compare(r.To) >= 0 }

func (r Range) equal(o Range) bool {
	return r.From.Compare(o.From) == 0 && r.To.Compare(o.To) == 0
}

// covers reports whether o lies in r.
func (r Range) covers(o Range) bool {
	return r.From.Compare(o.From) <= 0 && o.To.Compare(r.To) <= 0
}

// common returns what lies in both.
func (r Range) common(o Range) Range {
	if r.From.Compare(o.From) < 0 {
		r.From = o.From
	}
	if o.To.Compare(r.To) < 0 {
		r.To = o.To
	}
	return r
}
