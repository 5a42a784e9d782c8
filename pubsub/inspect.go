package pubsub

import (
	gossip "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxNoted is MaxIDontWantLength of the library: ids beyond are not noted.
const maxNoted = 10

// inspect sees each RPC before the library does, within its loop.
//
// An RPC with more small messages than any honest one would push those of
// others out of the intake: the rest is cut off. Of a peer that sent too much
// that is invalid, no message is taken.
//
// Who sends a message does not want it back. The library knows this of the peer
// that sent it first only; for the others it is put in its words, as if they had
// said IDONTWANT. Copies that come while the handler works then save one each
// (a fifth of all where handlers wait for a disk), and nothing goes over the wire.
func (p *PubSub) inspect(from peer.ID, rpc *gossip.RPC) error {
	if p.blame.out(from) {
		p.trace.count.throttled.Add(uint64(len(rpc.GetPublish())))
		rpc.Publish = nil
	}
	if over := len(rpc.GetPublish()) - maxBatch; over > 0 {
		rpc.Publish = rpc.Publish[:maxBatch]
		p.trace.count.throttled.Add(uint64(over))
	}
	if n := len(rpc.GetPublish()); n == 0 || n > maxNoted {
		return nil
	}
	has := &pb.ControlIDontWant{}
	for _, m := range rpc.GetPublish() {
		has.MessageIDs = append(has.MessageIDs, p.cfg.MessageID(m.GetData()))
	}
	if rpc.Control == nil {
		rpc.Control = &pb.ControlMessage{}
	}
	rpc.Control.Idontwant = append([]*pb.ControlIDontWant{has}, rpc.Control.Idontwant...)
	return nil
}
