// Package pubsubtest is a bus in one process with the face of package pubsub,
// for tests of what is built upon it: it loses, doubles and parts as it is told.
//
// It promises:
//
//   - A message goes to each member of the topic that the sender can reach, at
//     most once for each Publish unless Duplicate says otherwise. It is not
//     passed on by those who got it, so what is lost is lost.
//   - Handlers run one after another, on the goroutine of Publish, which returns
//     when the last has; the order of members is drawn from the random source. So
//     one source, used from one goroutine, gives the same run again.
//   - The sender's own handler is not called. ErrNoPeers, ErrTooLarge and
//     ErrClosed come as from package pubsub. A handler may call Publish.
//
// It has no delay, no queue and no limit on senders.
package pubsubtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/linnet-im/linnet/pubsub"
)

// Config says what the bus does to messages. The zero value does nothing to them.
type Config struct {
	Loss       float64                    // 0 to 1: share of the copies that are lost
	Duplicate  float64                    // 0 to 1: share of the copies that come twice
	Connected  func(from, to string) bool // nil: everybody to everybody. Asked anew for each copy
	MaxMessage int                        // bytes, 0 means 128 KiB
}

// Bus connects nodes. Its methods may be called by several goroutines at once.
type Bus struct {
	mu     sync.Mutex
	rand   *rand.Rand
	cfg    Config
	topics map[string]map[string]*Topic // topic, node
}

// New makes a bus. r is the bus's from here on.
func New(r *rand.Rand, cfg Config) *Bus {
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 128 << 10
	}
	return &Bus{rand: r, cfg: cfg, topics: map[string]map[string]*Topic{}}
}

// Set changes what the bus does to messages, from the next copy on.
func (b *Bus) Set(change func(*Config)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.cfg)
}

// Node returns the node with this id.
func (b *Bus) Node(id string) *Node { return &Node{bus: b, id: id} }

// Node stands for a pubsub.PubSub.
type Node struct {
	bus *Bus
	id  string
}

// Join follows a topic; h sees every message of others that arrives. A node
// joins a topic once.
func (n *Node) Join(name string, h pubsub.Handler) (*Topic, error) {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	members := n.bus.topics[name]
	if members == nil {
		members = map[string]*Topic{}
		n.bus.topics[name] = members
	}
	if members[n.id] != nil {
		return nil, fmt.Errorf("pubsubtest: node %s has joined %q already", n.id, name)
	}
	t := &Topic{bus: n.bus, node: n.id, name: name, handle: h}
	members[n.id] = t
	return t, nil
}

// Close leaves every topic of the node.
func (n *Node) Close() error {
	n.bus.mu.Lock()
	defer n.bus.mu.Unlock()
	for _, members := range n.bus.topics {
		delete(members, n.id)
	}
	return nil
}

// Topic stands for a pubsub.Topic.
type Topic struct {
	bus    *Bus
	node   string
	name   string
	handle pubsub.Handler
}

// Peers returns the nodes that follow the topic and can be reached, sorted.
func (t *Topic) Peers() []string {
	t.bus.mu.Lock()
	defer t.bus.mu.Unlock()
	return t.peersLocked()
}

func (t *Topic) peersLocked() (ids []string) {
	for id := range t.bus.topics[t.name] {
		if id != t.node && (t.bus.cfg.Connected == nil || t.bus.cfg.Connected(t.node, id)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Publish hands data to the handlers of those it reaches, and returns when they have.
func (t *Topic) Publish(ctx context.Context, data []byte) error {
	copies, err := t.draw(len(data))
	if err != nil {
		return err
	}
	for _, to := range copies {
		if err := ctx.Err(); err != nil {
			return err
		}
		to.handle(ctx, pubsub.Message{From: t.node, Data: slices.Clone(data)})
	}
	return nil
}

// draw lists the members that get a copy, in the order in which they do.
func (t *Topic) draw(size int) (copies []*Topic, err error) {
	b := t.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	peers := t.peersLocked()
	switch {
	case b.topics[t.name][t.node] != t:
		return nil, pubsub.ErrClosed
	case size > b.cfg.MaxMessage:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", pubsub.ErrTooLarge, size, b.cfg.MaxMessage)
	case len(peers) == 0:
		return nil, pubsub.ErrNoPeers
	}
	for _, id := range peers {
		if b.rand.Float64() < b.cfg.Loss {
			continue
		}
		copies = append(copies, b.topics[t.name][id])
		if b.rand.Float64() < b.cfg.Duplicate {
			copies = append(copies, b.topics[t.name][id])
		}
	}
	b.rand.Shuffle(len(copies), func(i, j int) { copies[i], copies[j] = copies[j], copies[i] })
	return copies, nil
}

// Close leaves the topic. Calling it again does nothing.
func (t *Topic) Close() error {
	t.bus.mu.Lock()
	defer t.bus.mu.Unlock()
	if t.bus.topics[t.name][t.node] == t {
		delete(t.bus.topics[t.name], t.node)
	}
	return nil
}
