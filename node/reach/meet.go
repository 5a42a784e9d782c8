package reach

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/routing"
	ma "github.com/multiformats/go-multiaddr"
)

// Place is a meeting place. Whoever knows its secret finds whoever else is there;
// its key changes daily and tells nothing to who does not know the secret
// (PROTOCOL.md, Meeting places).
type Place struct {
	Secret [32]byte
	Alone  bool // nobody of it is connected: look for others, not only say where this node is
	Few    bool // not many are: look for others among Linnet nodes
}

// How often a node goes to meeting places, and how much it takes from there.
const (
	maxPlaces  = 64               // that are gone to in one round
	maxFound   = 12               // that are taken from one place in one round: anybody can write there
	lookFirst  = 10 * time.Second // pause after the first look that found nobody; doubled
	lookLast   = 15 * time.Minute
	tellAgain  = time.Hour        // between two notes that this node is there
	meetSaver  = 4                // all pauses are so many times longer where the line is costly
	meetTick   = 2 * time.Second  // between two looks at what is due
	meetWait   = 20 * time.Second // for one place
	nightHours = 2 * time.Hour    // around midnight both days' keys hold
)

// meetKey is the name of a place on one day.
func meetKey(secret [32]byte, day int64) string {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte("linnet/meet/1"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(day)))
	return "/linnet/meet/1/" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// meetDays are the days whose keys hold at a time: clocks differ.
func meetDays(now time.Time) []int64 {
	const day = 24 * 60 * 60
	return slices.Compact([]int64{now.Add(-nightHours).Unix() / day, now.Add(nightHours).Unix() / day})
}

// Meet goes to meeting places until Close: those among Linnet nodes, and the public
// one of IPFS unless the settings are against it. It does nothing in modes in which
// that would show this node. places is asked each time; found is called with whoever
// says that they are there, which may be a lie. Neither may block. It is called once.
func (h *Host) Meet(places func() []Place, found func(secret [32]byte, c Contact)) {
	if h.settings.Mode != ModeOpen || h.around == nil {
		return
	}
	m := &meeting{host: h, places: places, found: found, asked: map[[32]byte]*visits{}}
	m.public.start = h.bootstrapIPFS
	h.wg.Go(m.run)
}

// meeting goes to places.
type meeting struct {
	host   *Host
	places func() []Place
	found  func([32]byte, Contact)
	own    own
	public public
	asked  map[[32]byte]*visits
}

// visits is what was done about one place among Linnet nodes.
type visits struct {
	look  time.Time // when to look next
	pause time.Duration
	tell  time.Time // when to say next that this node is there
	size  int       // nodes that were known when it was last said
	seen  time.Time
}

// run works until the host closes.
func (m *meeting) run() {
	defer m.own.close()
	tick := time.NewTicker(meetTick)
	defer tick.Stop()
	for {
		select {
		case <-m.host.ctx.Done():
			return
		case <-tick.C:
		}
		places := m.places()
		places = places[:min(len(places), maxPlaces)]
		if m.own.ready(m.host) {
			for _, p := range places {
				m.visit(p)
			}
		}
		m.forget()
		if !m.host.settings.NoDHT && m.host.leavesLoopback() {
			m.public.round(m, places)
		}
	}
}

// forget drops what is known of places that are not gone to any more.
func (m *meeting) forget() {
	for s, v := range m.asked {
		if time.Since(v.seen) > tellAgain {
			delete(m.asked, s)
		}
	}
}

// times makes a pause longer where the line is costly.
func (m *meeting) times(d time.Duration) time.Duration {
	if m.host.settings.DataSaver {
		d *= meetSaver
	}
	return jitter(d)
}

// visit does what is due at one place among Linnet nodes.
func (m *meeting) visit(p Place) {
	now := time.Now()
	v := m.asked[p.Secret]
	if v == nil {
		v = &visits{pause: lookFirst / 2}
		m.asked[p.Secret] = v
	}
	v.seen = now
	size := m.own.size()
	if now.After(v.tell) || size > 2*v.size { // much of what is known by now was not told
		if m.tell(m.own.talk, p.Secret) {
			v.tell = now.Add(m.times(tellAgain))
		} else {
			v.tell = now.Add(m.times(lookFirst))
		}
		v.size = size
	}
	switch {
	case !p.Alone && !p.Few:
		v.look, v.pause = time.Time{}, lookFirst/2
	case now.After(v.look):
		m.look(m.own.talk, p.Secret)
		v.pause = min(2*v.pause, lookLast)
		v.look = time.Now().Add(m.times(v.pause))
	}
}

// tell says at a place that this node is there, if there is an address to say.
func (m *meeting) tell(where *routing.RoutingDiscovery, secret [32]byte) bool {
	if len(m.host.meetAddrs(m.host.host.Addrs())) == 0 {
		return false
	}
	ok := true
	for _, day := range meetDays(time.Now()) {
		ctx, cancel := context.WithTimeout(m.host.ctx, meetWait)
		_, err := where.Advertise(ctx, meetKey(secret, day))
		cancel()
		if err != nil {
			m.host.log.Debug("reach: say at a meeting place", "err", err)
			ok = false
		}
	}
	return ok
}

// look asks who is at a place.
func (m *meeting) look(where *routing.RoutingDiscovery, secret [32]byte) {
	for _, day := range meetDays(time.Now()) {
		ctx, cancel := context.WithTimeout(m.host.ctx, meetWait)
		peers, err := where.FindPeers(ctx, meetKey(secret, day), discovery.Limit(maxFound))
		if err != nil {
			cancel()
			m.host.log.Debug("reach: look at a meeting place", "err", err)
			return
		}
		for info := range peers {
			m.meet(secret, info)
		}
		cancel()
	}
}

func (m *meeting) meet(secret [32]byte, info peer.AddrInfo) {
	if info.ID == m.host.host.ID() {
		return
	}
	info.Addrs = slices.DeleteFunc(slices.Clone(info.Addrs), func(a ma.Multiaddr) bool { return !dialable(a) || isInside(a) })
	if c := contactOf(info); len(c.Addrs) > 0 {
		m.found(secret, c)
	}
}

// meetAddrs are those among a node's addresses that are told and taken at meeting
// places: such as lead to it from elsewhere. A node that was told to be reachable, and
// has no such address, is on a network of its own: there every address counts.
func (h *Host) meetAddrs(addrs []ma.Multiaddr) []ma.Multiaddr {
	all := slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool {
		return !(isPlain(a) || isDialableCircuit(a)) || !dialable(a) || !isTellable(a)
	})
	out := slices.DeleteFunc(slices.Clone(all), func(a ma.Multiaddr) bool { return !isPublic(a) })
	if len(out) == 0 && h.told {
		out = all
	}
	return out[:min(len(out), maxAddrs)]
}
