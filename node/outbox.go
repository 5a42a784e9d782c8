package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// outbox sends a topic's own records out in their order, and asks others until
// one says that it has them. What it holds is in the store too, so a restart
// goes on where it was.
type outbox struct {
	t         *Topic
	wake      chan struct{} // there may be something to publish
	published chan struct{} // there is something to ask about

	mu     sync.Mutex
	queue  []outItem             // to be published
	nobody map[record.ID]outItem // published or not: no other node has said that it has them
	handed map[record.ID]int     // how many said so, since the start
	recent [maxHandedKnown]record.ID
	next   int // ring of the keys of handed
}

// outItem is one own record.
type outItem struct {
	id  record.ID
	seq uint64
	raw []byte // nil: read it from the store
}

const (
	maxHandedKnown = 1024            // own records whose HandedTo is counted
	maxOutRaw      = 1024            // queued records that are held in memory besides the store
	maxAsked       = 256             // records asked about at once
	publishAgain   = 3 * time.Minute // gossip forgets an id within 2 minutes; then it takes the record again

	askFirst = 100 * time.Millisecond // from publishing to asking whether it arrived
	askPause = 500 * time.Millisecond // between two questions
	askLast  = 30 * time.Second       // where the answer was no, the pause grows to this
)

// outKey names the row of a record that nobody else has.
func outKey(id TopicID, seq uint64) string {
	return prefixOut + id.String() + "/" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, seq))
}

func newOutbox(t *Topic) (*outbox, error) {
	o := &outbox{t: t, wake: make(chan struct{}, 1), published: make(chan struct{}, 1), nobody: map[record.ID]outItem{}, handed: map[record.ID]int{}}
	rows, err := t.node.store.ListState(prefixOut + t.id.String() + "/")
	if err != nil {
		return nil, fmt.Errorf("node: read the outbox: %w", err)
	}
	for _, kv := range rows {
		seq, err := hex.DecodeString(kv.Key[strings.LastIndexByte(kv.Key, '/')+1:])
		if err != nil || len(seq) != 8 || len(kv.Value) != 32 {
			return nil, fmt.Errorf("%w: outbox row", ErrDamaged)
		}
		item := outItem{id: record.ID(kv.Value), seq: binary.BigEndian.Uint64(seq)}
		o.queue = append(o.queue, item)
		o.nobody[item.id] = item
	}
	return o, nil
}

// add takes records that are on disk.
func (o *outbox) add(records []*record.Record) {
	o.mu.Lock()
	for _, r := range records {
		item := outItem{id: r.ID(), seq: r.Seq}
		o.nobody[item.id] = item
		if len(o.queue) < maxOutRaw {
			item.raw = r.Bytes()
		}
		o.queue = append(o.queue, item)
	}
	o.mu.Unlock()
	poke(o.wake)
}

// poke wakes the goroutine that waits on c, a channel with room for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// run publishes what is queued whenever somebody follows, until the topic closes.
func (o *outbox) run() {
	again := time.NewTicker(publishAgain)
	defer again.Stop()
	for {
		if err := o.publish(o.t.ctx); err != nil && o.t.ctx.Err() == nil {
			o.t.node.log.Warn("node: publish", "topic", o.t.id, "err", err)
		}
		select {
		case <-o.t.ctx.Done():
			return
		case <-o.wake:
		case <-again.C:
			o.requeue()
		}
	}
}

// publish empties the queue while there are followers.
func (o *outbox) publish(ctx context.Context) error {
	for {
		o.mu.Lock()
		if len(o.queue) == 0 {
			o.mu.Unlock()
			return nil
		}
		item := o.queue[0]
		o.mu.Unlock()
		if item.raw == nil {
			s, err := o.t.node.store.Get(o.t.space(), storage.ID(item.id))
			if err != nil {
				return err
			}
			item.raw = s.Data
		}
		err := o.t.gossip.Publish(ctx, item.raw)
		if errors.Is(err, pubsub.ErrNoPeers) {
			return nil // a follower that comes wakes the outbox
		}
		if errors.Is(err, pubsub.ErrBusy) {
			continue // nothing was sent; it has waited half a minute already
		}
		if err != nil {
			return err
		}
		o.mu.Lock()
		o.queue = o.queue[1:]
		o.mu.Unlock()
		poke(o.published)
	}
}

