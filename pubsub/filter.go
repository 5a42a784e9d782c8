package pubsub

import (
	"sync"

	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// filter bounds what peers can have us remember of the topics they follow: over
// all RPCs of a peer, where the library's own filter looks at each by itself.
//
// Topics that we have not joined are remembered too, because a peer announces
// each only once, and we may join later. They are bounded over all peers: when
// maxTold is reached, a peer can have us remember fewTold of its topics, no more.
type filter struct {
	max  int // topics for each peer
	host interface {
		Connectedness(peer.ID) network.Connectedness
	}

	mu    sync.Mutex
	told  map[peer.ID]map[string]struct{}
	total int // of all peers
}

const (
	maxTold = 1 << 16 // about 30 MB
	fewTold = 256
)

func newFilter(cfg Config) *filter {
	return &filter{max: cfg.MaxTopicsPerPeer, host: cfg.Host.Network(), told: map[peer.ID]map[string]struct{}{}}
}

// CanSubscribe implements gossip.SubscriptionFilter.
func (f *filter) CanSubscribe(topic string) bool { return topic != "" && len(topic) <= maxTopicName }

// FilterIncomingSubscriptions implements gossip.SubscriptionFilter. What is over
// the limit is passed over; it is not an error, because that would drop the
// messages that came with it.
func (f *filter) FilterIncomingSubscriptions(from peer.ID, subs []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.host.Connectedness(from) != network.Connected {
		return nil, nil // this came before the peer was gone, and forget was called
	}
	told := f.told[from]
	if told == nil {
		told = map[string]struct{}{}
		f.told[from] = told
	}
	kept := subs[:0]
	for _, s := range subs {
		if f.noteLocked(told, s.GetTopicid(), s.GetSubscribe()) {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// noteLocked reports whether the library may hear that a peer begins or ceases to follow a topic.
func (f *filter) noteLocked(told map[string]struct{}, topic string, subscribe bool) bool {
	_, known := told[topic]
	switch {
	case !f.CanSubscribe(topic):
		return false
	case !subscribe:
		if known {
			delete(told, topic)
			f.total--
		}
		return known
	case known:
		return true
	case len(told) >= f.max || f.total >= maxTold && len(told) >= fewTold:
		return false
	}
	told[topic] = struct{}{}
	f.total++
	return true
}

// forget drops what a peer that is gone has told.
func (f *filter) forget(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total -= len(f.told[p])
	delete(f.told, p)
}
