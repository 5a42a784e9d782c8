package node

import (
	"context"

	"github.com/linnet-im/linnet/node/letter"
)

// GossipName is for tests that speak on the mesh themselves.
func GossipName(id TopicID) string { return gossipName(id) }

// TakeTexts is how a letter with texts is taken in.
func (n *Node) TakeTexts(ctx context.Context, id TopicID, x *letter.Texts) error {
	return n.takeTexts(ctx, id, x)
}
