package node

import "slices"

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
