package node

// GossipName is for tests that speak on the mesh themselves.
func GossipName(id TopicID) string { return gossipName(id) }
