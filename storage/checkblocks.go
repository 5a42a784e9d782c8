package storage

import "slices"

// laneTally is the rows of a lane, and what was counted of its records.
type laneTally struct {
	rows   []block // in order
	got    []Sum   // for each row
	at     int     // records come in order: the row of the newest
	behind Sum     // the rest
}

// lane is the tally of a lane.
func (c *checker) lane(ref laneRef) *laneTally {
	t := c.lanes[ref]
	if t == nil {
		t = &laneTally{}
		c.lanes[ref] = t
	}
	return t
}

func (t *laneTally) add(c *checker, p Pos) {
	for t.at < len(t.rows) && t.rows[t.at].last.Compare(p) < 0 {
		t.at++
	}
	if t.at == len(t.rows) {
		t.behind.add(p.ID)
		return
	}
	if p.Compare(t.rows[t.at].first) < 0 {
		c.report("record %s is in no block", p.ID)
	}
	t.got[t.at].add(p.ID)
}

// blocks reads all rows.
func (c *checker) blocks() error {
	err := c.each(keyBlock, func(k, v []byte) {
		ref, no, err := parseBlockKey(k)
		if err != nil {
			c.report("block %x: %w", k, err)
			return
		}
		if c.of(ref.num, k) == nil {
			return
		}
		b, err := parseBlock(v)
		if err != nil {
			c.report("block %x: %w", k, err)
			return
		}
		b.no = no
		t := c.lane(ref)
		t.rows = append(t.rows, b)
	})
	for ref, t := range c.lanes {
		slices.SortFunc(t.rows, func(a, b block) int { return a.first.Compare(b.first) })
		t.got = make([]Sum, len(t.rows))
		for i := 1; i < len(t.rows); i++ {
			if t.rows[i].first.Compare(t.rows[i-1].last) <= 0 {
				c.report("blocks %d and %d of %v overlap", t.rows[i-1].no, t.rows[i].no, ref)
			}
		}
	}
	return err
}

// sums compares what was counted with the rows, and with the blocks in memory.
func (c *checker) sums() error {
	for ref, t := range c.lanes {
		for i := range t.rows {
			if t.rows[i].sum != t.got[i] {
				c.report("block %d of %v says %d records, counted %d", t.rows[i].no, ref, t.rows[i].sum.Count, t.got[i].Count)
			}
		}
	}
	for ref, l := range c.memory {
		t, n := c.lane(ref), 0
		for _, p := range l.pages {
			var sum Sum
			for i := range p.blocks {
				if n >= len(t.rows) || p.blocks[i] != t.rows[n] {
					c.report("block %d of %v in memory is not as stored", p.blocks[i].no, ref)
				}
				sum, n = sum.with(p.blocks[i].sum), n+1
			}
			if sum != p.sum {
				c.report("a page of %v says %d records, its blocks have %d", ref, p.sum.Count, sum.Count)
			}
		}
		if n != len(t.rows) || l.tail.sum != t.behind {
			c.report("%v has %d rows and %d records behind them, in memory %d and %d", ref, len(t.rows), t.behind.Count, n, l.tail.sum.Count)
		}
		if l.tail.sum.Count >= blockRecords {
			c.report("%v has %d records behind its rows", ref, l.tail.sum.Count)
		}
	}
	return nil
}
