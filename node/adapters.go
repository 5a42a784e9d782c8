package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math/rand/v2"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/reach"
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
	n.bell.topic(t.id)
}

func linkContact(c reach.Contact) topic.Contact {
	return topic.Contact{ID: c.ID, Addrs: c.Addrs[:min(len(c.Addrs), maxLinkAddrs)]}
}

// maxLinkAddrs keeps links short: an address is 8 to 22 bytes.
const maxLinkAddrs = 6

func reachContact(c topic.Contact) reach.Contact { return reach.Contact(c) }

// shelf serves history from the node's topics.
type shelf struct{ n *Node }

// OpsDigest implements history.Shelf.
func (s shelf) OpsDigest(id record.TopicID) (history.Digest, bool) {
	t, err := s.n.Topic(id)
	if err != nil {
		return history.Digest{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.ops, t.state != nil
}

// Ops implements history.Shelf.
func (s shelf) Ops(id record.TopicID, yield func(raw []byte) bool) error {
	t, err := s.n.Topic(id)
	if err != nil {
		return err
	}
	genesis, err := t.node.store.Get(t.space(), [32]byte(id))
	if err != nil {
		return err
	}
	if !yield(genesis.Data) {
		return nil
	}
	return t.eachOp(func(r *record.Record) bool {
		return r.Kind == record.KindGenesis || yield(r.Bytes())
	})
}

// Has implements history.Shelf.
func (s shelf) Has(id record.TopicID, r record.ID) bool {
	has, err := s.n.store.Has(storage.Space(id), storage.ID(r))
	return has && err == nil
}

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
