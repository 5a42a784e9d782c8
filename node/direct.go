package node

import (
	"context"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// setDevices notes which nodes are the other person's own devices, in a direct topic.
func (t *Topic) setDevices(peers []string) {
	t.mu.Lock()
	same := slices.Equal(peers, t.devices)
	t.devices = peers
	t.mu.Unlock()
	if !same {
		poke(t.outbox.published)
	}
}

// setMuted has the topic take nothing more from the other person, or listen again.
func (t *Topic) setMuted(muted bool) {
	t.mu.Lock()
	again := t.muted && !muted
	t.muted = muted
	t.mu.Unlock()
	if again {
		t.repair.Look(true)
	}
}

// answered reports whether the other person's seat in a direct topic was taken.
func (t *Topic) answered() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return false
	}
	members, _ := t.state.Members(time.Now().UnixMilli())
	for _, m := range members {
		if !m.Seat && m.Key != t.me {
			return true
		}
	}
	return false
}

// groundwork returns the ops of a direct topic that this side knows: without them
// nothing of it can be judged or read.
func (t *Topic) groundwork() (ops []*record.Record, err error) {
	err = t.eachOp(func(r *record.Record) bool {
		ops = append(ops, r)
		return len(ops) < letter.MaxRecords/2
	})
	slices.SortStableFunc(ops, func(a, b *record.Record) int { return int(a.Time - b.Time) })
	return ops, err
}

// ackedTo returns up to which of its own records the other person's device has all.
func (t *Topic) ackedTo() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.row.Acked
}

// acknowledge notes that the other person's device has all own records up to a number.
func (t *Topic) acknowledge(ctx context.Context, upTo uint64) error {
	before := t.ackedTo()
	if upTo <= before {
		return nil
	}
	if err := t.saveRow(ctx, func(row *topicRow) { row.Acked = max(row.Acked, upTo) }); err != nil {
		return err
	}
	events := t.updated(before, upTo)
	if len(events) == 0 {
		return nil
	}
	defer t.node.bell.journal()
	return t.node.commit(ctx, storage.Batch{Events: events})
}

// askOther asks the other person's devices that follow a direct topic right now
// for the oldest own records that none of them is known to have: what came to it
// by mail, or before a restart, nobody else would tell of. It returns how many
// are left that somebody is there to be asked about, and whether there were answers.
func (t *Topic) askOther() (left int, progress bool) {
	there := t.gossip.Peers()
	for _, peer := range t.othersDevices() {
		if !slices.Contains(there, peer) {
			continue
		}
		from := t.ackedTo()
		ids, err := t.ownFrom(from + 1)
		if err == nil && len(ids) > 0 {
			var have []bool
			have, err = t.node.asker.Have(t.ctx, peer, t.id, ids)
			has := slices.Index(append(have, false), false)
			if has > 0 {
				err = t.acknowledge(t.ctx, from+uint64(has))
				progress = true
			}
			left = max(left, len(ids)-has)
		}
		if err != nil {
			t.node.log.Debug("node: ask what the other has", "topic", t.id, "peer", peer, "err", err)
		}
	}
	return left, progress
}

// ownFrom returns the ids of own records from a number on, at most as many as one
// question asks about.
func (t *Topic) ownFrom(seq uint64) (ids []record.ID, err error) {
	for last := t.nextSeq() - 1; seq <= last && len(ids) < maxAsked; seq++ {
		s, err := t.node.store.At(t.space(), storage.Chain(t.me), seq)
		if err != nil {
			return nil, err
		}
		ids = append(ids, record.ID(s.ID))
	}
	return ids, nil
}

// updated tells of the newest own posts behind a number, up to another.
func (t *Topic) updated(before, upTo uint64) (events [][]byte) {
	for seq := max(before+1, upTo-min(upTo, maxTogether)+1); seq <= upTo; seq++ {
		s, err := t.node.store.At(t.space(), storage.Chain(t.me), seq)
		if err == nil && s.Lane == lanePosts {
			events = append(events, encodeEvent(MessageUpdated, t.id, RecordID(s.ID)))
		}
	}
	return events
}

// heardBack takes in that a node has an own record, where that is the other
// person's device.
func (t *Topic) heardBack(peer string, seq uint64) {
	t.mu.Lock()
	if !slices.Contains(t.devices, peer) || seq <= t.row.Acked {
		t.mu.Unlock()
		return
	}
	t.acks[seq] = struct{}{}
	upTo := t.row.Acked
	for {
		if _, ok := t.acks[upTo+1]; !ok {
			break
		}
		delete(t.acks, upTo+1)
		upTo++
	}
	if len(t.acks) > maxKeptKnown {
		clear(t.acks)
	}
	news := upTo > t.row.Acked
	t.mu.Unlock()
	if news {
		t.do("note what the other has", func(ctx context.Context) error { return t.acknowledge(ctx, upTo) })
	}
}
