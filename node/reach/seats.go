package reach

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
)

// Places with volunteers, for a node that others cannot reach by themselves.
const (
	wantedSeats    = 2
	maxSeats       = 4 // with those that limit what they relay, which count only while there is nothing better
	seatAddrs      = 3 // addresses of one volunteer that are told
	reserveTimeout = 10 * time.Second
	renewBefore    = 5 * time.Minute
	firstReserve   = time.Second // pause after the first refusal: a volunteer that was just met may not know yet what this node follows
	lastReserve    = 10 * time.Minute
	seatTag        = "reach/seat"
)

// seats keeps this node's places with volunteers. Only around.run calls it.
type seats struct {
	host  *Host
	emit  event.Emitter // of the circuit addresses; libp2p tells them where nothing better is known
	held  map[peer.ID]seat
	tried map[peer.ID]retry
	told  []ma.Multiaddr
	busy  bool // one is being asked
	done  chan reserved
}

// seat is a place with one volunteer.
type seat struct {
	renew   time.Time
	limited bool
}

// retry is when to ask a volunteer again that has refused.
type retry struct {
	due   time.Time
	pause time.Duration
}

type reserved struct {
	peer  peer.ID
	place *circuit.Reservation
	err   error
}

func newSeats(h *Host) *seats {
	s := &seats{host: h, held: map[peer.ID]seat{}, tried: map[peer.ID]retry{}, done: make(chan reserved, 1)}
	emit, err := h.host.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated), eventbus.Stateful)
	if err != nil {
		h.log.Warn("reach: circuit addresses are not told", "err", err)
		return s
	}
	s.emit = emit
	return s
}

func (s *seats) close() {
	if s.emit != nil {
		_ = s.emit.Close()
	}
}

// tend takes, renews and gives up places, and returns how long until the next
// thing is due by itself.
func (s *seats) tend() time.Duration {
	if s.host.Public() {
		for p := range s.held {
			s.leave(p)
		}
		s.tell()
		return time.Hour
	}
	for p := range s.held {
		if s.host.straightTo(p) == nil {
			s.leave(p)
		}
	}
	s.tell()
	if s.busy {
		return time.Hour // its end wakes
	}
	return s.ask()
}

// took hears what came of asking.
func (s *seats) took(r reserved) {
	s.busy = false
	if r.err != nil {
		s.leave(r.peer)
		t := s.tried[r.peer]
		t.pause = min(max(2*t.pause, firstReserve), lastReserve)
		t.due = time.Now().Add(jitter(t.pause))
		s.tried[r.peer] = t
		s.host.log.Debug("reach: no place", "volunteer", r.peer, "err", r.err)
		return
	}
	delete(s.tried, r.peer)
	s.held[r.peer] = seat{
		renew:   r.place.Expiration.Add(-renewBefore),
		limited: r.place.LimitData > 0 || r.place.LimitDuration > 0,
	}
	s.host.host.ConnManager().Protect(r.peer, seatTag)
}

func (s *seats) leave(p peer.ID) {
	if _, ok := s.held[p]; ok {
		delete(s.held, p)
		s.host.host.ConnManager().Unprotect(p, seatTag)
	}
}

// ask asks one volunteer for a place where that is due.
func (s *seats) ask() time.Duration {
	now, next := time.Now(), time.Hour
	good := 0
	for p, seat := range s.held {
		if !seat.renew.After(now) {
			s.reserve(p)
			return time.Hour
		}
		next = min(next, seat.renew.Sub(now))
		if !seat.limited {
			good++
		}
	}
	if good >= wantedSeats || len(s.held) >= maxSeats {
		return next
	}
	candidates := s.candidates()
	for p := range s.tried {
		if !slices.Contains(candidates, p) {
			delete(s.tried, p) // it has gone; when it comes back it is asked at once
		}
	}
	rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
	for _, p := range candidates {
		if wait := s.tried[p].due.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		s.reserve(p)
		return time.Hour
	}
	return next
}

// candidates are the connected peers that relay, to whom this node found the way
// by itself: so will others.
func (s *seats) candidates() []peer.ID {
	var out []peer.ID
	for _, p := range s.host.host.Network().Peers() {
		if _, held := s.held[p]; held {
			continue
		}
		if !slices.ContainsFunc(s.host.host.Network().ConnsToPeer(p), isOwnStraight) || s.host.peerSpeaks(p, ipfsProtocol) {
			continue
		}
		if speaks, err := s.host.host.Peerstore().SupportsProtocols(p, proto.ProtoIDv2Hop); err == nil && len(speaks) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func (s *seats) reserve(p peer.ID) {
	s.busy = true
	s.host.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.host.ctx, reserveTimeout)
		defer cancel()
		place, err := circuit.Reserve(network.WithNoDial(ctx, "reserve"), s.host.host, peer.AddrInfo{ID: p})
		s.done <- reserved{p, place, err} // there is room: one at a time
	})
}

// tell announces the addresses of the places, if they have changed.
func (s *seats) tell() {
	var all []ma.Multiaddr
	for p := range s.held {
		all = append(all, s.host.circuitsThrough(p)...)
	}
	slices.SortFunc(all, ma.Multiaddr.Compare)
	if s.emit == nil || slices.EqualFunc(all, s.told, ma.Multiaddr.Equal) {
		return
	}
	s.told = all
	if err := s.emit.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: slices.Clone(all)}); err != nil {
		s.host.log.Warn("reach: circuit addresses are not told", "err", err)
	}
}

// circuitsThrough returns the addresses of this node by way of a volunteer: first
// the address at which it was reached, then what it says of itself.
func (h *Host) circuitsThrough(volunteer peer.ID) []ma.Multiaddr {
	id, err := ma.NewComponent("p2p", volunteer.String())
	if err != nil {
		return nil
	}
	var addrs []ma.Multiaddr
	for _, c := range h.host.Network().ConnsToPeer(volunteer) {
		if isOwnStraight(c) {
			addrs = append(addrs, c.RemoteMultiaddr())
		}
	}
	known := h.host.Peerstore().Addrs(volunteer)
	slices.SortFunc(known, ma.Multiaddr.Compare) // the same each time
	addrs = append(addrs, known...)
	if slices.ContainsFunc(addrs, isPublic) {
		addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return !isPublic(a) })
	}
	var out []ma.Multiaddr
	for _, a := range addrs {
		c := a.AppendComponent(id, circuitComponent())
		if isPlain(a) && len(out) < seatAddrs && !slices.ContainsFunc(out, c.Equal) {
			out = append(out, c)
		}
	}
	return out
}

func circuitComponent() *ma.Component {
	c, err := ma.NewComponent("p2p-circuit", "")
	if err != nil {
		panic(err) // the protocol is multiaddr's own
	}
	return c
}
