package reach

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// When each way starts, after the first, where nothing is known of the network. The
// bars are those of a cold start: 2 s on an open network, 5 s without UDP, 10 s
// where only web traffic passes, 20 s where that freezes too.
var starts = map[WayName]time.Duration{
	WayLAN: 0, WayQUIC: 0, WayTCP: 250 * time.Millisecond, WayPunch: 0, WayRelay: 600 * time.Millisecond,
	WayVeil: time.Second, WayDrip: 2500 * time.Millisecond, WayPT: 3500 * time.Millisecond, WayTor: 4500 * time.Millisecond,
}

// spread is between two addresses by one way.
var spread = map[WayName]time.Duration{
	WayLAN: 30 * time.Millisecond, WayVeil: 700 * time.Millisecond, WayDrip: 1200 * time.Millisecond, WayTor: time.Second,
}

const (
	nearQUICDelay = 50 * time.Millisecond // on the local network, where TCP costs less
	usualSpread   = 250 * time.Millisecond
	// libp2p dials 8 addresses of a peer at once. Straight ones that hang must leave
	// room for a bridge, until they time out.
	earlyStraight = 5
	lateStraight  = 5 * time.Second

	stallLasts  = 10 * time.Minute // for which a stall counts against a way to the same peer
	stallDelay  = 6 * time.Second
	deadDelay   = 3 * time.Second // of the very place
	recentBad   = time.Hour       // for which a failure weighs on this network
	failedDelay = 2 * time.Second
	goodLasts   = 7 * 24 * time.Hour

	maxOwners   = 8192
	maxTryPeers = 512
	maxTries    = 24 // of one peer
	triesCount  = time.Minute
)

// ladder decides which way is tried when, and keeps what came of it. It is libp2p's
// dial ranker and hears of every dial, line and stall.
type ladder struct {
	settings Settings
	programs int // for pluggable transports
	paths    *paths
	secret   []byte // for names of networks
	remember func([]byte)
	probe    func(trial) // sees a dial through that was given up; nil: none is
	changed  func()      // called without the lock when the outlook may have changed

	world bool // for tests: loopback is the world, not the local network

	mu      sync.Mutex
	memory  *memory
	name    string // of the present network
	subnets []netip.Prefix
	owners  map[string]peer.ID                // whose an address is; libp2p does not tell its ranker
	climbs  map[peer.ID]int                   // for a dial that looks for something better: ways before this place in wayOrder
	tries   map[peer.ID][]trial               // that have ended since the peer was last reached
	reached map[peer.ID]reached               // lately
	stalls  map[peer.ID]map[WayName]time.Time // ways whose line to a peer went dead
	dead    map[string]time.Time              // addresses whose line went dead
	lately  map[WayName]*lately
	probed  time.Time // on this network
}

// reached is how a peer was reached last.
type reached struct {
	way  WayName
	took time.Duration
	when time.Time
}

func newLadder(cfg Config) *ladder {
	l := &ladder{
		settings: cfg.Settings, paths: newPaths(), secret: cfg.Key, remember: cfg.Remember, changed: func() {},
		owners: map[string]peer.ID{}, climbs: map[peer.ID]int{}, tries: map[peer.ID][]trial{}, reached: map[peer.ID]reached{},
		stalls: map[peer.ID]map[WayName]time.Time{}, lately: map[WayName]*lately{}, dead: map[string]time.Time{},
	}
	m, err := decodeMemory(cfg.Memory)
	if err != nil && cfg.Logger != nil {
		cfg.Logger.Warn("reach: begins without a memory of networks", "err", err)
	}
	l.memory = m
	return l
}

// wayOf tells by which way an address leads.
func (l *ladder) wayOf(a ma.Multiaddr) WayName {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wayOfLocked(a)
}

func (l *ladder) wayOfLocked(a ma.Multiaddr) WayName {
	if way, _, ok := splitInside(a); ok {
		return insideWays[way]
	}
	if isCircuit(a) {
		return WayRelay
	}
	ip, err := manet.ToIP(a)
	if err != nil || l.settings.Mode == ModeTor {
		return WayTor
	}
	if addr, ok := netip.AddrFromSlice(ip); ok && l.isLANLocked(addr.Unmap()) {
		return WayLAN
	}
	if _, err := a.ValueForProtocol(ma.P_UDP); err == nil {
		return WayQUIC
	}
	return WayTCP
}

