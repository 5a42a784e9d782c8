package node

import (
	"context"
	"fmt"

	"github.com/linnet-im/linnet/node/reach"
)

// How bridges want their guests to look (PROTOCOL.md §20.3) is kept for the bridges
// that this node may use, and for those that a topic's link leads through.

const (
	prefixLooks = "reach/looks/" // peer id -> the record, which is signed by that peer
	maxLooks    = 128
)

// storedLooks reads what was kept.
func (n *Node) storedLooks() (map[string][]byte, error) {
	rows, err := n.store.ListState(prefixLooks)
	if err != nil {
		return nil, fmt.Errorf("node: read how to look at bridges: %w", err)
	}
	out := map[string][]byte{}
	for _, kv := range rows {
		out[kv.Key[len(prefixLooks):]] = kv.Value
	}
	return out, nil
}

// keepLooks hears from reach how a bridge wants its guests to look.
func (n *Node) keepLooks(peer string, record []byte) {
	n.aside(func() {
		if err := n.storeLooks(n.ctx, peer, record); err != nil && n.ctx.Err() == nil {
			n.log.Warn("node: keep how to look at a bridge", "err", err)
		}
	})
}

func (n *Node) storeLooks(ctx context.Context, peer string, record []byte) error {
	n.bridging.Lock()
	defer n.bridging.Unlock()
	if !n.withDoors()[peer] {
		return nil // forgotten in the meantime
	}
	all, err := n.storedLooks()
	if err != nil {
		return err
	}
	if _, known := all[peer]; !known && len(all) >= maxLooks {
		return nil // until a restart it is known
	}
	return n.setState(ctx, prefixLooks+peer, record)
}

// withDoors returns the peers to whom a link that is here has a way through a bridge.
func (n *Node) withDoors() map[string]bool {
	out := map[string]bool{}
	for _, b := range n.Bridges() {
		out[b.ID] = true
	}
	for _, t := range n.Topics() {
		t.mu.RLock()
		for _, c := range t.row.Contacts {
			if id, err := reach.PeerID(c.ID); err == nil && len(reach.Contact(c).Doors().Addrs) > 0 {
				out[id] = true
			}
		}
		t.mu.RUnlock()
	}
	return out
}

// pruneLooks forgets those of bridges to which no link leads any more.
func (n *Node) pruneLooks(ctx context.Context) error {
	n.bridging.Lock()
	defer n.bridging.Unlock()
	all, err := n.storedLooks()
	if err != nil {
		return err
	}
	used := n.withDoors()
	for peer := range all {
		if used[peer] {
			continue
		}
		if err := n.setState(ctx, prefixLooks+peer, nil); err != nil {
			return fmt.Errorf("node: forget how to look at a bridge: %w", err)
		}
	}
	return nil
}

// pruneLooksSoon does that once whoever holds a lock has let go of it.
func (n *Node) pruneLooksSoon() {
	n.aside(func() {
		if err := n.pruneLooks(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Warn("node: looks", "err", err)
		}
	})
}
