package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// Reasons for which a record is ignored rather than rejected: it may be right,
// but not here or not now (STYLE.md 12).
var (
	errAhead     = errors.New("node: its time is ahead of this computer's clock")
	errBodiless  = errors.New("node: without its body")
	errWaiting   = errors.New("node: the topic's genesis is not here yet")
	errDuplicate = errors.New("node: it is here already")
	errFork      = errors.New("node: its writer signed two records with one number")
	errMuted     = errors.New("node: this person is blocked")
)

// hear is the verdict as gossip asks for it.
func (t *Topic) hear(ctx context.Context, m pubsub.Message) pubsub.Verdict {
	r, err := record.Decode(m.Data)
	if err != nil {
		return pubsub.Reject
	}
	t.awaitGenesis(ctx)
	again := t.cameBack(r, m.From)
	err = t.take(ctx, r)
	switch {
	case err == nil:
		t.news()
		return pubsub.Accept
	case again && errors.Is(err, errDuplicate):
		return pubsub.Accept
	case provablyFalse(err):
		t.node.log.Debug("node: rejected", "topic", t.id, "from", m.From, "err", err)
		return pubsub.Reject
	case mayWait(err):
		if t.park(r) != nil {
			return pubsub.Reject
		}
	case errors.Is(err, errFork):
		t.tellOfForks(m.From)
	}
	t.node.log.Debug("node: ignored", "topic", t.id, "from", m.From, "err", err)
	return pubsub.Ignore
}

// awaitGenesis holds a record that came before the genesis for a moment: gossip
// would not bring it a second time. Those beyond maxAwaiting are not held.
func (t *Topic) awaitGenesis(ctx context.Context) {
	select {
	case <-t.ready:
		return
	default:
	}
	select {
	case t.awaiting <- struct{}{}:
	default:
		return
	}
	timer := time.NewTimer(awaitGenesis)
	defer timer.Stop()
	select {
	case <-t.ready:
	case <-timer.C:
	case <-ctx.Done():
	case <-t.ctx.Done():
	}
	<-t.awaiting
}

const (
	maxAwaiting  = 256
	awaitGenesis = 10 * time.Second
)

// provablyFalse reports whether err is the fault of the record itself, whoever brought it.
func provablyFalse(err error) bool {
	return errors.Is(err, record.ErrSignature) || errors.Is(err, record.ErrForm) || errors.Is(err, record.ErrLimit) ||
		errors.Is(err, topic.ErrOp) || errors.Is(err, topic.ErrText) || errors.Is(err, message.ErrForm)
}

// take is the one function that every record of others passes, whatever way it
// came. nil means that it was right and is stored now.
func (t *Topic) take(ctx context.Context, r *record.Record) error {
	head, err := t.headOf(r.Writer)
	if err != nil {
		return err
	}
	if err := t.judge(r, head); err != nil {
		return err
	}
	if err := t.place(ctx, r, head); err != nil {
		return err
	}
	b := storage.Batch{Puts: []storage.Put{{Record: stored(r), Event: eventOf(r)}}}
	pends := t.pend(&b, r)
	outcomes, err := t.node.store.Commit(ctx, b)
	if err != nil {
		return err
	}
	if pends { // also what was here already: its mark is to go again
		t.sealing.came(placeOf(r))
	}
	switch outcomes[0] {
	case storage.Duplicate:
		return errDuplicate
	case storage.Conflict:
		return t.contradicts(ctx, r, r.Seq)
	}
	t.recent.add(r)
	if r.Seq > head.seq {
		t.heads.add(r)
	}
	t.noteHoles(r, head)
	t.mu.Lock()
	changed := t.tookLocked(r)
	t.mu.Unlock()
	if pends {
		if err := t.sealing.openAll(ctx); err != nil && ctx.Err() == nil { // it is stored, and tried again
			t.node.log.Error("node: open what is sealed", "topic", t.id, "err", err)
		}
	}
	if changed {
		t.node.bell.topic(t.id)
	}
	t.node.bell.journal()
	return nil
}

// headOf returns the newest record of a chain that is here; Seq is 0 where there is none.
func (t *Topic) headOf(w Writer) (chainHead, error) {
	if h, ok := t.heads.get(w); ok {
		return h, nil
	}
	head, err := t.node.store.Head(t.space(), storage.Chain(w))
	if errors.Is(err, storage.ErrNotFound) {
		return chainHead{}, nil
	}
	return chainHead{seq: head.Seq, id: record.ID(head.ID), time: head.Time}, err
}

// judge checks what needs nothing but the record, its chain's head and the
// topic's state, the signature last because it costs most.
func (t *Topic) judge(r *record.Record, head chainHead) error {
	if r.TopicID() != t.id {
		return fmt.Errorf("%w: of another topic", record.ErrForm)
	}
	if _, ok := r.Body(); !ok {
		return errBodiless
	}
	if err := checkContent(r); err != nil {
		return err
	}
	if err := t.mayStand(r); err != nil {
		return err
	}
	if r.Seq <= head.seq {
		if has, err := t.node.store.Has(t.space(), storage.ID(r.ID())); err != nil || has {
			return errors.Join(err, errDuplicate)
		}
	}
	return r.Verify()
}