// isLANLocked reports whether an address is on a network of this computer's own.
func (l *ladder) isLANLocked(a netip.Addr) bool {
	if a.IsLoopback() || a.IsLinkLocalUnicast() {
		return !l.world
	}
	return a.IsPrivate() && slices.ContainsFunc(l.subnets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// own notes whose an address is before it is ranked, and reports whether it is to
// be dialled at all.
func (l *ladder) own(p peer.ID, a ma.Multiaddr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.owners) >= maxOwners {
		clear(l.owners)
	}
	l.owners[string(a.Bytes())] = p
	before, climbing := l.climbs[p]
	return !climbing || slices.Index(wayOrder, l.wayOfLocked(a)) < before && !l.stalledLocked(p, l.wayOfLocked(a))
}

// rank is libp2p's DialRanker.
func (l *ladder) rank(addrs []ma.Multiaddr) []network.AddrDelay {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	byWay := map[WayName][]ma.Multiaddr{}
	for _, a := range addrs {
		w := l.wayOfLocked(a)
		byWay[w] = append(byWay[w], a)
	}
	inside := len(byWay[WayVeil])+len(byWay[WayDrip])+len(byWay[WayPT])+len(byWay[WayTor]) > 0
	var out []network.AddrDelay
	straight := 0
	for _, w := range wayOrder {
		addrs := alternate(byWay[w])
		dead := func(a ma.Multiaddr) bool { return now.Sub(l.dead[l.paths.ground(a)]) < stallLasts }
		slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int { return boolInt(dead(a)) - boolInt(dead(b)) })
		for i, a := range addrs {
			d := l.startLocked(w, l.owners[string(a.Bytes())], now) + l.spreadOf(w, i, a)
			if dead(a) && !isInside(a) { // by another roundabout way the same place may be fine
				d += deadDelay
			}
			if w == WayQUIC || w == WayTCP || w == WayLAN {
				if straight++; inside && straight > earlyStraight {
					d = max(d, lateStraight)
				}
			}
			out = append(out, network.AddrDelay{Addr: a, Delay: d})
		}
	}
	return fromZero(out)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *ladder) spreadOf(w WayName, i int, a ma.Multiaddr) time.Duration {
	step, ok := spread[w]
	if !ok {
		step = usualSpread
	}
	d := time.Duration(i) * step
	if _, err := a.ValueForProtocol(ma.P_UDP); err == nil && w == WayLAN {
		d = nearQUICDelay // beside the TCP ones, not behind all of them
	}
	return d
}

// startLocked returns when a way to a peer starts, with what is known of it here.
func (l *ladder) startLocked(w WayName, p peer.ID, now time.Time) time.Duration {
	d := starts[w]
	if l.settings.Mode == ModeTor || l.settings.Mode == ModeCovert {
		d = max(0, d-starts[WayVeil])
	}
	k := l.memory.at(l.name).way(w)
	bad := k.badSince()
	switch {
	case l.stalledLocked(p, w):
		return d + stallDelay
	case w == WayDrip && l.anyStallLocked(p):
		return 0 // what lasts long goes dead here; this does not last long
	case !bad.IsZero() && now.Sub(bad) < recentBad:
		return d + failedDelay
	case k.isGood() && now.Sub(k.worked) < goodLasts && l.earlierBadLocked(w, now):
		return d / 4
	}
	return d
}

// earlierBadLocked reports whether ways before w lately failed on this network.
func (l *ladder) earlierBadLocked(w WayName, now time.Time) bool {
	n := l.memory.at(l.name)
	for _, other := range wayOrder[:slices.Index(wayOrder, w)] {
		if k := n.ways[other]; k != nil && !k.badSince().IsZero() && now.Sub(k.badSince()) < goodLasts {
			return true
		}
	}
	return false
}

func (l *ladder) stalledLocked(p peer.ID, w WayName) bool {
	return time.Since(l.stalls[p][w]) < stallLasts
}

func (l *ladder) anyStallLocked(p peer.ID) bool {
	for _, t := range l.stalls[p] {
		if time.Since(t) < stallLasts {
			return true
		}
	}
	return false
}

// alternate puts IPv6 and IPv4 in turns, so that a family that leads nowhere does
// not hold up the other.
func alternate(addrs []ma.Multiaddr) []ma.Multiaddr {
	var four, six, out []ma.Multiaddr
	for _, a := range addrs {
		if len(a) > 0 && a[0].Code() == ma.P_IP6 {
			six = append(six, a)
		} else {
			four = append(four, a)
		}
	}
	for i := range max(len(four), len(six)) {
		if i < len(six) {
			out = append(out, six[i])
		}
		if i < len(four) {
			out = append(out, four[i])
		}
	}
	return out
}

// fromZero moves all delays so that the first is none.
func fromZero(in []network.AddrDelay) []network.AddrDelay {
	if len(in) == 0 {
		return in
	}
	least := slices.MinFunc(in, func(a, b network.AddrDelay) int { return int(a.Delay - b.Delay) }).Delay
	for i := range in {
		in[i].Delay -= least
	}
	return in
}
