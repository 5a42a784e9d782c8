package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/stem"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// Where a topic hides who said something first, own records leave by a stem
// (PROTOCOL.md §15). Until one of them comes back by gossip, or its embargo is over, it
// is *held*: on disk, and not to be seen by anybody who asks what is here.

// prefixHide begins the row that says whether a topic hides its origins, where that is
// not as its kind has it.
const prefixHide = "hide/"

// HidesOrigin reports whether who said something first is hidden in this topic. It
// is so in private topics until SetHidesOrigin changes it, and never between two.
func (t *Topic) HidesOrigin() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.hidesLocked()
}

func (t *Topic) hidesLocked() bool {
	kind := t.row.Kind
	if t.state != nil {
		kind = t.state.Kind()
	}
	if kind == topic.Direct {
		return false
	}
	if t.hide != nil {
		return *t.hide
	}
	return kind == topic.Private
}

// SetHidesOrigin changes that on this device: records take about a second longer to
// be everywhere, and whoever watches cannot tell where they come from.
func (t *Topic) SetHidesOrigin(ctx context.Context, hide bool) error {
	value := []byte{0}
	if hide {
		value[0] = 1
	}
	if err := t.node.setState(ctx, prefixHide+t.id.String(), value); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	t.mu.Lock()
	t.hide = &hide
	t.mu.Unlock()
	t.node.bell.topic(t.id)
	return nil
}

// loadHide reads how the topic is set, and holds what nobody is known to have.
func (t *Topic) loadHide() error {
	value, err := t.node.store.State(prefixHide + t.id.String())
	if err == nil && len(value) == 1 {
		hide := value[0] == 1
		t.hide = &hide
		return nil
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%w: whether a topic hides its origins", ErrDamaged))
}

// held is an own record that nobody is to see yet.
type held struct {
	lane storage.Lane
	pos  storage.Pos
	seq  uint64 // in this device's own chain, 0 for another's
}

// hold keeps records that are about to be stored from being seen, where the topic is so.
func (t *Topic) hold(records []*record.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.hidesLocked() {
		return
	}
	for _, r := range records {
		if len(t.held) >= maxHidden {
			return
		}
		h := held{lane: laneOf(r.Kind), pos: placeOf(r)}
		if r.Writer == t.me {
			h.seq = r.Seq
		}
		t.held[r.ID()] = h
	}
}

// holdStored is hold for a record that was written before the start.
func (t *Topic) holdStored(id record.ID) error {
	if !t.HidesOrigin() {
		return nil
	}
	s, err := t.node.store.Get(t.space(), storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	r, err := t.open(s)
	if err == nil {
		t.hold([]*record.Record{r})
	}
	return err
}

// maxHidden is how many records are held; those beyond can be seen at once. A swarm that
// is never reached would gather them without an end.
const maxHidden = 1024

// release lets a record be seen, and reports whether it was held.
func (t *Topic) release(id record.ID) bool {
	t.mu.Lock()
	_, was := t.held[id]
	delete(t.held, id)
	t.mu.Unlock()
	if was {
		poke(t.outbox.published)
	}
	return was
}

func (t *Topic) isHeld(id record.ID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.held[id]
	return ok
}

// send publishes an own record that is stored, by a stem where the topic is so.
func (t *Topic) send(ctx context.Context, id record.ID, raw []byte) error {
	if !t.HidesOrigin() {
		return t.gossip.Publish(ctx, raw)
	}
	if len(t.followers()) == 0 {
		return pubsub.ErrNoPeers
	}
	if t.isHeld(id) && t.node.stems.Start(ctx, stem.TopicID(t.id), raw) {
		return nil
	}
	t.release(id)
	return t.gossip.Publish(ctx, raw)
}

// sendOp is send for an op that is not this device's own chain's. History brings it
// where nobody could be reached.
func (t *Topic) sendOp(ctx context.Context, r *record.Record) {
	if err := t.send(ctx, r.ID(), r.Bytes()); err != nil {
		t.release(r.ID())
		t.node.log.Debug("node: publish a grant", "topic", t.id, "err", err)
	}
}

// stems joins stem to the node's topics.
type stems struct{ n *Node }

// Dialled implements stem.Topics.
func (s stems) Dialled(id stem.TopicID) []string {
	t, err := s.n.Topic(TopicID(id))
	if err != nil {
		return nil
	}
	return t.dialled()
}

// dialled returns the followers that this node has dialled itself.
func (t *Topic) dialled() []string {
	return slices.DeleteFunc(t.followers(), func(p string) bool { return !t.node.host.Dialled(p) })
}

// Check implements stem.Topics. What this node has written comes round like any
// other record.
func (s stems) Check(id stem.TopicID, raw []byte) bool {
	t, err := s.n.Topic(TopicID(id))
	if err != nil || !t.isReady() {
		return false
	}
	r, err := record.Decode(raw)
	if err != nil {
		return false
	}
	if t.isHeld(r.ID()) {
		return true
	}
	head, err := t.headOf(r.Writer)
	if err != nil {
		return false
	}
	return t.judge(r, head) == nil
}

// Publish implements stem.Topics.
func (s stems) Publish(ctx context.Context, id stem.TopicID, raw []byte) {
	t, err := s.n.Topic(TopicID(id))
	if err != nil {
		return
	}
	r, err := record.Decode(raw)
	if err != nil {
		return
	}
	if !t.release(r.ID()) {
		switch err := t.take(ctx, r); {
		case err == nil:
		case mayWait(err): // what comes before it is on its way, perhaps
			if t.park(r) != nil {
				return
			}
		default:
			return
		}
	}
	if err := t.gossip.Publish(ctx, raw); err != nil && ctx.Err() == nil {
		t.node.log.Debug("node: publish at the end of a stem", "topic", t.id, "err", err)
	}
}

// came notes that gossip has brought a record, and reports whether this node is to
// pass it on as if it had not been here.
func (t *Topic) cameBack(r *record.Record, from string) bool {
	t.node.stems.Came(r.Bytes())
	if !t.release(r.ID()) {
		return false
	}
	if r.Writer == t.me {
		t.gave(from, outItem{id: r.ID(), seq: r.Seq})
	}
	return true
}

// heldIn returns what is held of a lane.
func (t *Topic) heldIn(l storage.Lane) (out []held) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, h := range t.held {
		if h.lane == l {
			out = append(out, h)
		}
	}
	return out
}

// shown returns up to which number own records may be seen.
func (t *Topic) shown(upTo uint64) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, h := range t.held {
		if h.seq != 0 && h.seq <= upTo {
			upTo = h.seq - 1
		}
	}
	return upTo
}

