package pubsub

import "sync/atomic"

// Stats counts messages since the start. A copy is one message to or from one peer.
type Stats struct {
	Published  uint64 // own messages
	Sent       uint64 // copies written to the transports of peers: own, passed on, repaired
	Dropped    uint64 // copies not sent, because too many waited for the peer
	Received   uint64 // copies that came
	Duplicates uint64 // of these, further copies of messages
	Throttled  uint64 // of these, not looked at because too many waited
	Delivered  uint64 // messages of others that were accepted
	Rejected   uint64
	Ignored    uint64
}

type counters struct {
	published, sent, dropped, received, duplicates, throttled, delivered, rejected, ignored atomic.Uint64
}

// Stats returns the counters.
func (p *PubSub) Stats() Stats {
	c := &p.trace.count
	return Stats{
		Published: c.published.Load(), Sent: c.sent.Load(), Dropped: c.dropped.Load(),
		Received: c.received.Load(), Duplicates: c.duplicates.Load(), Throttled: c.throttled.Load(),
		Delivered: c.delivered.Load(), Rejected: c.rejected.Load(), Ignored: c.ignored.Load(),
	}
}
