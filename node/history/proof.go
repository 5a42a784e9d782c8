package history

import "github.com/linnet-im/linnet/node/record"

// Proof remembers, for each chain, which record must stand before the last one
// that was verified. Records that arrive from the newest back need one signature
// check a chain: each names the one before it by its id, which covers header and
// signature (DESIGN.md §5).
type Proof map[record.Writer]Link

// Link is a place in a chain of which the id is known.
type Link struct {
	Seq uint64
	ID  record.ID
}

// Covers reports whether r's place is known (known), and whether r is what
// belongs there (right). A record that is known and not right is part of a fork,
// if its signature holds.
func (p Proof) Covers(r *record.Record) (known, right bool) {
	l, ok := p[r.Writer]
	if !ok || l.Seq != r.Seq {
		return false, false
	}
	return true, l.ID == r.ID()
}

// Verified notes a record that was proved or checked.
func (p Proof) Verified(r *record.Record) {
	if r.Seq == 1 {
		delete(p, r.Writer)
		return
	}
	p[r.Writer] = Link{r.Seq - 1, r.Prev}
}
