package storage

import (
	"errors"
	"slices"
	"sort"
)

// errMiscount says that rows and records do not agree: rows of an older program, or a damaged store.
var errMiscount = errors.New("blocks do not agree with records")

// The records of a lane lie in blocks, so that the Sum of any part of it is that of whole blocks and of two bits.
const (
	blockRecords = 256              // a block that has so many is full: what comes beside it begins another
	blockMost    = 2 * blockRecords // one with more, because records came inside, is cut
	pageBlocks   = 32               // blocks of a page at most
)

// block is a run of records of one lane. Blocks do not overlap, and every record is in one.
type block struct {
	first, last Pos // no record of the block is outside, though none may be right there
	sum         Sum
	no          uint32 // names its row
	dirty       bool   // the row is not as it should be
}

// page is some blocks in order. Once published it does not change.
type page struct {
	made   uint64 // when: a writer changes only what it made itself for the commit at work
	sum    Sum
	blocks []block // at least one
}

func (p *page) first() *Pos { return &p.blocks[0].first }
func (p *page) last() *Pos  { return &p.blocks[len(p.blocks)-1].last }

// lane is the blocks of one lane at one moment. The tail holds the newest records and has no row until it is full, so
// that a record that comes last, as they do, costs no entry of its own. Its records are counted anew after Open.
type lane struct {
	pages []*page
	tail  block // behind all others; empty when its Count is 0
	next  uint32
}

// total is the Sum of all.
func (l *lane) total() Sum {
	s := l.tail.sum
	for _, p := range l.pages {
		s = s.with(p.sum)
	}
	return s
}

// within is the Sum of the blocks that are inside from and to as a whole, and those that are so in part: two at most.
func (l *lane) within(from, to *Pos) (s Sum, cut []*block) {
	look := func(b *block) {
		switch {
		case outside(&b.first, &b.last, from, to):
		case inside(&b.first, &b.last, from, to):
			s = s.with(b.sum)
		default:
			cut = append(cut, b)
		}
	}
	for _, p := range l.pages {
		switch {
		case outside(p.first(), p.last(), from, to):
		case inside(p.first(), p.last(), from, to):
			s = s.with(p.sum)
		default:
			for i := range p.blocks {
				look(&p.blocks[i])
			}
		}
	}
	if l.tail.sum.Count > 0 {
		look(&l.tail)
	}
	return s, cut
}

func inside(first, last, from, to *Pos) bool {
	return (from == nil || first.Compare(*from) >= 0) && (to == nil || last.Compare(*to) < 0)
}

func outside(first, last, from, to *Pos) bool {
	return (from != nil && last.Compare(*from) < 0) || (to != nil && first.Compare(*to) >= 0)
}

// all calls f with each block in order, the tail last, until it returns false.
func (l *lane) all(f func(b *block) bool) {
	for _, p := range l.pages {
		for i := range p.blocks {
			if !f(&p.blocks[i]) {
				return
			}
		}
	}
	if l.tail.sum.Count > 0 {
		f(&l.tail)
	}
}

// find is the block that has p, or else the next one; ok is false when p is behind all blocks but the tail.
func (l *lane) find(p Pos) (pg, at int, ok bool) {
	pg = sort.Search(len(l.pages), func(i int) bool { return l.pages[i].last().Compare(p) >= 0 })
	if pg == len(l.pages) {
		return 0, 0, false
	}
	bs := l.pages[pg].blocks
	return pg, sort.Search(len(bs), func(i int) bool { return bs[i].last.Compare(p) >= 0 }), true
}

// laneOf makes pages of blocks that are in order.
func laneOf(bs []block) (l lane) {
	for c := range slices.Chunk(bs, pageBlocks) {
		p := &page{blocks: slices.Clone(c)}
		p.count()
		l.pages = append(l.pages, p)
	}
	for i := range bs {
		l.next = max(l.next, bs[i].no+1)
	}
	return l
}

func (p *page) count() {
	p.sum = Sum{}
	for i := range p.blocks {
		p.sum = p.sum.with(p.blocks[i].sum)
	}
}

// laneEdit is a lane with the changes of the commit at work.
type laneEdit struct {
	lane
	ref   laneRef
	at    uint64 // of the commit: pages made then are not published yet
	dirty bool
	top   bool     // the list of pages is the edit's own
	hot   uint32   // the block that was changed last: a run of records goes on beside it
	gone  []uint32 // rows to delete
}

// begin prepares for the commit at time at.
func (e *laneEdit) begin(at uint64) { e.at, e.dirty, e.top, e.gone = at, true, false, nil }

// own is page i, to be changed.
func (e *laneEdit) own(i int) *page {
	e.ownTop()
	p := e.pages[i]
	if p.made != e.at {
		p = &page{made: e.at, sum: p.sum, blocks: append(make([]block, 0, pageBlocks+1), p.blocks...)}
		e.pages[i] = p
	}
	return p
}

func (e *laneEdit) ownTop() {
	if !e.top {
		e.pages, e.top = slices.Clone(e.pages), true
	}
}

// add counts a new record.
func (e *laneEdit) add(p Pos) {
	pg, at, ok := e.find(p)
	if !ok {
		e.addTail(p)
		return
	}
	if e.pages[pg].blocks[at].first.Compare(p) > 0 {
		pg, at = e.beside(pg, at, p)
	}
	own := e.own(pg)
	b := &own.blocks[at]
	b.include(p)
	b.dirty = true
	own.sum.add(p.ID)
	e.hot = b.no
}

