package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// renew gives this device a new writer key in a topic in which its chain was
// forked: two copies of one data folder wrote under the same key. What it wrote
// from the fork on was set aside, at others too, so it is written again.
func (n *Node) renew(old *Topic, f *fork) {
	n.aside(func() {
		n.mu.RLock()
		current := n.topics[old.id] == old
		n.mu.RUnlock()
		// Whoever finds the fork and whoever opens the topic may both come here: the
		// root key must not sign two grants with one number.
		if !current || !old.renewing.CompareAndSwap(false, true) {
			return
		}
		defer old.renewing.Store(false)
		// Another copy may have got a new key already. What it signed with the root key
		// is to be here first.
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(renewAfter):
		}
		if err := n.renewNow(n.ctx, old, f); err != nil && n.ctx.Err() == nil {
			n.log.Error("node: a new key after a fork", "topic", old.id, "err", err)
		}
	})
}

// renewAfter is how long a node that finds out about a fork of its own waits for
// what comes with it.
const renewAfter = 2 * time.Second

// aside runs f in a goroutine of its own, which Close waits for.
func (n *Node) aside(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.wg.Go(f)
	}
}

func (n *Node) renewNow(ctx context.Context, old *Topic, f *fork) error {
	key, err := identity.NewWriter()
	if err != nil {
		return err
	}
	if err := old.grantAnew(ctx, record.WriterOf(key)); err != nil {
		return err
	}
	var lost []*record.Record
	t, err := n.rekey(ctx, old, key, func() (err error) { // nothing more is written under the old one
		if lost, err = old.ownAside(f); err != nil {
			return err
		}
		return old.dropOut(ctx, f.seq)
	})
	if err != nil {
		return err
	}
	for _, r := range lost {
		body, _ := r.Body()
		if r.Kind == record.KindSealed {
			row, err := t.inside(r.ID())
			if err != nil {
				return err
			}
			if body = row.Body; row.Kind != record.KindPost {
				continue
			}
		}
		once := onceKey(t.id, "again/"+r.ID().String())
		if _, err := t.append(ctx, &entry{kind: record.KindPost, body: bytes.Clone(body), once: once}); err != nil {
			return fmt.Errorf("write a post again: %w", err)
		}
	}
	n.bell.topic(t.id)
	return nil
}

