package node

import (
	"context"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/reach"
)

// Followers of a topic meet at a place whose secret is the topic's id (PROTOCOL.md,
// Meeting places). Contacts meet at that of their direct topic.

const (
	fewFollowers = 3                // below that others are looked for
	meetAtOnce   = 4                // found nodes that are visited
	provesItself = 10 * time.Second // for a found node to show that it follows
)

// meetingPlaces are those of all topics, those first where nobody is in reach. Reach
// asks now and then.
func (n *Node) meetingPlaces() []reach.Place {
	var alone, others []reach.Place
	for _, t := range n.Topics() {
		followers := len(t.followers())
		p := reach.Place{Secret: t.id, Alone: followers == 0, Few: followers < fewFollowers}
		if p.Alone {
			alone = append(alone, p)
		} else {
			others = append(others, p)
		}
	}
	return append(alone, others...)
}

// foundAt visits a node that was found at a meeting place, unless enough others are
// visited right now: it is found again. Anybody can leave a note there, so it is
// kept only when it shows that it follows the topic.
func (n *Node) foundAt(secret [32]byte, c reach.Contact) {
	t, err := n.Topic(secret)
	if err != nil {
		return
	}
	id, err := reach.PeerID(c.ID)
	if err != nil || slices.Contains(t.followers(), id) {
		return
	}
	select {
	case n.meets <- struct{}{}:
	default:
		return
	}
	n.wg.Go(func() {
		defer func() { <-n.meets }()
		t.do("meet", func(ctx context.Context) error { return t.visitFound(ctx, id, c) })
	})
}

func (t *Topic) visitFound(ctx context.Context, id string, c reach.Contact) error {
	if _, err := t.node.host.Visit(ctx, c); err != nil {
		t.node.log.Debug("node: a meeting place named a node that is not there", "topic", t.id, "peer", id, "err", err)
		return nil
	}
	tick := time.NewTicker(provesItself / 20)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < provesItself; {
		if slices.Contains(t.gossip.Peers(), id) {
			return t.node.host.Keep(c)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// mayRelay says whom this node helps to be reached: followers of the topics that it
// has, contacts, and who came with a pass. Reach calls it, and nothing here waits.
func (n *Node) mayRelay(peer string) bool {
	if _, ok := n.people.devices.Load(peer); ok {
		return true
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.host == nil {
		return false
	}
	if n.isGuest(peer) {
		return true
	}
	for _, t := range n.topics {
		if slices.Contains(t.gossip.Peers(), peer) {
			return true
		}
	}
	return false
}
