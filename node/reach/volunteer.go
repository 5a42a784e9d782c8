package reach

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// Quotas of a volunteer. A relayed connection has no end and no limit of its own:
// a limited one would carry no gossip. Who sends more than its share is slowed down.
const (
	maxReservations = 256
	maxReservedIP   = 32 // by nodes behind one address, such as a school's
	maxCircuits     = 32 // of one peer
	reservationTTL  = time.Hour

	shareRate    = 1 << 20 // bytes a second of one friend
	shareBurst   = 16 << 20
	strangeRate  = 64 << 10 // of somebody who is none, and dials a friend
	strangeBurst = 1 << 20
	wholeRate    = 8 << 20 // of all together
	wholeBurst   = 32 << 20
	strangers    = 32 // circuits of them a minute
	maxShares    = 1024
)

// volunteer relays for others while others can reach this node.
type volunteer struct {
	may   func(peer string) bool // is it a friend, whom this node helps; nil: nobody is
	saver bool                   // the line is costly
	relay *circuit.Relay
}

// update begins or ceases to relay.
func (v *volunteer) update(a *around) {
	wanted := v.may != nil && !v.saver && !a.covert && a.host.Public()
	switch {
	case wanted && v.relay == nil:
		quota := newQuota(a.host.ctx, a.host.host, v.may)
		r, err := circuit.New(quota, circuit.WithACL(quota), circuit.WithResources(circuit.Resources{
			ReservationTTL: reservationTTL, MaxReservations: maxReservations, MaxCircuits: maxCircuits, BufferSize: 16 << 10,
			MaxReservationsPerPeer: 1, MaxReservationsPerIP: maxReservedIP, MaxReservationsPerASN: maxReservations,
		}))
		if err != nil {
			a.host.log.Warn("reach: cannot relay", "err", err)
			return
		}
		v.relay = r
		a.host.log.Info("reach: others can reach this node, it relays for friends")
	case !wanted && v.relay != nil:
		v.close()
	}
}

func (v *volunteer) close() {
	if v.relay != nil {
		_ = v.relay.Close() // always nil
		v.relay = nil
	}
}

// quota is the host as the relay sees it: what comes through its streams is counted,
// and it says who may do what.
type quota struct {
	host.Host
	ctx context.Context
	may func(string) bool

	mu     sync.Mutex
	shares map[peer.ID]*share
	whole  bucket
	knocks bucket // of strangers
}

func newQuota(ctx context.Context, h host.Host, may func(string) bool) *quota {
	return &quota{
		Host: h, ctx: ctx, may: may,
		shares: map[peer.ID]*share{},
		whole:  bucket{rate: wholeRate, burst: wholeBurst},
		knocks: bucket{rate: strangers / 60.0, burst: strangers},
	}
}

// AllowReserve implements circuit.ACLFilter: a place is for friends.
func (q *quota) AllowReserve(p peer.ID, _ ma.Multiaddr) bool { return q.may(p.String()) }

// AllowConnect implements circuit.ACLFilter. Only a friend has a place to be
// connected to, and took it in order to be reached: also, a little, by somebody
// who has nothing but a link.
func (q *quota) AllowConnect(src peer.ID, _ ma.Multiaddr, _ peer.ID) bool {
	if q.may(src.String()) {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.knocks.wait(1) > 0 {
		return false
	}
	q.knocks.take(1)
	return true
}

// SetStreamHandler has the relay's incoming streams counted.
func (q *quota) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	q.Host.SetStreamHandler(id, func(s network.Stream) { f(counted{s, q}) })
}

// NewStream has its outgoing ones counted.
func (q *quota) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	s, err := q.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return counted{s, q}, nil
}

// counted is a stream whose sender is slowed down to its share.
type counted struct {
	network.Stream
	quota *quota
}

// Read implements io.Reader.
func (c counted) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	if n > 0 {
		c.quota.spend(c.Stream.Conn().RemotePeer(), n)
	}
	return n, err
}

// share is what one peer may send.
type share struct {
	bucket
	asked time.Time // when it was last found out whether it is a friend
}

// spend takes n bytes out of a peer's share, and waits where that is used up.
func (q *quota) spend(p peer.ID, n int) {
	q.mu.Lock()
	s := q.shares[p]
	stale := s == nil || time.Since(s.asked) > time.Minute
	q.mu.Unlock()
	friend := stale && q.may(p.String())
	q.mu.Lock()
	if s = q.shares[p]; s == nil {
		if len(q.shares) >= maxShares {
			clear(q.shares) // each begins anew with what a newcomer has
		}
		s = &share{}
		q.shares[p] = s
	}
	if stale {
		s.asked, s.rate, s.burst = time.Now(), strangeRate, strangeBurst
		if friend {
			s.rate, s.burst = shareRate, shareBurst
		}
	}
	s.take(n)
	q.whole.take(n)
	wait := max(s.wait(0), q.whole.wait(0))
	q.mu.Unlock()
	if wait == 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.ctx.Done():
	}
}

// bucket holds what may be spent. It fills by rate a second up to burst; it starts
// full, and may be overdrawn.
type bucket struct {
	rate, burst float64
	spent       float64
	at          time.Time
}

// take spends n.
func (b *bucket) take(n int) {
	b.spent, b.at = b.now()+float64(n), time.Now()
}

// wait returns how long until n more may be spent.
func (b *bucket) wait(n int) time.Duration {
	over := b.now() + float64(n) - b.burst
	if over <= 0 {
		return 0
	}
	return time.Duration(over / b.rate * float64(time.Second))
}

// now returns how much of what was spent has not been filled up again.
func (b *bucket) now() float64 { return max(0, b.spent-b.rate*time.Since(b.at).Seconds()) }
