package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/hint"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// Hints says what a person lets the other one of a direct topic see. Who shows
// nothing is shown nothing of the sort. All are off until they are switched on.
type Hints struct {
	Receipts bool `cbor:"1,keyasint,omitempty"` // up to where it has read
	Typing   bool `cbor:"2,keyasint,omitempty"` // that it is typing
	Presence bool `cbor:"3,keyasint,omitempty"` // that it is here
}

// Live is how the other one of a direct topic stands right now, where both want
// that to be seen.
type Live struct {
	Typing bool
	Here   bool
}

const (
	keyHints     = "hints"
	prefixReadBy = "readby/" // topic id -> number up to which the other has read what is written here

	typingFor = 6 * time.Second
	hereFor   = 90 * time.Second // from when the page was used last, or its node said so
	hereEvery = 30 * time.Second
	readBack  = 64 // records that are looked at for the newest of the other's
)

// hints is what was said and heard of it. The mutex guards all.
type hints struct {
	mu   sync.Mutex
	row  Hints
	line *hint.Line
	used time.Time             // when this person last did something
	told map[string]toldHint   // by peer id and topic
	live map[TopicID]liveUntil // of the others
}

type toldHint struct {
	read RecordID
	here time.Time
}

type liveUntil struct{ typing, here time.Time }

// openHints reads what is wanted, and listens.
func (n *Node) openHints() error {
	h := &n.hints
	h.told, h.live = map[string]toldHint{}, map[TopicID]liveUntil{}
	value, err := n.store.State(keyHints)
	if err == nil {
		err = record.DecodeBody(value, &h.row)
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("node: read what others may see: %w", err)
	}
	h.line = hint.Open(n.host.LibP2P(), n.takeHint)
	return nil
}

// Hints returns what others may see of this person.
func (n *Node) Hints() Hints {
	n.hints.mu.Lock()
	defer n.hints.mu.Unlock()
	return n.hints.row
}

// SetHints changes what others may see of this person.
func (n *Node) SetHints(ctx context.Context, want Hints) error {
	value, err := record.EncodeBody(want)
	if err == nil {
		err = n.setState(ctx, keyHints, value)
	}
	if err != nil {
		return fmt.Errorf("node: what others may see: %w", err)
	}
	n.hints.mu.Lock()
	n.hints.row = want
	clear(n.hints.told)
	clear(n.hints.live)
	n.hints.mu.Unlock()
	for _, t := range n.Topics() {
		if t.isDirect() {
			n.bell.topic(t.id)
		}
	}
	n.bell.node()
	return nil
}

// Used notes that somebody is before this node: that is what others see as being here.
func (n *Node) Used() {
	n.hints.mu.Lock()
	n.hints.used = time.Now()
	n.hints.mu.Unlock()
}

// Typing lets the other one of a direct topic see that this person is typing, if it
// wants to and the other is connected. Call it again every few seconds.
func (t *Topic) Typing(ctx context.Context) {
	if !t.node.Hints().Typing || !t.isDirect() {
		return
	}
	for _, peer := range t.othersDevices() {
		t.node.say(ctx, peer, hint.Hint{Kind: hint.Typing, Topic: t.id})
	}
}

func (n *Node) say(ctx context.Context, peer string, h hint.Hint) bool {
	err := n.hints.line.Send(ctx, peer, h)
	if err != nil {
		n.log.Debug("node: a hint did not arrive", "peer", peer, "err", err)
	}
	return err == nil
}

func (t *Topic) isDirect() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.row.Kind == topic.Direct
}

// othersDevices returns the nodes of the other person, none where it is blocked.
func (t *Topic) othersDevices() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.muted {
		return nil
	}
	return slices.Clone(t.devices)
}

// sendHints tells the other one of a direct topic what it does not know yet.
func (n *Node) sendHints(ctx context.Context, t *Topic) error {
	n.hints.mu.Lock()
	want, now := n.hints.row, time.Now()
	here := want.Presence && now.Sub(n.hints.used) < hereFor
	n.hints.mu.Unlock()
	var read RecordID
	if want.Receipts {
		var err error
		if read, err = t.readOfOthers(); err != nil {
			return err
		}
	}
	for _, peer := range t.othersDevices() {
		key := peer + t.id.String()
		n.hints.mu.Lock()
		told := n.hints.told[key]
		n.hints.mu.Unlock()
		next := told
		if read != (RecordID{}) && read != told.read && n.say(ctx, peer, hint.Hint{Kind: hint.Read, Topic: t.id, Record: read}) {
			next.read = read
		}
		if here && now.Sub(told.here) >= hereEvery && n.say(ctx, peer, hint.Hint{Kind: hint.Here, Topic: t.id}) {
			next.here = now
		}
		if next != told {
			n.hints.mu.Lock()
			n.hints.told[key] = next
			n.hints.mu.Unlock()
		}
	}
	return n.fadeHints(t, now)
}

