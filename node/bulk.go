package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// maxLoud is how many records of history make an event each. More at once make
// one event of the topic: whoever shows it looks again.
const maxLoud = 63

// maxCommit bounds the bytes of records that are stored together.
const maxCommit = storage.MaxBatchBytes / 2

// takeMany is take for records of history, which come from the newest back and
// prove one another. It stores those that pass and says what became of the others.
func (t *Topic) takeMany(ctx context.Context, proof history.Proof, rs []*record.Record) (taken history.Taken, err error) {
	var good []*record.Record
	touched := map[Writer]struct{}{}
	size := 0
	flush := func() error {
		if len(good) == 0 {
			return nil
		}
		err := t.storeMany(ctx, good, len(rs) <= maxLoud, &taken)
		good, size = good[:0], 0
		return err
	}
	for _, r := range rs {
		switch err := t.judgeOld(ctx, r, proof); {
		case err == nil:
			touched[r.Writer] = struct{}{}
			r, err = t.shed(r)
			if err != nil {
				return taken, err
			}
			good = append(good, r)
			if size += len(r.Bytes()) + 512; size > maxCommit {
				if err := flush(); err != nil {
					return taken, err
				}
			}
		case provablyFalse(err):
			t.node.log.Debug("node: rejected from history", "topic", t.id, "record", r.ID(), "err", err)
			taken.False++
		case mayWait(err):
			if t.park(r) != nil {
				taken.False++
			} else {
				taken.Parked++
			}
		case errors.Is(err, errFork) || errors.Is(err, errBodiless) || errors.Is(err, errLater) || errors.Is(err, errMuted):
			taken.Known++
		default:
			return taken, errors.Join(err, flush())
		}
	}
	if err := flush(); err != nil {
		return taken, err
	}
	return taken, t.closeUp(ctx, proof, touched)
}

// errLater says that a record contradicts one that is about to be stored. It is
// judged when it comes again.
var errLater = errors.New("node: it contradicts a record that is just arriving")

// judgeOld is judge for a record of history: its body may be gone, and a record
// that is proved through the one behind it needs no check of its signature.
func (t *Topic) judgeOld(ctx context.Context, r *record.Record, proof history.Proof) error {
	if r.TopicID() != t.id {
		return fmt.Errorf("%w: of another topic", record.ErrForm)
	}
	if _, ok := r.Body(); !ok && r.Kind.IsOp() {
		return errBodiless
	}
	if err := checkContent(r); err != nil {
		return err
	}
	if err := t.mayStand(r); err != nil {
		return err
	}
	known, right := proof.Covers(r)
	if known && right {
		proof.Verified(r)
		return nil
	}
	behind, err := t.behind(r)
	if err != nil {
		return err
	}
	if behind == nil || known || behind.Prev != r.ID() {
		if err := r.Verify(); err != nil {
			return err
		}
	}
	switch {
	case behind != nil && behind.Prev != r.ID() && behind.ID() != r.ID():
		return t.freeze(ctx, r, behind)
	case known:
		return errLater
	}
	proof.Verified(r)
	return nil
}

// behind returns the stored record that must name r, or nil. Where r follows the
// head of its chain, it is the head, unless r names it.
func (t *Topic) behind(r *record.Record) (*record.Record, error) {
	head, err := t.headOf(r.Writer)
	if err != nil || r.Seq >= head.seq {
		return nil, err
	}
	return t.at(r.Writer, r.Seq+1)
}