// include counts a record, and makes room for it.
func (b *block) include(p Pos) {
	if b.sum.Count == 0 || p.Compare(b.first) < 0 {
		b.first = p
	}
	if b.sum.Count == 0 || p.Compare(b.last) > 0 {
		b.last = p
	}
	b.sum.add(p.ID)
}

// addTail counts one behind all rows. A full tail becomes a block with a row.
func (e *laneEdit) addTail(p Pos) {
	e.tail.include(p)
	if e.tail.sum.Count < blockRecords {
		return
	}
	b := e.tail
	b.no, b.dirty = e.number(), true
	e.tail = block{}
	if n := len(e.pages); n > 0 && len(e.pages[n-1].blocks) < pageBlocks {
		own := e.own(n - 1)
		own.blocks = append(own.blocks, b)
		own.sum = own.sum.with(b.sum)
		return
	}
	e.ownTop()
	e.pages = append(e.pages, &page{made: e.at, sum: b.sum, blocks: append(make([]block, 0, pageBlocks+1), b)})
}

func (e *laneEdit) number() uint32 {
	e.next++
	return e.next - 1
}

// beside chooses where a record goes that is before the block at pg, at and behind the one before it: to one of these two
// or into a new one. Records come in runs, upwards or downwards: they fill the block where the run is, then another, and
// never the inside of one, which would have to be read to be cut.
func (e *laneEdit) beside(pg, at int, p Pos) (int, int) {
	above := &e.pages[pg].blocks[at]
	var below *block
	bpg, bat := pg, at-1
	if at == 0 && pg > 0 {
		bpg, bat = pg-1, len(e.pages[pg-1].blocks)-1
	}
	if bat >= 0 {
		below = &e.pages[bpg].blocks[bat]
	}
	room := func(b *block) bool { return b != nil && b.sum.Count < blockRecords }
	running := above.no == e.hot || (below != nil && below.no == e.hot)
	switch {
	case room(above) && (above.no == e.hot || !running):
		return pg, at
	case room(below) && (below.no == e.hot || !running):
		return bpg, bat
	}
	e.insert(pg, at, block{first: p, last: p, no: e.number(), dirty: true})
	return e.halve(pg, at)
}

// insert puts blocks before the one at pg, at.
func (e *laneEdit) insert(pg, at int, bs ...block) {
	own := e.own(pg)
	own.blocks = slices.Insert(own.blocks, at, bs...)
	for i := range bs {
		own.sum = own.sum.with(bs[i].sum)
	}
}

// halve cuts a page that has too many blocks, and tells where the block at pg, at is now.
func (e *laneEdit) halve(pg, at int) (int, int) {
	own := e.own(pg)
	if len(own.blocks) <= pageBlocks {
		return pg, at
	}
	half := len(own.blocks) / 2
	upper := &page{made: e.at, blocks: append(make([]block, 0, pageBlocks+1), own.blocks[half:]...)}
	own.blocks = own.blocks[:half]
	own.count()
	upper.count()
	e.pages = slices.Insert(e.pages, pg+1, upper)
	if at < half {
		return pg, at
	}
	return pg + 1, at - half
}

// remove counts a record that went. It must be here.
func (e *laneEdit) remove(p Pos) {
	pg, at, ok := e.find(p)
	if !ok {
		if e.tail.sum.sub(p.ID); e.tail.sum.Count == 0 {
			e.tail = block{}
		}
		return
	}
	own := e.own(pg)
	own.sum.sub(p.ID)
	b := &own.blocks[at]
	b.sum.sub(p.ID)
	b.dirty = true
	if b.sum.Count > 0 {
		return
	}
	e.gone = append(e.gone, b.no)
	if own.blocks = slices.Delete(own.blocks, at, at+1); len(own.blocks) == 0 {
		e.pages = slices.Delete(e.pages, pg, pg+1)
	}
}

// cut divides the blocks that have become too large. now lists the records of one, as they are after this commit. When
// there are not as many as were counted, it is errMiscount.
func (e *laneEdit) cut(now func(first, last Pos) ([]Pos, error)) error {
	for pg := 0; pg < len(e.pages); pg++ {
		p := e.pages[pg]
		if p.made != e.at {
			continue
		}
		for at := 0; at < len(p.blocks); at++ {
			b := p.blocks[at]
			if b.sum.Count <= blockMost {
				continue
			}
			list, err := now(b.first, b.last)
			if err != nil {
				return err
			}
			if uint64(len(list)) != b.sum.Count {
				return errMiscount
			}
			at += e.divide(p, at, list) - 1
		}
		for len(p.blocks) > pageBlocks {
			e.halve(pg, 0)
		}
	}
	return nil
}

// divide makes blocks of about equal size of the one at p, at, whose records are list, and tells how many.
func (e *laneEdit) divide(p *page, at int, list []Pos) int {
	no := p.blocks[at].no
	parts := (len(list) + blockRecords - 1) / blockRecords
	var bs []block
	for c := range slices.Chunk(list, (len(list)+parts-1)/parts) {
		b := block{no: no, dirty: true}
		if len(bs) > 0 {
			b.no = e.number()
		}
		for _, pos := range c {
			b.include(pos)
		}
		bs = append(bs, b)
	}
	p.blocks = slices.Replace(p.blocks, at, at+1, bs...)
	p.count()
	return len(bs)
}