// confirm asks followers whether own records have arrived, until one of them
// says so for each. It ends when the topic closes.
func (o *outbox) confirm() {
	pause := askFirst
	for {
		select {
		case <-o.t.ctx.Done():
			return
		case <-o.published:
		}
		for {
			select {
			case <-o.t.ctx.Done():
				return
			case <-time.After(pause):
			}
			left, progress := o.askOnce()
			if left == 0 {
				pause = askFirst
				break
			}
			if pause = min(2*pause, askLast); progress {
				pause = askPause
			}
		}
	}
}

// askOnce asks one follower after the other about the oldest records that were
// published and that nobody is known to have. It returns how many are left, and
// whether there were answers.
func (o *outbox) askOnce() (left int, progress bool) {
	peers := o.t.gossip.Peers()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	for _, p := range peers[:min(len(peers), askTogether)] {
		items := o.unconfirmed()
		if len(items) == 0 {
			break
		}
		ids := make([]record.ID, len(items))
		for i, item := range items {
			ids[i] = item.id
		}
		have, err := o.t.node.asker.Have(o.t.ctx, p, o.t.id, ids)
		if err != nil {
			o.t.node.log.Debug("node: ask whether it arrived", "topic", o.t.id, "peer", p, "err", err)
			continue
		}
		for i, item := range items {
			if have[i] {
				o.t.gave(item)
				progress = true
			}
		}
	}
	return len(o.unconfirmed()), progress
}

// unconfirmed returns the oldest published records that nobody is known to have.
func (o *outbox) unconfirmed() []outItem {
	o.mu.Lock()
	defer o.mu.Unlock()
	queued := make(map[record.ID]bool, len(o.queue))
	for _, item := range o.queue {
		queued[item.id] = true
	}
	var items []outItem
	for id, item := range o.nobody {
		if !queued[id] {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b outItem) int { return cmp.Compare(a.seq, b.seq) })
	return items[:min(len(items), maxAsked)]
}

// requeue queues again what was published long ago and reached nobody.
func (o *outbox) requeue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 {
		return // its turn has not come yet
	}
	for _, item := range o.nobody {
		o.queue = append(o.queue, item)
	}
	slices.SortFunc(o.queue, func(a, b outItem) int { return cmp.Compare(a.seq, b.seq) })
}

// gave notes that one more node has a record, and reports whether it is the first.
func (o *outbox) gave(id record.ID) (first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.handed[id]++; o.handed[id] == 1 {
		delete(o.handed, o.recent[o.next])
		o.recent[o.next] = id
		o.next = (o.next + 1) % maxHandedKnown
	}
	_, first = o.nobody[id]
	delete(o.nobody, id)
	return first
}

// state tells where an own record is.
func (o *outbox) state(id record.ID) (State, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.nobody[id]; ok {
		return Queued, 0
	}
	return Handed, o.handed[id]
}

// handed is a record that somebody else has now.
type handed struct {
	topic *Topic
	item  outItem
}

// gave notes that a follower has a record, in memory now and on disk soon.
func (t *Topic) gave(item outItem) {
	if !t.outbox.gave(item.id) {
		return
	}
	select {
	case t.node.handed <- handed{topic: t, item: item}:
	case <-t.ctx.Done(): // the row stays, and it is asked about once more after the next start
	}
}

// noteHanded takes records that somebody has off the list in the store, many at
// once, until the node closes.
func (n *Node) noteHanded() {
	for {
		var first handed
		select {
		case <-n.ctx.Done():
			return
		case first = <-n.handed:
		}
		b := storage.Batch{}
		add := func(h handed) {
			b.State = append(b.State, storage.KV{Key: outKey(h.topic.id, h.item.seq)})
			b.Events = append(b.Events, encodeEvent(MessageUpdated, h.topic.id, h.item.id))
		}
		add(first)
		wait := time.NewTimer(handedTogether)
	gather:
		for len(b.Events) < maxTogether {
			select {
			case h := <-n.handed:
				add(h)
			case <-wait.C:
				break gather
			case <-n.ctx.Done():
				break gather
			}
		}
		wait.Stop()
		if err := n.commit(context.WithoutCancel(n.ctx), b); err != nil {
			n.log.Warn("node: note what was handed over", "err", err)
		}
	}
}

// handedTogether is how long the first of several waits for the others.
const handedTogether = 200 * time.Millisecond
