package node

import (
	"context"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// alone is how long a restored device waits for a follower before it takes back a
// topic that nobody else seems to have.
const alone = 10 * time.Minute

// regain gives this device, which came out of a backup, the rights of an owner in a
// topic that this person made. The root key signs that, whose chain must not fork: another
// device may have come out of the same backup. So the topic is compared with a
// follower first, if there is one.
func (t *Topic) regain(ctx context.Context) error {
	t.mu.RLock()
	wanted := t.row.Regain && t.state != nil
	t.mu.RUnlock()
	if !wanted {
		return nil
	}
	waited := len(t.gossip.Peers()) == 0 && time.Since(t.opened) >= alone
	if !t.compared.Load() && !waited {
		return nil
	}
	seq := t.nextSeq()
	t.mu.RLock()
	has := t.state.Role(t.me, seq, time.Now().UnixMilli()) == topic.Owner
	t.mu.RUnlock()
	if !has {
		if err := t.grantAnew(ctx, t.me); err != nil {
			return err
		}
		if err := t.offerKeys(ctx); err != nil {
			return err
		}
	}
	err := t.saveRow(ctx, func(row *topicRow) { row.Regain = false })
	poke(t.locks)
	t.node.bell.topic(t.id)
	return err
}

// offerKeys has the session of a new key in a sealed topic look at all keys that are
// here: it is to seal to the others.
func (t *Topic) offerKeys(ctx context.Context) error {
	if t.seals() == nil {
		return nil
	}
	var all []storage.Pos
	err := t.eachOp(func(r *record.Record) bool {
		if r.Kind == record.KindKeys {
			all = append(all, placeOf(r))
		}
		return true
	})
	if err != nil {
		return err
	}
	var b storage.Batch
	for i, pos := range all {
		b.State = append(b.State, pendKV(t.id, pos, false))
		if len(b.State) == atOnce || i == len(all)-1 {
			if err := t.node.commit(ctx, b); err != nil {
				return err
			}
			b = storage.Batch{}
		}
	}
	for _, pos := range all {
		t.sealing.came(pos)
	}
	return nil
}

// wasMe reports whether a writer was this person's device before a restore. The
// caller holds t.mu.
func (t *Topic) wasMe(w Writer) bool {
	for _, f := range t.row.Former {
		if string(f) == string(w[:]) {
			return true
		}
	}
	return false
}
