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
	back      chan struct{} // somebody has come, or come back by another way: ask at once

	mu     sync.Mutex
	queue  []outItem              // to be published
	nobody map[record.ID]*outItem // published or not: no other node has said that it has them
	kept   map[record.ID]*keepers // who said so, since the start
	recent [maxKeptKnown]record.ID
	next   int // ring of the keys of kept
}

// outItem is one own record.
type outItem struct {
	id   record.ID
	seq  uint64
	raw  []byte // nil: read it from the store
	sent bool   // at least once since the start

	since time.Time // zero: it was there at the start
}

// keepers are the nodes that said that they have stored a record.
type keepers struct {
	seq   uint64
	peers []string // at most maxKeepers
}

const (
	maxKeptKnown = 1024            // own records whose StoredBy is counted
	maxKeepers   = 64              // how far
	maxOutRaw    = 1024            // queued records that are held in memory besides the store
	maxAsked     = 256             // records asked about at once
	publishAgain = 3 * time.Minute // gossip forgets an id within 2 minutes; then it takes the record again

	askFirst = 100 * time.Millisecond // from publishing to asking whether it arrived
	askPause = 500 * time.Millisecond // between two questions
	askLast  = 30 * time.Second       // where the answer was no, the pause grows to this
)

// outKey names the row of a record that nobody else has.
func outKey(id TopicID, seq uint64) string {
	return prefixOut + id.String() + "/" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, seq))
}

func newOutbox(t *Topic) (*outbox, error) {
	o := &outbox{t: t, wake: make(chan struct{}, 1), published: make(chan struct{}, 1), back: make(chan struct{}, 1), nobody: map[record.ID]*outItem{}, kept: map[record.ID]*keepers{}}
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
		o.nobody[item.id] = &item
		if err := t.holdStored(item.id); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// add takes records that are on disk.
func (o *outbox) add(records []*record.Record) {
	o.mu.Lock()
	for _, r := range records {
		item := outItem{id: r.ID(), seq: r.Seq}
		o.nobody[item.id] = &outItem{id: item.id, seq: item.seq, since: time.Now()}
		if len(o.queue) < maxOutRaw {
			item.raw = r.Bytes()
		}
		o.queue = append(o.queue, item)
	}
	o.mu.Unlock()
	poke(o.wake)
	o.t.news()
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

// lineChanged is called by reach, which must not be held up, when a line to a peer has
// come or gone. A follower who is still connected then has changed its way, and what
// was under way by the other one may be lost.
func (n *Node) lineChanged(peer string, connected bool) {
	n.bell.node()
	poke(n.lines)
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, t := range n.topics {
		if !connected { // gone, or on a limited line
			t.lookNarrow(peer)
			continue
		}
		t.repair.Back(peer)
		poke(t.outbox.back)
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
		err := o.t.send(ctx, item.id, item.raw)
		if errors.Is(err, pubsub.ErrNoPeers) {
			o.t.showNarrow(o.queued())
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
		if left := o.nobody[item.id]; left != nil {
			left.sent = true
		}
		o.mu.Unlock()
		poke(o.published)
	}
}

// queued returns what waits to be published.
func (o *outbox) queued() []outItem {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.queue)
}

// confirm asks followers whether own records have arrived, until one of them
// says so for each, and in a direct topic also until the other person's device
// does, as long as it is there. It ends when the topic closes.
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
			case <-o.back:
				pause = askFirst
			}
			left, progress := o.askOnce()
			open, news := o.t.askOther()
			left, progress = left+open, progress || news
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
	peers := o.t.followers()
	if o.t.HidesOrigin() { // who asks about a record has written it
		peers = o.t.dialled()
	}
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
				o.t.gave(p, item)
				progress = true
			}
		}
	}
	return len(o.unconfirmed()), progress
}

// told hears that a peer has all own records up to a number, but for those in lacks.
func (o *outbox) told(peer string, upTo uint64, lacks []record.ID) {
	lacking := make(map[record.ID]bool, len(lacks))
	for _, id := range lacks {
		lacking[id] = true
	}
	var has []outItem
	o.mu.Lock()
	for id, item := range o.nobody {
		if item.seq <= upTo && !lacking[id] {
			has = append(has, outItem{id: id, seq: item.seq})
		}
	}
	for id, k := range o.kept {
		if k.seq <= upTo && !lacking[id] {
			has = append(has, outItem{id: id, seq: k.seq})
		}
	}
	o.mu.Unlock()
	for _, item := range has {
		o.t.gave(peer, item)
	}
}

// waiting returns the own records that nobody is known to have for so long, in
// their order.
func (o *outbox) waiting(long time.Duration) (items []outItem) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ripe := false
	for _, item := range o.nobody {
		items = append(items, *item)
		ripe = ripe || time.Since(item.since) >= long
	}
	if !ripe {
		return nil
	}
	slices.SortFunc(items, func(a, b outItem) int { return cmp.Compare(a.seq, b.seq) })
	return items
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
		if !queued[id] && !o.t.isHeld(id) {
			items = append(items, *item)
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
		o.queue = append(o.queue, outItem{id: item.id, seq: item.seq})
	}
	slices.SortFunc(o.queue, func(a, b outItem) int { return cmp.Compare(a.seq, b.seq) })
}

// gave notes that a node has a record, and reports whether it is the first, and
// whether that was not known of it.
func (o *outbox) gave(peer string, item outItem) (first, news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := o.kept[item.id]
	if k == nil {
		delete(o.kept, o.recent[o.next])
		o.recent[o.next] = item.id
		o.next = (o.next + 1) % maxKeptKnown
		k = &keepers{seq: item.seq}
		o.kept[item.id] = k
	}
	if news = len(k.peers) < maxKeepers && !slices.Contains(k.peers, peer); news {
		k.peers = append(k.peers, peer)
	}
	_, first = o.nobody[item.id]
	delete(o.nobody, item.id)
	return first, news
}

// state tells where an own record is, and how many nodes said that they have it.
func (o *outbox) state(id record.ID) (State, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if item, ok := o.nobody[id]; ok {
		if item.sent {
			return Handed, 0
		}
		return Queued, 0
	}
	if k := o.kept[id]; k != nil {
		return Stored, len(k.peers)
	}
	return Stored, 0
}

// handed is a record that somebody else has now.
type handed struct {
	topic *Topic
	item  outItem
	first bool // nobody had it
}

// gave notes that a follower has a record, in memory now and on disk soon. People
// are told.
func (t *Topic) gave(peer string, item outItem) {
	first, news := t.outbox.gave(peer, item)
	t.heardBack(peer, item.seq)
	if !news {
		return
	}
	select {
	case t.node.handed <- handed{topic: t, item: item, first: first}:
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
			if h.first {
				b.State = append(b.State, storage.KV{Key: outKey(h.topic.id, h.item.seq)})
			}
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
