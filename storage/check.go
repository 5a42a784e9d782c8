package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// checkFindings bounds how much Check reports.
const checkFindings = 20

// Check reads the whole store and tells, as ErrDamaged, what does not agree: records, their two indices, heads, stats, sums,
// journal and sealed state. It costs three reads per record, blocks nobody, and ends early with ctx's error.
func (s *Store) Check(ctx context.Context) error {
	sn, spaces, lanes, err := s.snapshotOfAll()
	if err != nil {
		return err
	}
	defer sn.close()
	c := checker{
		ctx: ctx, s: s, txn: sn.txn, spaces: make(map[uint32]*tally), dropped: make(map[uint32]bool),
		lanes: make(map[laneRef]*laneTally), memory: lanes, stored: spaces,
	}
	for _, step := range []func() error{c.drops, c.listSpaces, c.blocks, c.records, c.sums, c.ids, c.chains, c.heads, c.stats, c.events, c.states} {
		if err := step(); err != nil {
			return fmt.Errorf("check: %w", err)
		}
	}
	if len(c.found) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDamaged, errors.Join(c.found...))
}

// tally is what was counted of a space, to compare with its stats.
type tally struct {
	id         Space
	want       Stats
	got        Stats
	ids, links uint64
	open       map[Chain]head // counted, to compare with the stored heads
}

type checker struct {
	ctx     context.Context
	s       *Store
	txn     *badger.Txn
	spaces  map[uint32]*tally
	dropped map[uint32]bool
	lanes   map[laneRef]*laneTally
	memory  map[laneRef]*lane
	stored  map[Space]space // in memory too
	found   []error
	steps   int
}

func (c *checker) report(format string, args ...any) {
	if len(c.found) < checkFindings {
		c.found = append(c.found, fmt.Errorf(format, args...))
	}
}

// each scans a kind of key, looking at ctx now and then.
func (c *checker) each(kind byte, f func(k, v []byte)) error {
	return scan(c.txn, []byte{kind}, nil, func(k, v []byte) error {
		if c.steps++; c.steps%1024 == 0 && c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		f(k, v)
		return nil
	})
}

// of is the tally of a space number, nil if its keys are being deleted or should not be here.
func (c *checker) of(num uint32, k []byte) *tally {
	t := c.spaces[num]
	if t == nil && !c.dropped[num] {
		c.report("key %x belongs to no space", k)
	}
	return t
}

func (c *checker) drops() error {
	return c.each(keyDrop, func(k, _ []byte) {
		num, err := parseDropKey(k)
		if err != nil {
			c.report("drop marker %x: %w", k, err)
		}
		c.dropped[num] = true
	})
}

func (c *checker) listSpaces() error {
	return c.each(keySpace, func(k, v []byte) {
		id, err := parseSpaceKey(k)
		if err != nil {
			c.report("space %x: %w", k, err)
			return
		}
		row, err := parseSpaceValue(v)
		if err != nil {
			c.report("space %s: %w", id, err)
			return
		}
		num, in := row.num, c.stored[id]
		if row.num != in.num || row.open != in.open || (!row.open && row.stats != in.stats) {
			c.report("space %s is %+v, in memory %+v", id, row, in)
		}
		if c.spaces[num] != nil || c.dropped[num] {
			c.report("space %s: number %d is taken", id, num)
		}
		c.spaces[num] = &tally{id: id, want: in.stats, open: make(map[Chain]head)}
	})
}

func (c *checker) records() error {
	return c.each(keyRecord, func(k, v []byte) {
		num, ln, p, err := parseRecordKey(k)
		if err != nil {
			c.report("record %x: %w", k, err)
			return
		}
		t := c.of(num, k)
		if t == nil {
			return
		}
		t.got.Records++
		t.got.PerLane[ln]++
		c.lane(laneRef{num, ln}).add(c, p)
		ch, seq, _, err := parseRecordValue(v)
		if err != nil {
			c.report("record %s: %w", p.ID, err)
			return
		}
		if iln, at, err := lookupID(c.txn, num, p.ID); err != nil || iln != ln || at != p.Time {
			c.report("record %s is not where its id index says (lane %d time %d): %v", p.ID, iln, at, err)
		}
		if iln, ip, err := c.link(num, ch, seq); err != nil || iln != ln || ip != p {
			c.report("record %s is not what its chain index says (chain %s seq %d has %s): %v", p.ID, ch, seq, ip.ID, err)
		}
	})
}

func (c *checker) link(num uint32, ch Chain, seq uint64) (Lane, Pos, error) {
	v, err := getCopy(c.txn, appendChainKey(nil, num, ch, seq))
	if err != nil {
		return 0, Pos{}, err
	}
	return parseLink(v)
}

func (c *checker) ids() error {
	return c.each(keyID, func(k, _ []byte) {
		num, _, err := parseIDKey(k)
		if err != nil {
			c.report("id index %x: %w", k, err)
			return
		}
		if t := c.of(num, k); t != nil {
			t.ids++
		}
	})
}

// chains counts each chain from its index.
func (c *checker) chains() error {
	return c.each(keyChain, func(k, v []byte) {
		num, ch, seq, err := parseChainKey(k)
		if err != nil {
			c.report("chain index %x: %w", k, err)
			return
		}
		t := c.of(num, k)
		if t == nil {
			return
		}
		t.links++
		_, p, err := parseLink(v)
		if err != nil {
			c.report("chain %s seq %d: %w", ch, seq, err)
			return
		}
		h, ok := t.open[ch]
		if !ok {
			h.low = seq
			t.got.Chains++
		}
		h.Seq, h.ID, h.Time = seq, p.ID, p.Time // ascending
		h.Count++
		t.open[ch] = h
	})
}

func (c *checker) heads() error {
	err := c.each(keyHead, func(k, v []byte) {
		num, ch, err := parseHeadKey(k)
		if err != nil {
			c.report("head %x: %w", k, err)
			return
		}
		t := c.of(num, k)
		if t == nil {
			return
		}
		h, err := parseHead(v)
		if err != nil {
			c.report("head of chain %s: %w", ch, err)
			return
		}
		if h != t.open[ch] {
			c.report("head of chain %s is %+v, its records make %+v", ch, h, t.open[ch])
		}
		delete(t.open, ch)
		t.got.Missing += h.Seq - h.Count
	})
	for _, t := range c.spaces {
		for ch := range t.open {
			c.report("chain %s has no head", ch)
		}
	}
	return err
}

func (c *checker) stats() error {
	for _, t := range c.spaces {
		if t.want != t.got {
			c.report("stats of space %s are %+v, counted %+v", t.id, t.want, t.got)
		}
		if t.ids != t.got.Records || t.links != t.got.Records {
			c.report("space %s: %d records, %d in the id index, %d in the chain index", t.id, t.got.Records, t.ids, t.links)
		}
	}
	return nil
}

// events looks for gaps in what the journal keeps.
func (c *checker) events() error {
	var next uint64
	return c.each(keyJournal, func(k, v []byte) {
		first, events, err := parseJournalEntry(k, v)
		if err != nil {
			c.report("journal chunk %x: %w", k, err)
			return
		}
		if next != 0 && first != next {
			c.report("journal: expected event %d, found %d", next, first)
		}
		next = first + uint64(len(events))
	})
}

func (c *checker) states() error {
	return c.each(keyState, func(k, v []byte) {
		if _, err := c.s.openState(string(k[1:]), v); err != nil {
			c.report("%w", err)
		}
	})
}