// storeMany stores records that passed.
func (t *Topic) storeMany(ctx context.Context, rs []*record.Record, loud bool, taken *history.Taken) error {
	b := storage.Batch{Puts: make([]storage.Put, len(rs))}
	var pend []*record.Record
	for i, r := range rs {
		b.Puts[i].Record = stored(r)
		if loud {
			b.Puts[i].Event = eventOf(r)
		}
		if t.pend(&b, r) {
			pend = append(pend, r)
		}
	}
	outcomes, err := t.node.store.Commit(ctx, b)
	if err != nil {
		return err
	}
	var mine bool
	var again []*record.Record
	var clash []*record.Record
	t.mu.Lock()
	for i, r := range rs {
		switch outcomes[i] {
		case storage.Stored:
			taken.New++
			if _, ok := r.Body(); !ok {
				taken.Bodiless = append(taken.Bodiless, r.ID())
			}
			mine = mine || r.Writer == t.me
			t.heads.add(r)
			t.tookOldLocked(r)
		case storage.Conflict:
			clash = append(clash, r)
		default:
			taken.Known++
			again = append(again, r)
		}
	}
	t.mu.Unlock()
	for _, r := range pend {
		t.sealing.came(placeOf(r))
	}
	if len(pend) > 0 {
		if err := t.sealing.openAll(ctx); err != nil {
			return err
		}
	}
	if err := t.fill(ctx, again, taken); err != nil {
		return err
	}
	for _, r := range clash {
		if err := errors.Join(r.Verify(), t.contradicts(ctx, r, r.Seq)); err != nil && !errors.Is(err, errFork) {
			return err
		}
	}
	if mine {
		if err := t.catchUp(); err != nil {
			return err
		}
	}
	t.node.bell.topic(t.id)
	if loud {
		t.node.bell.journal()
	}
	return nil
}

// tookOldLocked is tookLocked for a record of history.
func (t *Topic) tookOldLocked(r *record.Record) {
	switch {
	case r.Kind == record.KindGenesis && t.state == nil:
		if err := t.begin(r); err != nil {
			t.node.log.Error("node: genesis", "topic", t.id, "err", err)
		}
	case r.Kind == record.KindCheckpoint:
		t.vouched.add(r)
		poke(t.chores)
	case r.Kind.IsOp():
		t.applyLocked(r)
		poke(t.chores)
	case r.Kind == record.KindPost:
		t.unreadStale = true
		if t.last == nil || messageBefore(t.last, r) {
			t.last = nil
		}
	}
}

// catchUp reads the own chain's head anew: records of this device came back from
// others, after the disk had lost them.
func (t *Topic) catchUp() error {
	t.writeMu.Lock()
	defer t.writeMu.Unlock()
	head, err := t.node.store.Head(t.space(), storage.Chain(t.me))
	if err == nil {
		t.head = head
	}
	return err
}

// closeUp compares the oldest of each run of records with what is stored before it.
func (t *Topic) closeUp(ctx context.Context, proof history.Proof, touched map[Writer]struct{}) error {
	for w := range touched {
		l, ok := proof[w]
		if !ok {
			continue
		}
		before, err := t.at(w, l.Seq)
		if err != nil {
			return err
		}
		if before == nil || before.ID() == l.ID {
			continue
		}
		next, err := t.at(w, l.Seq+1)
		if err != nil || next == nil {
			return err
		}
		if err := t.freeze(ctx, before, next); err != nil && !errors.Is(err, errFork) {
			return err
		}
	}
	return nil
}

// fill gives bodies back to records that are here without.
func (t *Topic) fill(ctx context.Context, rs []*record.Record, taken *history.Taken) error {
	rs = slices.DeleteFunc(rs, func(r *record.Record) bool { _, ok := r.Body(); return !ok })
	var b storage.Batch
	for _, r := range rs {
		s, err := t.node.store.Get(t.space(), storage.ID(r.ID()))
		if err != nil {
			return err
		}
		if len(s.Data) >= len(r.Bytes()) {
			continue
		}
		b.Replace = append(b.Replace, storage.Replacement{Space: t.space(), ID: storage.ID(r.ID()), Data: r.Bytes()})
		b.Events = append(b.Events, encodeEvent(MessageUpdated, t.id, r.ID()))
		taken.Filled = append(taken.Filled, r.ID())
	}
	if len(b.Replace) == 0 {
		return nil
	}
	return t.node.commit(ctx, b)
}
