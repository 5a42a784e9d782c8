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
	t.devices = peers
	t.mu.Unlock()
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
