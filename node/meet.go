package node

import "slices"

// mayRelay reports whether a peer is one whom this node helps to be reached: it
// follows a topic that is kept here. That includes direct topics: contacts.
func (n *Node) mayRelay(peer string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, t := range n.topics {
		if slices.Contains(t.gossip.Peers(), peer) {
			return true
		}
	}
	return false
}