// fadeHints has who watches look again when something is over.
func (n *Node) fadeHints(t *Topic, now time.Time) error {
	n.hints.mu.Lock()
	l := n.hints.live[t.id]
	was := l
	if !l.typing.IsZero() && now.After(l.typing) {
		l.typing = time.Time{}
	}
	if !l.here.IsZero() && now.After(l.here) {
		l.here = time.Time{}
	}
	n.hints.live[t.id] = l
	n.hints.mu.Unlock()
	if l != was {
		n.bell.topic(t.id)
	}
	return nil
}

// readOfOthers returns the newest record of somebody else's that was read, zero for none.
func (t *Topic) readOfOthers() (id RecordID, err error) {
	t.mu.RLock()
	read := t.read
	t.mu.RUnlock()
	if read == nil {
		return id, nil
	}
	page, err := t.node.store.Range(t.space(), lanePosts, storage.Query{Before: after(*read), Limit: readBack, Newest: true})
	for _, s := range slices.Backward(page) {
		if Writer(s.Chain) != t.me {
			return RecordID(s.ID), err
		}
	}
	return id, err
}

// after is the place right behind pos.
func after(pos storage.Pos) *storage.Pos {
	for i := len(pos.ID) - 1; i >= 0; i-- {
		if pos.ID[i]++; pos.ID[i] != 0 {
			return &pos
		}
	}
	pos.Time++
	return &pos
}

// takeHint takes in what a connected node says. It counts where that is a device of
// the other one of a direct topic, and where this person lets the same be seen.
func (n *Node) takeHint(peer string, h hint.Hint) {
	t, err := n.Topic(TopicID(h.Topic))
	if err != nil || !slices.Contains(t.othersDevices(), peer) {
		return
	}
	n.hints.mu.Lock()
	want, l, now := n.hints.row, n.hints.live[t.id], time.Now()
	switch {
	case h.Kind == hint.Typing && want.Typing:
		l.typing = now.Add(typingFor)
	case h.Kind == hint.Here && want.Presence:
		l.here = now.Add(hereFor)
	}
	changed := l != n.hints.live[t.id]
	n.hints.live[t.id] = l
	n.hints.mu.Unlock()
	if changed {
		n.bell.topic(t.id)
	}
	if h.Kind != hint.Read || !want.Receipts {
		return
	}
	if err := t.readBy(t.ctx, RecordID(h.Record)); err != nil && t.ctx.Err() == nil {
		n.log.Warn("node: note what was read", "topic", t.id, "err", err)
	}
}

// readBy notes that the other has read up to an own record.
func (t *Topic) readBy(ctx context.Context, id RecordID) error {
	s, err := t.node.store.Get(t.space(), storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) || err == nil && Writer(s.Chain) != t.me {
		return nil
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	before := t.readTo
	t.readTo = max(t.readTo, s.Seq)
	t.mu.Unlock()
	if s.Seq <= before {
		return nil
	}
	value := binary.BigEndian.AppendUint64(nil, s.Seq)
	b := storage.Batch{State: []storage.KV{{Key: prefixReadBy + t.id.String(), Value: value}}, Events: t.updated(before, s.Seq)}
	defer t.node.bell.journal()
	return t.node.commit(ctx, b)
}

// loadReadBy reads how far the other has read.
func (t *Topic) loadReadBy() error {
	value, err := t.node.store.State(prefixReadBy + t.id.String())
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err == nil && len(value) != 8 {
		err = ErrDamaged
	}
	if err != nil {
		return fmt.Errorf("node: read how far the other has read: %w", err)
	}
	t.readTo = binary.BigEndian.Uint64(value)
	return nil
}

// isRead reports whether an own record was read by the other, as far as that is to be seen.
func (t *Topic) isRead(seq uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return seq <= t.readTo && t.row.Kind == topic.Direct && t.node.Hints().Receipts
}

// live says how the other stands, nil where that is not to be seen.
func (n *Node) liveOf(id TopicID) *Live {
	n.hints.mu.Lock()
	defer n.hints.mu.Unlock()
	if !n.hints.row.Typing && !n.hints.row.Presence {
		return nil
	}
	l, now := n.hints.live[id], time.Now()
	return &Live{Typing: now.Before(l.typing), Here: now.Before(l.here)}
}