// ownAside returns the own posts that a fork has set aside, oldest first.
func (t *Topic) ownAside(f *fork) (posts []*record.Record, err error) {
	seen := map[record.ID]bool{}
	add := func(r *record.Record) {
		if _, ok := r.Body(); ok && laneOf(r.Kind) == lanePosts && r.Writer == t.me && r.Seq >= f.seq && !seen[r.ID()] {
			seen[r.ID()] = true
			posts = append(posts, r)
		}
	}
	add(f.a)
	add(f.b)
	for seq := f.seq; ; seq++ { // written in the moment in which the fork was found
		s, err := t.node.store.At(t.space(), storage.Chain(t.me), seq)
		if errors.Is(err, storage.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		r, err := t.open(s)
		if err != nil {
			return nil, err
		}
		add(r)
	}
	var failed error
	err = t.walk(laneAside, nil, nil, func(s storage.Record) bool {
		if Writer(s.Chain) == t.me {
			var r *record.Record
			if r, failed = t.open(s); failed == nil {
				add(r)
			}
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	slices.SortStableFunc(posts, func(a, b *record.Record) int { return int(max(-1, min(1, a.Time-b.Time))) })
	return posts, err
}

// grantAnew gives the new key the rights of an owner where this person made the topic.
func (t *Topic) grantAnew(ctx context.Context, w Writer) error {
	_, err := t.byRoot(ctx, record.KindGrant, topic.Grant{Key: w, Role: topic.Owner})
	return err // without the root key: in an open topic the new key may write as it is
}

// byRoot writes a record of the root key, which never wrote anything but the genesis
// and such. It is false where this person did not make the topic.
func (t *Topic) byRoot(ctx context.Context, kind record.Kind, what any) (bool, error) {
	t.mu.RLock()
	state := t.state
	t.mu.RUnlock()
	if state == nil {
		return false, nil
	}
	root, ok := t.rootKey(state.Nonce())
	if !ok || record.WriterOf(root) != state.Root() {
		return false, nil
	}
	t.rootMu.Lock() // its chain must not fork
	defer t.rootMu.Unlock()
	head, err := t.node.store.Head(t.space(), storage.Chain(state.Root()))
	if err != nil {
		return true, err
	}
	body, err := record.EncodeBody(what)
	if err != nil {
		return true, err
	}
	r, err := record.Sign(record.Header{
		Topic: t.id, Seq: head.Seq + 1, Prev: record.ID(head.ID), Time: max(time.Now().UnixMilli(), head.Time), Kind: kind,
	}, body, root)
	if err != nil {
		return true, err
	}
	t.hold([]*record.Record{r})
	if err := t.take(ctx, r); err != nil {
		t.release(r.ID())
		return true, err
	}
	// Nobody is to have it before it outlasts a power cut: another in its place would be a fork.
	if err := t.node.commit(ctx, storage.Batch{Durable: true}); err != nil {
		return true, err
	}
	t.sendOp(ctx, r)
	return true, nil
}

// dropOut takes records from seq on off the list of those that wait for others.
func (t *Topic) dropOut(ctx context.Context, seq uint64) error {
	rows, err := t.node.store.ListState(prefixOut + t.id.String() + "/")
	if err != nil {
		return err
	}
	var b storage.Batch
	for _, kv := range rows {
		if kv.Key >= outKey(t.id, seq) {
			b.State = append(b.State, storage.KV{Key: kv.Key})
		}
	}
	return t.node.commit(ctx, b)
}

// rekey goes on in a topic under a new key, without what hung on the old one: it
// closes the topic and opens it again from the store. Who still holds the old one
// reads from it, and what they write goes to the new one. between, which may be nil,
// is called once the old one is closed.
func (n *Node) rekey(ctx context.Context, old *Topic, key ed25519.PrivateKey, between func() error) (*Topic, error) {
	next := &successor{ready: make(chan struct{})}
	old.writeMu.Lock()
	again := old.next
	if again == nil {
		old.next = next
	}
	old.writeMu.Unlock()
	if again != nil {
		return again.wait(ctx)
	}
	defer close(next.ready)
	old.close()
	old.mu.RLock()
	row := old.row
	old.mu.RUnlock()
	before := row
	row.Writer, row.Introduced, row.ToMembers, row.Admitted, row.Acked = key.Seed(), "", 0, false, 0
	value, err := record.EncodeBody(row)
	if err == nil && between != nil {
		err = between()
	}
	if err == nil {
		err = n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: prefixTopic + old.id.String(), Value: value}}})
	}
	if err != nil {
		row = before
	}
	t, openErr := n.openTopic(old.id, row, old)
	if openErr != nil {
		return nil, errors.Join(err, openErr)
	}
	next.topic = t
	t.keepContacts()
	if err == nil {
		err = errors.Join(n.drop(ctx, sealPrefix(old.id, old.me)), n.drop(ctx, prefixReadBy+old.id.String()))
	}
	return t, err
}

// successor is the topic that takes the place of one whose key is given up.
type successor struct {
	ready chan struct{} // closed when topic is set, or will never be
	topic *Topic
}

func (s *successor) wait(ctx context.Context) (*Topic, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.topic == nil {
		return nil, ErrClosed
	}
	return s.topic, nil
}

// drop deletes the node's rows that begin so.
func (n *Node) drop(ctx context.Context, prefix string) error {
	rows, err := n.store.ListState(prefix)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	for some := range slices.Chunk(rows, maxOpenItems) {
		var b storage.Batch
		for _, kv := range some {
			b.State = append(b.State, storage.KV{Key: kv.Key})
		}
		if err := n.commit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
