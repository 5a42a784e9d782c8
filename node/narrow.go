package node

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// Some are reached only through a relay that limits what it carries, two minutes and
// 128 KiB where it is somebody else's. Gossip does not use such lines. History, mail
// and stems do: whoever is known to follow a topic is compared with, and told when
// there is news to fetch.

const (
	maxFollowing = 64               // peers of one topic of whom it is known without gossip that they follow it
	nudgePause   = 3 * time.Second  // between two rounds of telling; history heeds no more than one in 2 s
	nudgeWait    = 10 * time.Second // for one answer
)

// narrow is what is due to followers on limited lines.
type narrow struct {
	wake chan struct{}

	mu  sync.Mutex
	due map[TopicID]struct{}
}

// followers returns those who are connected: whom gossip sees, and those on limited
// lines of whom it is known.
func (t *Topic) followers() []string {
	return append(t.gossip.Peers(), t.narrowFollowers()...)
}

func (t *Topic) narrowFollowers() []string {
	limited := t.node.host.Limited()
	if len(limited) == 0 {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.DeleteFunc(limited, func(p string) bool { _, ok := t.told[p]; return !ok })
}

// follows notes that a peer follows the topic: it was named as a follower, or asked
// for the topic itself.
func (t *Topic) follows(peers ...string) {
	news := false
	t.mu.Lock()
	for _, p := range peers {
		if _, known := t.told[p]; !known && len(t.told) < maxFollowing {
			t.told[p] = struct{}{}
			news = true
		}
	}
	t.mu.Unlock()
	if news { // there may be a line already
		t.wakeAll()
	}
}

// lookNarrow turns to a follower that may have come on a limited line.
func (t *Topic) lookNarrow(peer string) {
	t.mu.RLock()
	_, told := t.told[peer]
	t.mu.RUnlock()
	if told {
		t.wakeAll()
	}
}

func (t *Topic) wakeAll() {
	poke(t.asks)
	poke(t.outbox.wake)
	t.repair.Look(false)
}

// followContacts is follows for contacts.
func (t *Topic) followContacts(contacts []topic.Contact) {
	for _, c := range contacts {
		if id, err := reach.PeerID(c.ID); err == nil {
			t.follows(id)
		}
	}
}

// showNarrow lets followers on limited lines fetch own records that nobody was to see
// before they are published: nobody else is there to whom they could be.
func (t *Topic) showNarrow(items []outItem) {
	if len(t.narrowFollowers()) == 0 {
		return
	}
	for _, item := range items {
		t.release(item.id)
	}
	t.news()
}

// left notes that a peer on a limited line does not follow the topic after all.
func (t *Topic) left(peer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.told, peer)
}

// news notes that there is a new record of a topic.
func (t *Topic) news() {
	if len(t.node.host.Limited()) == 0 {
		return
	}
	t.node.narrow.mu.Lock()
	t.node.narrow.due[t.id] = struct{}{}
	t.node.narrow.mu.Unlock()
	poke(t.node.narrow.wake)
}

// tellNarrow tells followers on limited lines that there is news, until the node closes.
func (n *Node) tellNarrow() {
	for {
		wait := n.tellDue()
		timer := time.NewTimer(wait)
		select {
		case <-n.ctx.Done():
			timer.Stop()
			return
		case <-n.narrow.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tellDue tells of the topics that were not told of a moment ago, and returns how
// long until the next.
func (n *Node) tellDue() time.Duration {
	n.narrow.mu.Lock()
	due := slices.Collect(maps.Keys(n.narrow.due))
	n.narrow.mu.Unlock()
	next := time.Hour
	for _, id := range due {
		t, err := n.Topic(id)
		if err == nil {
			if wait := nudgePause - time.Since(t.nudged()); wait > 0 {
				next = min(next, wait)
				continue
			}
		}
		n.narrow.mu.Lock()
		delete(n.narrow.due, id)
		n.narrow.mu.Unlock()
		if err != nil {
			continue // it was left
		}
		for _, p := range t.narrowFollowers() {
			if err := t.nudge(p); err != nil {
				n.log.Debug("node: tell of news", "topic", t.id, "peer", p, "err", err)
			}
		}
	}
	return next
}

// nudged returns when somebody was last told.
func (t *Topic) nudged() time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.nudgedAt
}

// nudge tells a peer that there is news.
func (t *Topic) nudge(peer string) error {
	t.mu.Lock()
	t.nudgedAt = time.Now()
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.ctx, nudgeWait)
	defer cancel()
	return t.node.asker.Nudge(ctx, peer, record.TopicID(t.id))
}
