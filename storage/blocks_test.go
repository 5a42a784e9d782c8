package storage

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// blocksTest is a lane under random changes, and its records in plain order.
type blocksTest struct {
	t    *testing.T
	rng  *rand.Rand
	e    laneEdit
	all  []Pos // in order
	at   uint64
	rows map[uint32]block
	old  []lane // published versions
	was  [][]block
}

// TestBlocks changes a lane at random, with runs upwards and downwards, and compares with its records.
func TestBlocks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := blocksTest{t: t, rng: rand.New(rand.NewPCG(seed, 0)), rows: make(map[uint32]block)}
	for range 120 {
		b.e.begin(b.at + 1)
		for range b.rng.IntN(3) {
			b.change()
		}
		if err := b.e.cut(b.between); err != nil {
			t.Fatal(err)
		}
		b.commit()
		b.check()
	}
	b.unchanged()
	if len(b.e.pages) < 3 {
		t.Errorf("%d pages and %d records are too few to show anything", len(b.e.pages), len(b.all))
	}
	if n := len(b.rows); n > 40+len(b.all)*6/blockRecords {
		t.Errorf("%d rows for %d records", n, len(b.all))
	}
	for len(b.all) > 0 { // to nothing
		b.e.begin(b.at + 1)
		for range min(len(b.all), 900) {
			b.remove(b.rng.IntN(len(b.all)))
		}
		b.commit()
		b.check()
	}
	if len(b.rows) > 0 || len(b.e.pages) > 0 {
		t.Errorf("%d rows and %d pages are left", len(b.rows), len(b.e.pages))
	}
}

func (b *blocksTest) pos(time int64) Pos {
	p := Pos{Time: time}
	binary.LittleEndian.PutUint64(p.ID[:], b.rng.Uint64())
	binary.LittleEndian.PutUint64(p.ID[24:], b.rng.Uint64())
	return p
}

func (b *blocksTest) change() {
	n, at := 1+b.rng.IntN(1200), int64(b.rng.IntN(1_000_000))
	switch b.rng.IntN(6) {
	case 0: // upwards from somewhere
		for i := range n {
			b.add(b.pos(at + int64(i)))
		}
	case 1: // downwards from somewhere
		for i := range n {
			b.add(b.pos(max(0, at-int64(i))))
		}
	case 2: // at the end, as live records come, with some late
		if len(b.all) > 0 {
			at = b.all[len(b.all)-1].Time
		}
		for i := range n {
			b.add(b.pos(max(0, at+int64(i)-int64(b.rng.IntN(20)))))
		}
	case 3: // before all
		if len(b.all) > 0 {
			at = b.all[0].Time
		}
		for i := range n {
			b.add(b.pos(max(0, at-int64(i))))
		}
	case 4: // anywhere
		for range n {
			b.add(b.pos(int64(b.rng.IntN(1_000_000))))
		}
	case 5: // a run goes, as when a chain is moved
		if len(b.all) > 0 {
			first := b.rng.IntN(len(b.all))
			for range min(n/2, len(b.all)-first) {
				b.remove(first)
			}
		}
	}
}

func (b *blocksTest) add(p Pos) {
	i, found := slices.BinarySearchFunc(b.all, p, Pos.Compare)
	if found {
		return
	}
	b.all = slices.Insert(b.all, i, p)
	b.e.add(p)
}

func (b *blocksTest) remove(i int) {
	b.e.remove(b.all[i])
	b.all = slices.Delete(b.all, i, i+1)
}

func (b *blocksTest) between(first, last Pos) ([]Pos, error) {
	lo, _ := slices.BinarySearchFunc(b.all, first, Pos.Compare)
	hi, found := slices.BinarySearchFunc(b.all, last, Pos.Compare)
	if found {
		hi++
	}
	return b.all[lo:hi], nil
}

// commit writes rows as the writer does, publishes, and remembers what was published.
func (b *blocksTest) commit() {
	for _, p := range b.e.pages {
		for i := range p.blocks {
			if bl := &p.blocks[i]; bl.dirty {
				if p.made != b.e.at {
					b.t.Fatal("a published page has changed")
				}
				bl.dirty = false
				b.rows[bl.no] = *bl
			}
		}
	}
	for _, no := range b.e.gone {
		delete(b.rows, no)
	}
	b.at++
	b.e.dirty = false
	b.old, b.was = append(b.old, b.e.lane), append(b.was, blocksOf(&b.e.lane))
}

func blocksOf(l *lane) (out []block) {
	l.all(func(b *block) bool { out = append(out, *b); return true })
	return out
}

func (b *blocksTest) unchanged() {
	for i := range b.old {
		if !reflect.DeepEqual(blocksOf(&b.old[i]), b.was[i]) {
			b.t.Fatalf("version %d of %d is not as it was published", i, len(b.old))
		}
	}
}

func (b *blocksTest) check() {
	t, l := b.t, &b.e.lane
	all, rows := blocksOf(l), 0
	for i, bl := range all {
		if i > 0 && bl.first.Compare(all[i-1].last) <= 0 || bl.first.Compare(bl.last) > 0 {
			t.Fatalf("blocks %d and %d overlap", i-1, i)
		}
		list, _ := b.between(bl.first, bl.last)
		var want Sum
		for _, p := range list {
			want.add(p.ID)
		}
		if bl.sum != want || want.Count == 0 || want.Count > blockMost {
			t.Fatalf("block %d has %d records, counted %d", i, bl.sum.Count, want.Count)
		}
	}
	for _, p := range l.pages {
		again := *p
		if again.count(); again.sum != p.sum || len(p.blocks) == 0 || len(p.blocks) > pageBlocks {
			t.Fatalf("a page of %d blocks has %d records, counted %d", len(p.blocks), p.sum.Count, again.sum.Count)
		}
		for _, bl := range p.blocks {
			if rows++; b.rows[bl.no] != bl {
				t.Fatalf("row %d is not as the block", bl.no)
			}
		}
	}
	if rows != len(b.rows) || l.total().Count != uint64(len(b.all)) || l.tail.sum.Count >= blockRecords {
		t.Fatalf("%d blocks, %d rows; %d records of %d; %d in the tail", rows, len(b.rows), l.total().Count, len(b.all), l.tail.sum.Count)
	}
}
