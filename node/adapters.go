package node

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// This file joins the rooms: each declares the small interface that it needs,
// and here is what fulfils it.

// gossipName is the name of a topic on the mesh: a keyed hash, so that a node
// which does not know the topic learns nothing from seeing it (PROTOCOL.md §6).
// 16 bytes of it: the name travels with every copy of every message.
func gossipName(id TopicID) string {
	h := hmac.New(sha256.New, []byte("linnet/gossip/1"))
	h.Write(id[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func newGossip(n *Node) (*pubsub.PubSub, error) {
	return pubsub.New(pubsub.Config{
		Host:       n.host.LibP2P(),
		MessageID:  record.MessageID,
		MaxMessage: record.MaxRecord,
		Logger:     n.log,
		OnPeers:    n.followersChanged,
	})
}

// followersChanged is called by gossip, which must not be held up, when nodes
// began or ceased to follow one of our topics.
func (n *Node) followersChanged(name string) {
	n.mu.RLock()
	t := n.byGossip[name]
	n.mu.RUnlock()
	if t == nil {
		return
	}
	poke(t.asks)
	poke(t.outbox.wake)
	poke(t.outbox.published)
	poke(t.outbox.back)
	t.repair.Look(false)
	n.bell.topic(t.id)
}

// linkContact is a contact as others are told of it: without what lets one through a
// bridge, which is for whom the bridge's owner has chosen.
func linkContact(c reach.Contact) topic.Contact {
	c = c.Open()
	return topic.Contact{ID: c.ID, Addrs: c.Addrs[:min(len(c.Addrs), maxLinkAddrs)]}
}

// maxLinkAddrs keeps links short: an address is 8 to 22 bytes.
const maxLinkAddrs = 6

func reachContact(c topic.Contact) reach.Contact { return reach.Contact(c) }

// shelf serves history from the node's topics.
type shelf struct{ n *Node }

// Book implements history.Shelf.
func (s shelf) Book(id record.TopicID) (history.Book, bool) {
	t, err := s.n.Topic(id)
	if err != nil || !t.isReady() {
		return nil, false
	}
	return t.book(), true
}

// Nudged implements history.Shelf.
func (s shelf) Nudged(id record.TopicID, peer string) {
	if t, err := s.n.Topic(id); err == nil {
		t.follows(peer) // who names the topic's id knows it
		t.repair.Nudged(peer)
	}
}

// Carry implements history.Shelf.
func (s shelf) Carry(id record.TopicID, peer, link string) bool { return s.n.carry(id, peer, link) }

// Contacts implements history.Shelf: a few followers, chosen anew each time.
func (s shelf) Contacts(id record.TopicID) []topic.Contact {
	t, err := s.n.Topic(id)
	if err != nil {
		return nil
	}
	peers := t.gossip.Peers()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	var out []topic.Contact
	for _, p := range peers[:min(len(peers), toldContacts)] {
		if c, ok := s.n.host.Contact(p); ok {
			out = append(out, linkContact(c))
		}
	}
	return out
}

// toldContacts is how many followers are told to one who asks.
const toldContacts = 6

// book is a topic as history sees it.
type book struct {
	t    *Topic
	upTo uint64 // own records there were when it was opened
}

func (t *Topic) book() book { return book{t, t.shown(t.nextSeq() - 1)} }

// lanesOf maps the lanes of the protocol to those of the store.
var lanesOf = map[history.Lane]storage.Lane{
	history.LaneOps: laneOps, history.LanePosts: lanePosts, history.LaneOther: laneOther, history.LaneMarks: laneMarks,
}

// Set implements history.Book.
func (b book) Set(l history.Lane) reconcile.Set {
	set := laneSet{b.t.node.store, b.t.space(), lanesOf[l]}
	if held := b.t.heldIn(lanesOf[l]); len(held) > 0 {
		return lessHeld{set, held}
	}
	return set
}

// Walk implements history.Book.
func (b book) Walk(l history.Lane, part reconcile.Range, yield func(raw []byte) bool) error {
	return b.t.walk(lanesOf[l], posOfBound(part.From), posOfBound(part.To), func(s storage.Record) bool {
		return b.t.isHeld(record.ID(s.ID)) || yield(s.Data)
	})
}

// walk calls yield for the records of a lane from from, included, to to, excluded,
// the newest first, until yield returns false. nil is no bound.
func (t *Topic) walk(l storage.Lane, from, to *storage.Pos, yield func(storage.Record) bool) error {
	const step, bytes = 512, 512 << 10
	for {
		page, err := t.node.store.Range(t.space(), l, storage.Query{Before: to, Limit: step, Bytes: bytes, Newest: true})
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		for _, s := range slices.Backward(page) {
			if from != nil && posBefore(posOf(s), *from) || !yield(s) {
				return nil
			}
		}
		if len(page) == 0 {
			return nil
		}
		first := posOf(page[0])
		to = &first
	}
}

// Get implements history.Book.
func (b book) Get(id record.ID) ([]byte, error) {
	if b.t.isHeld(id) {
		return nil, nil
	}
	s, err := b.t.node.store.Get(b.t.space(), storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) {
		return b.t.forkProof(id), nil
	}
	return s.Data, err
}

// Has implements history.Book.
func (b book) Has(id record.ID) bool {
	has, err := b.t.node.store.Has(b.t.space(), storage.ID(id))
	return has && err == nil && !b.t.isHeld(id)
}

// Forks implements history.Book.
func (b book) Forks() [][2]record.ID { return b.t.forkIDs() }

// laneSet is a lane of the store for reconciliation.
type laneSet struct {
	store *storage.Store
	space storage.Space
	lane  storage.Lane
}

// Sum implements reconcile.Set.
func (l laneSet) Sum(from, to reconcile.Bound) (reconcile.Sum, error) {
	s, err := l.store.Sum(l.space, l.lane, posOfBound(from), posOfBound(to))
	return reconcile.Sum{Count: s.Count, Total: s.Total}, err
}

// Split implements reconcile.Set.
func (l laneSet) Split(from, to reconcile.Bound, parts int) ([]reconcile.Bound, error) {
	cuts, err := l.store.Split(l.space, l.lane, posOfBound(from), posOfBound(to), parts)
	out := make([]reconcile.Bound, len(cuts))
	for i, c := range cuts {
		out[i] = reconcile.At(reconcile.Item{Time: c.Time, ID: reconcile.ID(c.ID)})
	}
	return out, err
}

// List implements reconcile.Set.
func (l laneSet) List(from, to reconcile.Bound, limit int) ([]reconcile.Item, error) {
	list, err := l.store.Positions(l.space, l.lane, posOfBound(from), posOfBound(to), limit)
	out := make([]reconcile.Item, len(list))
	for i, p := range list {
		out[i] = reconcile.Item{Time: p.Time, ID: reconcile.ID(p.ID)}
	}
	return out, err
}

// posOfBound is a bound as the store has it, nil for an open end.
func posOfBound(b reconcile.Bound) *storage.Pos {
	if b.End || b == (reconcile.Bound{}) {
		return nil
	}
	return &storage.Pos{Time: b.Time, ID: storage.ID(b.ID)}
}

// keeper is a topic as its repairer sees it.
type keeper struct{ t *Topic }

// Book implements history.Keeper.
func (k keeper) Book() history.Book { return k.t.book() }

// Peers implements history.Keeper.
func (k keeper) Peers() []string { return k.t.followers() }

// Take implements history.Keeper.
func (k keeper) Take(ctx context.Context, p history.Proof, rs []*record.Record) (history.Taken, error) {
	return k.t.takeMany(ctx, p, rs)
}

// Forked implements history.Keeper.
func (k keeper) Forked(ctx context.Context, a, b *record.Record) error {
	return k.t.proveFork(ctx, a, b)
}

// Told implements history.Keeper.
func (k keeper) Told(peer string, b history.Book, lacks []record.ID) {
	k.t.outbox.told(peer, b.(book).upTo, lacks)
	if !k.t.compared.Swap(true) {
		poke(k.t.chores)
	}
}
