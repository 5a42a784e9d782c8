package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Sum sums up the records of a lane from one place up to, and without, another; nil is an open end. It costs about the
// same whatever the number of records. The first call for a lane since Open reads an entry for each 256 records.
func (s *Store) Sum(sp Space, ln Lane, from, to *Pos) (Sum, error) {
	sn, l, ref, err := s.laneOf(sp, ln)
	if err != nil || l == nil {
		return Sum{}, err
	}
	defer sn.close()
	sum, _, err := sumOf(sn.txn, l, ref, from, to)
	return sum, explainLane(sp, ln, err)
}

// Split cuts the records of a lane from one place up to, and without, another into about equal parts. It returns the
// inner bounds, ascending: at most parts-1, and fewer only if there are not enough records. Each part has a record.
func (s *Store) Split(sp Space, ln Lane, from, to *Pos, parts int) ([]Pos, error) {
	sn, l, ref, err := s.laneOf(sp, ln)
	if err != nil || l == nil {
		return nil, err
	}
	defer sn.close()
	sum, head, err := sumOf(sn.txn, l, ref, from, to)
	if err != nil {
		return nil, explainLane(sp, ln, err)
	}
	if parts = int(min(uint64(max(parts, 0)), sum.Count)); parts < 2 {
		return nil, nil
	}
	if sum.Count >= uint64(parts)*blockRecords {
		if cuts := l.split(from, to, sum.Count, head, parts); len(cuts) == parts-1 {
			return cuts, nil
		}
	}
	var cuts []Pos
	at := 0
	err = walkPart(sn.txn, ref, from, to, func(p Pos) error {
		if at == share(sum.Count, len(cuts)+1, parts) {
			cuts = append(cuts, p)
		}
		at++
		if len(cuts) >= parts-1 {
			return errStop
		}
		return nil
	})
	return cuts, explainLane(sp, ln, err)
}

// Positions lists the places of the records of a lane, ascending, from one up to, and without, another; nil is an open
// end, limit 0 is no limit. It reads keys only.
func (s *Store) Positions(sp Space, ln Lane, from, to *Pos, limit int) ([]Pos, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return nil, err
	}
	defer sn.close()
	if !ok || ln > MaxLane {
		return nil, nil
	}
	var out []Pos
	err = walkPart(sn.txn, laneRef{in.num, ln}, from, to, func(p Pos) error {
		out = append(out, p)
		if len(out) == limit {
			return errStop
		}
		return nil
	})
	return out, explainLane(sp, ln, err)
}

// share is where part i of n records begins.
func share(n uint64, i, parts int) int { return int(n * uint64(i) / uint64(parts)) }

func explainLane(sp Space, ln Lane, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: lane %d of %s: %w", ErrDamaged, ln, sp, err)
}

// laneOf is a lane and a snapshot of the same moment; nil, and no snapshot, when it is empty.
func (s *Store) laneOf(sp Space, ln Lane) (snapshot, *lane, laneRef, error) {
	for tries := 0; ; tries++ {
		sn, in, l, err := s.snapshotOfLane(sp, ln)
		if err != nil {
			return snapshot{}, nil, laneRef{}, err
		}
		ref := laneRef{in.num, ln}
		if ln > MaxLane || in.stats.PerLane[ln] == 0 {
			sn.close()
			return snapshot{}, nil, ref, nil
		}
		if l != nil {
			return sn, l, ref, nil
		}
		read, err := loadLane(sn.txn, ref, in.stats.PerLane[ln])
		if err == nil {
			s.view.keepLane(sp, ref, &read)
			return sn, &read, ref, nil
		}
		sn.close()
		if !errors.Is(err, errMiscount) || tries > 0 {
			return snapshot{}, nil, ref, explainLane(sp, ln, err)
		}
		if err := s.queue.askFor(context.Background(), func(r *request) { r.mend = &ref }); err != nil {
			return snapshot{}, nil, ref, err
		}
	}
}

// sumOf is whole blocks from memory and the bits at the ends from the store. head counts those in the bit at the begin.
func sumOf(txn *badger.Txn, l *lane, ref laneRef, from, to *Pos) (sum Sum, head uint64, err error) {
	sum, cut := l.within(from, to)
	for _, b := range cut {
		lo, headless := from, from == nil || from.Compare(b.first) <= 0
		if headless {
			lo = &b.first
		}
		err := walkPart(txn, ref, lo, to, func(p Pos) error {
			if p.Compare(b.last) > 0 {
				return errStop
			}
			sum.add(p.ID)
			if !headless {
				head++
			}
			return nil
		})
		if err != nil {
			return Sum{}, 0, err
		}
	}
	return sum, head, nil
}

// split finds bounds between blocks: for each part, the block whose begin is nearest to where the part should begin.
// There are count records from one place to another, head of them in a block that begins before. Where two parts would
// begin at one place there are fewer bounds.
func (l *lane) split(from, to *Pos, count, head uint64, parts int) (cuts []Pos) {
	type mark struct {
		pos  Pos
		rank int // records of the range before it
	}
	before, rank, last := mark{}, int(head), 0
	l.all(func(b *block) bool {
		if from != nil && b.first.Compare(*from) < 0 {
			return true
		}
		if len(cuts) == parts-1 || (to != nil && b.first.Compare(*to) >= 0) {
			return false
		}
		want, here := share(count, len(cuts)+1, parts), mark{b.first, rank}
		if rank >= want {
			if want-before.rank < rank-want && before.rank > last {
				here = before
			}
			if here.rank > last {
				cuts, last = append(cuts, here.pos), here.rank
			}
		}
		before = mark{b.first, rank}
		rank += int(b.sum.Count)
		return true
	})
	return cuts
}

// walkPart calls f with each place of a lane from one up to, and without, another.
func walkPart(txn *badger.Txn, ref laneRef, from, to *Pos, f func(Pos) error) error {
	return walkFrom(txn, ref, from, func(p Pos) error {
		if to != nil && p.Compare(*to) >= 0 {
			return errStop
		}
		return f(p)
	})
}
