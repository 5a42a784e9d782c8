package pubsub

import (
	"net"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// meshParams make few copies: the first hop of an own message goes to every
// connected follower (flood publish), so that the mesh serves those beyond, and
// needs a small degree. What falls through is for the repair of histories.
//
// Measured on 30 nodes with 6 connections each: degree 2 with room for 4 brings
// 99 of 100 within 270 ms, and all within 1.2 s. With room for 3, or content with
// 1, the mesh falls apart, and one in a hundred waits a second for IHAVE. The
// library refuses degree 1.
func meshParams(degree int) gossip.GossipSubParams {
	m := gossip.DefaultGossipSubParams()
	m.D, m.Dlo, m.Dhi, m.Dscore = degree, degree, degree+2, degree
	m.Dout = max(0, (degree-1)/2)                   // the library wants it below D/2
	m.Dlazy, m.GossipFactor = 2, 0.1                // each id is told to few, and seldom: in a busy topic that is most of what is sent besides messages
	m.HeartbeatInitialDelay = 50 * time.Millisecond // an early first mesh: who just came has something to say
	m.HistoryLength, m.HistoryGossip = 10, 2        // heartbeats, of a second each
	m.MaxIDontWantLength = maxNoted
	m.MaxIDontWantMessages = queueSize // RPCs of one peer within a heartbeat whose senders inspect notes
	m.IDontWantMessageTTL = 2          // heartbeats
	return m
}

// scoring counts against a peer what it provably did: invalid messages and
// broken promises. What a peer did not deliver (P3, P3b) stays without weight:
// set naively it punishes honest peers and loses messages with no attacker at all.
func scoring() (*gossip.PeerScoreParams, *gossip.PeerScoreThresholds) {
	return &gossip.PeerScoreParams{
			Topics:                      map[string]*gossip.TopicScoreParams{},
			TopicScoreCap:               100,
			AppSpecificScore:            func(peer.ID) float64 { return 0 },
			IPColocationFactorWeight:    -5,
			IPColocationFactorThreshold: 32, // a school or a village behind one NAT
			IPColocationFactorWhitelist: localNetworks(),
			BehaviourPenaltyWeight:      -10,
			BehaviourPenaltyThreshold:   6,
			BehaviourPenaltyDecay:       gossip.ScoreParameterDecay(10 * time.Minute),
			DecayInterval:               time.Second,
			DecayToZero:                 0.01,
			RetainScore:                 10 * time.Minute,
			SeenMsgTTL:                  seenFor,
		}, &gossip.PeerScoreThresholds{
			GossipThreshold: -500, PublishThreshold: -1000, GraylistThreshold: -2500,
			AcceptPXThreshold: 100, OpportunisticGraftThreshold: 1,
		}
}

// topicScoring: the sixth invalid message within a minute has a peer ignored
// (-100 · 6² < GraylistThreshold), one in a minute does not.
func topicScoring() *gossip.TopicScoreParams {
	return &gossip.TopicScoreParams{
		TopicWeight:                    1,
		TimeInMeshQuantum:              time.Second,
		FirstMessageDeliveriesWeight:   1,
		FirstMessageDeliveriesDecay:    gossip.ScoreParameterDecay(10 * time.Minute),
		FirstMessageDeliveriesCap:      50,
		InvalidMessageDeliveriesWeight: -100,
		InvalidMessageDeliveriesDecay:  gossip.ScoreParameterDecay(10 * time.Minute),
		SkipAtomicValidation:           true,
	}
}

// localNetworks are the addresses that many peers share without meaning harm.
func localNetworks() (out []*net.IPNet) {
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fe80::/10", "fc00::/7"} {
		if _, n, err := net.ParseCIDR(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}