// lessHeld is a lane without what is held.
type lessHeld struct {
	reconcile.Set
	held []held
}

func (l lessHeld) isHeld(pos storage.Pos) bool {
	return slices.ContainsFunc(l.held, func(h held) bool { return h.pos == pos })
}

// Sum implements reconcile.Set.
func (l lessHeld) Sum(from, to reconcile.Bound) (reconcile.Sum, error) {
	s, err := l.Set.Sum(from, to)
	begin, end := posOfBound(from), posOfBound(to)
	for _, h := range l.held {
		if err == nil && (begin == nil || !posBefore(h.pos, *begin)) && (end == nil || posBefore(h.pos, *end)) {
			s.Sub(reconcile.Sum{Count: 1, Total: h.pos.ID})
		}
	}
	return s, err
}

// Split implements reconcile.Set. A bound that names what is held would show it.
func (l lessHeld) Split(from, to reconcile.Bound, parts int) ([]reconcile.Bound, error) {
	cuts, err := l.Set.Split(from, to, parts)
	cuts = slices.DeleteFunc(cuts, func(b reconcile.Bound) bool {
		pos := posOfBound(b)
		return pos != nil && l.isHeld(*pos)
	})
	if err != nil || len(cuts) > 0 {
		return cuts, err
	}
	some, err := l.List(from, to, 2)
	if len(some) < 2 {
		return nil, err
	}
	return []reconcile.Bound{reconcile.At(some[1])}, err
}

// List implements reconcile.Set.
func (l lessHeld) List(from, to reconcile.Bound, limit int) ([]reconcile.Item, error) {
	items, err := l.Set.List(from, to, limit+len(l.held))
	items = slices.DeleteFunc(items, func(i reconcile.Item) bool { return l.isHeld(storage.Pos{Time: i.Time, ID: storage.ID(i.ID)}) })
	return items[:min(len(items), limit)], err
}
