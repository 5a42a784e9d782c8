package reconcile

import (
	"fmt"
	"slices"
)

// Our items in a range that they have listed are gone through if there are not
// many more than theirs. Otherwise one id would make us read a million: such a
// range is cut instead.
const (
	scanFree  = 1024 // that many in any case
	scanPerID = 16   // and so many for each id that they name
)

// reading is the work on one reply. What it says about ranges that were not asked
// about is passed over.
type reading struct {
	*Asker
	again []question // to be asked next, descending
	moved bool       // something was settled or became finer
	cut   bool       // not all of it was answered
}

func (r *reading) claim(c claim) error {
	if c.empty() {
		return nil
	}
	about := overlapping(r.asked, c.Range)
	if len(about) == 0 {
		return nil
	}
	whole := len(about) == 1 && about[0].covers(c.Range)
	switch {
	case c.mode == modeSkip:
		r.moved = true // equal, they say
		return nil
	case c.mode == modeList && whole:
		return r.list(c)
	case c.mode == modeList:
		return fmt.Errorf("%w: a list of more than was asked", ErrMessage)
	case whole:
		return r.fingerprint(about[0], c)
	}
	// The fingerprint of the rest, which did not fit. That the rest differs is
	// no news, and that it is equal says little: some implementations leave out
	// of the sum what they could not fit.
	r.cut = true
	for _, q := range slices.Backward(about) {
		if err := r.repeat(q, q.common(c.Range)); err != nil {
			return err
		}
	}
	return nil
}

// overlapping returns the questions that have something in common with r.
func overlapping(asked []question, r Range) []question {
	first, _ := slices.BinarySearchFunc(asked, r.From, func(q question, b Bound) int {
		if q.To.Compare(b) <= 0 {
			return -1
		}
		return +1
	})
	asked = asked[first:]
	end, _ := slices.BinarySearchFunc(asked, r.To, func(q question, b Bound) int { return q.From.Compare(b) })
	return asked[:end]
}

// repeat asks again about the part r of q that was not answered.
func (r *reading) repeat(q question, part Range) error {
	if !q.Range.equal(part) {
		sum, err := r.set.sum(part)
		if err != nil {
			return err
		}
		q = question{Range: part, form: oneFingerprint, sum: sum}
		if sum.Count > 0 && r.few(sum) {
			q.form = allIDs
		}
	}
	r.again = append(r.again, q)
	return nil
}

func (r *reading) few(s Sum) bool { return s.Count < uint64(r.o.ListBelow) }

// fingerprint takes theirs of a part of q.
func (r *reading) fingerprint(q question, c claim) error {
	sum, err := r.set.sum(c.Range)
	if err != nil {
		return err
	}
	next := question{Range: c.Range, form: inParts}
	switch {
	case sum.Fingerprint() == c.print:
		r.moved = true
		return nil
	case sum.Count == 0:
		r.moved = true
		return r.needRange(c.Range)
	case r.few(sum):
		next.form = allIDs
	}
	// A list that is answered by a fingerprint of just that range was not read.
	if q.form != allIDs || !q.Range.equal(c.Range) {
		r.moved = true
	}
	r.again = append(r.again, next)
	return nil
}

// needRange notes that we lack all of a range, which comes before those noted
// already.
func (r *reading) needRange(lacking Range) error {
	if n := len(r.found.NeedRanges); n > 0 {
		if last := &r.found.NeedRanges[n-1]; last.From.Compare(lacking.To) == 0 {
			last.From = lacking.From
			return nil
		}
	}
	if err := r.need(1); err != nil {
		return err
	}
	r.found.NeedRanges = append(r.found.NeedRanges, lacking)
	return nil
}

// list compares the ids they have in a range with ours.
func (r *reading) list(c claim) error {
	r.moved = true
	n := len(c.ids) / idSize
	if n == 0 {
		return r.theyHaveNone(c.Range)
	}
	limit := scanFree + scanPerID*n
	items, err := r.set.list(c.Range, limit+1)
	if err != nil {
		return err
	}
	if len(items) > limit {
		r.again = append(r.again, question{Range: c.Range, form: inParts})
		return nil
	}
	theirs := make(map[ID]bool, n) // to whether we have it
	for id := range slices.Chunk(c.ids, idSize) {
		theirs[ID(id)] = false
	}
	if len(theirs) < n {
		return fmt.Errorf("%w: an id listed twice", ErrMessage)
	}
	for _, i := range items {
		if _, both := theirs[i.ID]; both {
			theirs[i.ID] = true
			continue
		}
		r.have(i)
	}
	return r.lacking(c.ids, theirs)
}

// lacking notes the ids we lack, the newest first: they are listed in order.
func (r *reading) lacking(ids []byte, had map[ID]bool) error {
	for at := len(ids) - idSize; at >= 0; at -= idSize {
		id := ID(ids[at:])
		if had[id] {
			continue
		}
		if err := r.need(1); err != nil {
			return err
		}
		r.found.Need = append(r.found.Need, id)
	}
	return nil
}

// theyHaveNone counts our items in a range where they have nothing, which may be
// many: only as many as are wanted are read.
func (r *reading) theyHaveNone(of Range) error {
	sum, err := r.set.sum(of)
	if err != nil {
		return err
	}
	wanted := min(uint64(r.o.MaxHave-r.had), sum.Count)
	if wanted > 0 {
		items, err := r.set.list(of, int(wanted))
		if err != nil {
			return err
		}
		for _, i := range items {
			r.have(i)
		}
		sum.Count -= uint64(len(items))
	}
	r.found.HaveCount += sum.Count
	return nil
}

// have counts one of our items that they lack, and names it if that is wanted.
func (r *reading) have(i Item) {
	r.found.HaveCount++
	if r.had < r.o.MaxHave {
		r.had++
		r.found.Have = append(r.found.Have, i.ID)
	}
}
