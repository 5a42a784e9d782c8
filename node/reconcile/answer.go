package reconcile

import "errors"

// manyLists is how many times [Options.ListBelow] items are listed in answer to a
// list. Beyond that the range is cut instead: who names few ids where we have
// thousands had better learn which parts it has nothing of.
const manyLists = 4

// Answer replies to one message of an asking side. It keeps nothing between
// messages and the reply is at most [Options.MaxFrame] bytes long: what does not
// fit is left as the fingerprint of the rest, for the next round. A message of
// another version is answered with the version that is spoken here. Errors wrap
// [ErrMessage] or are those of the set.
func Answer(set Set, msg []byte, o Options) ([]byte, error) {
	claims, err := parse(msg)
	if errors.Is(err, ErrVersion) {
		return []byte{version}, nil
	}
	if err != nil {
		return nil, err
	}
	a := answerer{set: ranges{set}, o: o.withDefaults(), out: newWriter()}
	for _, c := range claims {
		if c.mode != modeSkip {
			a.end = c.To
		}
	}
	for _, c := range claims {
		if err := a.claim(c); err != nil {
			return nil, err
		}
		if a.full {
			break
		}
	}
	return a.out.buf, nil
}

type answerer struct {
	set  ranges
	out  writer
	o    Options
	end  Bound // up to where the other side wants to know
	full bool  // no more fits, and the rest has its fingerprint
}

func (a *answerer) claim(c claim) error {
	if c.mode == modeSkip || c.empty() {
		return nil
	}
	sum, err := a.set.sum(c.Range)
	if err != nil {
		return err
	}
	few := uint64(a.o.ListBelow)
	if c.mode == modeList {
		few = few*manyLists + uint64(len(c.ids)/idSize)
	}
	switch {
	case c.mode == modeFingerprint && c.print == sum.Fingerprint():
		return nil // saying nothing means equal
	case sum.Count < few:
		return a.listAll(c.Range)
	}
	return a.cut(c.Range)
}

// listAll names the items in r, or as many as fit.
func (a *answerer) listAll(r Range) error {
	fit := (a.room() - listSize) / idSize
	if fit < 1 {
		return a.rest(r.From)
	}
	items, err := a.set.list(r, fit+1)
	if err != nil {
		return err
	}
	if len(items) <= fit {
		a.out.list(r, items)
		return nil
	}
	cut := Between(items[fit-1], items[fit])
	a.out.list(Range{r.From, cut}, items[:fit])
	return a.rest(cut)
}

// cut gives the fingerprints of the parts of r, or of as many as fit.
func (a *answerer) cut(r Range) error {
	parts, err := a.set.split(r, a.o.Parts)
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		return a.listAll(r) // the items have just gone
	}
	for _, part := range parts {
		if a.room() < printSize {
			return a.rest(part.From)
		}
		sum, err := a.set.sum(part)
		if err != nil {
			return err
		}
		a.out.fingerprint(part, sum.Fingerprint())
	}
	return nil
}

// room returns how many bytes fit before the fingerprint of the rest.
func (a *answerer) room() int { return a.o.MaxFrame - printSize - len(a.out.buf) }

// rest ends the reply with the fingerprint of everything that was asked for and
// not answered.
func (a *answerer) rest(from Bound) error {
	a.full = true
	r := Range{from, a.end}
	sum, err := a.set.sum(r)
	if err != nil {
		return err
	}
	a.out.fingerprint(r, sum.Fingerprint())
	return nil
}