// checkContent reads the body as far as its kind says how.
func checkContent(r *record.Record) error {
	if body, ok := r.Body(); ok && isSealed(r.Kind) {
		return checkSealed(body)
	}
	if r.Kind.IsOp() {
		return topic.CheckOp(r)
	}
	if body, ok := r.Body(); ok && r.Kind == record.KindPost {
		_, err := message.Open(body)
		return err
	}
	return nil
}

// mayStand checks r's time, its writer's right, and that no fork lies before it.
func (t *Topic) mayStand(r *record.Record) error {
	if r.Time > time.Now().Add(record.MaxAhead).UnixMilli() {
		return errAhead
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if f := t.forks[r.Writer]; f != nil && r.Seq >= f.seq {
		return errFork
	}
	if t.muted && r.Writer != t.me {
		return errMuted
	}
	if r.Kind == record.KindGenesis {
		return nil
	}
	if t.state == nil {
		return errWaiting
	}
	return t.state.Check(r)
}

// place checks r, whose signature was checked, against its neighbours in the
// writer's chain, where they are here.
func (t *Topic) place(ctx context.Context, r *record.Record, head chainHead) error {
	if head.seq == 0 {
		return nil
	}
	if r.Seq == head.seq+1 { // the usual case
		if r.Prev != head.id {
			return t.contradicts(ctx, r, head.seq)
		}
		if r.Time < head.time {
			return fmt.Errorf("%w: time goes back in its chain", record.ErrForm)
		}
		return nil
	}
	if r.Seq > 1 {
		before, err := t.at(r.Writer, r.Seq-1)
		if err != nil {
			return err
		}
		if before != nil && before.ID() != r.Prev {
			return t.freeze(ctx, before, r)
		}
	}
	behind, err := t.at(r.Writer, r.Seq+1)
	if err != nil {
		return err
	}
	if behind != nil && behind.Prev != r.ID() {
		return t.freeze(ctx, r, behind)
	}
	return nil
}

// at returns a record of a chain, nil where it is not here.
func (t *Topic) at(w Writer, seq uint64) (*record.Record, error) {
	s, err := t.node.store.At(t.space(), storage.Chain(w), seq)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.open(s)
}

// tookLocked brings the topic's memory up to a record that was just stored, and
// reports whether the topic itself looks different now. The caller holds t.mu.
func (t *Topic) tookLocked(r *record.Record) (changed bool) {
	if r.Kind == record.KindGenesis {
		if t.state == nil {
			if err := t.begin(r); err != nil {
				t.node.log.Error("node: genesis", "topic", t.id, "err", err)
			}
		}
		return true
	}
	mine := r.Writer == t.me
	if !mine {
		t.seeLocked(r)
	}
	if r.Kind == record.KindCheckpoint {
		t.vouched.add(r)
		return true
	}
	if r.Kind.IsOp() {
		t.applyLocked(r)
		poke(t.chores)
		return true
	}
	if mine && r.Kind == record.KindSealed {
		t.last, t.read, t.unread = nil, &storage.Pos{Time: r.Time, ID: storage.ID(r.ID())}, 0
	}
	if r.Kind == record.KindPost {
		if t.last == nil || messageBefore(t.last, r) {
			t.last = nil // read anew when somebody asks
		}
		if mine {
			t.read, t.unread = &storage.Pos{Time: r.Time, ID: storage.ID(r.ID())}, 0
		} else if t.unread < maxUnread {
			t.unread++
		}
	}
	return false
}

// chainHead is the newest record of a writer's chain that is here.
type chainHead struct {
	seq  uint64
	id   record.ID
	time int64
}

// heads remembers the heads of the chains that are written now, so that the next
// record of each is placed without asking the store.
type heads struct {
	mu sync.Mutex
	of map[Writer]chainHead
}

const maxHeads = 1024

func (c *heads) get(w Writer) (chainHead, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.of[w]
	return h, ok
}

// add takes a record that is stored.
func (c *heads) add(r *record.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, known := c.of[r.Writer]
	if known && h.seq >= r.Seq {
		return
	}
	if c.of == nil {
		c.of = map[Writer]chainHead{}
	}
	if !known && len(c.of) >= maxHeads {
		for w := range c.of { // any
			delete(c.of, w)
			break
		}
	}
	c.of[r.Writer] = chainHead{r.Seq, r.ID(), r.Time}
}

// seeLocked keeps the frontier: what this device has seen and not yet named.
func (t *Topic) seeLocked(r *record.Record) {
	if r.Time <= time.Now().Add(maxFollow).UnixMilli() { // one that runs far ahead must not hide the others
		t.seen = max(t.seen, r.Time)
	}
	covered := func(id record.ID) bool {
		if id == r.Prev {
			return true
		}
		for _, a := range r.After {
			if a == id {
				return true
			}
		}
		return false
	}
	kept := t.frontier[:0]
	for _, id := range t.frontier {
		if !covered(id) {
			kept = append(kept, id)
		}
	}
	if t.frontier = append(kept, r.ID()); len(t.frontier) > maxNamed {
		t.frontier = t.frontier[len(t.frontier)-maxNamed:]
	}
}
