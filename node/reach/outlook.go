package reach

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node/reach/front"
)

// lately is what is known of a way since this network was entered.
type lately struct {
	state   WayState
	since   time.Time
	why     string
	reasons map[string]map[string]struct{} // why -> addresses, since it last worked
	row     int                            // failed dials since it last worked
	hints   int                            // dials that another way outran by far
}

const (
	softTries  = 3 // failed dials to peers that nobody reached, after which a way counts as failing
	justWorked = 2 * time.Minute
	maxReasons = 32 // addresses of one reason that are counted
	outran     = 3  // as often as the quicker way took
	leastRace  = 200 * time.Millisecond
	fewHints   = 3
	probeEvery = 10 * time.Minute
	stallTells = 10 * time.Second // within which another way must lead to the peer, to show that it was the way's fault
	leastSkew  = 30 * time.Second
)

func (l *ladder) latelyLocked(w WayName) *lately {
	if l.lately[w] == nil {
		l.lately[w] = &lately{state: WayUntried, reasons: map[string]map[string]struct{}{}}
	}
	return l.lately[w]
}

// tell hears of a dial that has ended.
func (l *ladder) tell(t trial) {
	l.mu.Lock()
	w := l.wayOfLocked(t.addr)
	var news bool
	if t.moot && l.unsureLocked(w, t) {
		l.probed = time.Now()
		l.probe(t)
	}
	switch {
	case t.err == nil:
		news = l.reachedLocked(t.peer, w, t.took)
	case t.moot:
		news = l.outranLocked(w, t)
	default:
		news = l.failedLocked(w, t)
	}
	l.mu.Unlock()
	if news {
		l.announce()
	}
}

// reachedLocked: a way led to a peer. What failed on the way there was not the peer's fault.
func (l *ladder) reachedLocked(p peer.ID, w WayName, took time.Duration) bool {
	now := time.Now()
	k := l.memory.at(l.name).way(w)
	k.worked = now
	k.tried, k.succeeded = min(k.tried+1, maxCount), min(k.succeeded+1, maxCount)
	la := l.latelyLocked(w)
	news := la.state != WayWorks
	if news {
		la.state, la.since, la.why = WayWorks, now, ""
	}
	la.row, la.hints = 0, 0
	clear(la.reasons)
	for _, t := range l.tries[p] {
		if other := l.wayOfLocked(t.addr); other != w && now.Sub(t.begun) < triesCount {
			news = l.faultLocked(other, reason(t.err), false) || news
		}
	}
	delete(l.tries, p)
	for other, when := range l.stalls[p] {
		if other != w && now.Sub(when) < stallTells {
			news = l.faultLocked(other, "connections went dead after a while", true) || news
		}
	}
	if len(l.reached) >= maxTryPeers {
		clear(l.reached)
	}
	l.reached[p] = reached{w, took, now}
	return news
}

// faultLocked: a way did not lead to a peer that another led to.
func (l *ladder) faultLocked(w WayName, why string, stall bool) bool {
	if w == WayLAN {
		return false // an address of another network, most often
	}
	now := time.Now()
	k := l.memory.at(l.name).way(w)
	k.tried = min(k.tried+1, maxCount)
	if stall {
		k.stalled = now
	} else {
		k.failed = now
	}
	la := l.latelyLocked(w)
	why = l.whyLocked(w, why)
	if la.state == WayFails {
		la.why = why
		return false
	}
	la.state, la.since, la.why = WayFails, now, why
	return true
}

// failedLocked: nobody knows yet whether the peer is there at all.
func (l *ladder) failedLocked(w WayName, t trial) bool {
	l.reasonLocked(w, t)
	if r, ok := l.reached[t.peer]; ok && r.way != w && t.begun.Before(r.when) && time.Since(r.when) < triesCount {
		return l.faultLocked(w, reason(t.err), false)
	}
	if len(l.tries) >= maxTryPeers {
		clear(l.tries)
	}
	if l.tries[t.peer] = append(l.tries[t.peer], t); len(l.tries[t.peer]) > maxTries {
		l.tries[t.peer] = l.tries[t.peer][1:]
	}
	la := l.latelyLocked(w)
	if la.state == WayFails || w == WayLAN {
		return false
	}
	la.row++
	definite := errors.Is(t.err, front.ErrSite) || errors.Is(t.err, front.ErrPin)
	justNow := la.state == WayWorks && time.Since(l.memory.at(l.name).way(w).worked) < justWorked
	if la.row < softTries || justNow && !definite {
		return false
	}
	la.state, la.since, la.why = WayFails, time.Now(), l.whyLocked(w, reason(t.err))
	return true
}

// unsureLocked reports whether a dial that was given up should be seen through: QUIC
// goes first, so that where another way was quicker it may be blocked.
func (l *ladder) unsureLocked(w WayName, t trial) bool {
	r, ok := l.reached[t.peer]
	return l.probe != nil && w == WayQUIC && ok && r.way != w && t.took >= leastRace && time.Since(r.when) < triesCount &&
		l.latelyLocked(w).state == WayUntried && time.Since(l.probed) > probeEvery
}

// seen hears how a dial ended that was seen through.
func (l *ladder) seen(t trial) {
	l.mu.Lock()
	w := l.wayOfLocked(t.addr)
	var news bool
	if t.err == nil {
		k, la := l.memory.at(l.name).way(w), l.latelyLocked(w)
		k.worked = time.Now()
		k.tried, k.succeeded = min(k.tried+1, maxCount), min(k.succeeded+1, maxCount)
		news = la.state != WayWorks
		la.state, la.since, la.why = WayWorks, k.worked, ""
	} else {
		l.reasonLocked(w, t)
		news = l.faultLocked(w, reason(t.err), false)
	}
	l.mu.Unlock()
	if news {
		l.announce()
	}
}

// outranLocked: another way was quicker. Where it had no head start and was far
// quicker, that says something.
func (l *ladder) outranLocked(w WayName, t trial) bool {
	r, ok := l.reached[t.peer]
	if !ok || r.way == w || time.Since(r.when) > triesCount || t.took < max(leastRace, outran*r.took) {
		return false
	}
	t.err = context.DeadlineExceeded
	l.reasonLocked(w, t)
	la := l.latelyLocked(w)
	if la.hints++; la.hints < fewHints {
		return false
	}
	return l.faultLocked(w, reason(t.err), false)
}

// stall notes that the line to a peer went dead. Whether it was the way's fault shows
// when another leads there.
func (l *ladder) stall(p peer.ID, a ma.Multiaddr, w WayName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.dead) >= maxOwners {
		clear(l.dead)
		l.probed = time.Time{}
	}
	l.dead[l.paths.ground(a)] = time.Now()
	if w == WayLAN {
		return
	}
	if len(l.stalls) >= maxTryPeers {
		clear(l.stalls)
		clear(l.dead)
	}
	if l.stalls[p] == nil {
		l.stalls[p] = map[WayName]time.Time{}
	}
	l.stalls[p][w] = time.Now()
}

// enter makes another network the present one.
func (l *ladder) enter(p place) {
	l.mu.Lock()
	l.subnets = p.nets
	name := p.name(l.secret)
	if name == l.name && len(l.lately) > 0 {
		l.mu.Unlock()
		return
	}
	l.name = name
	clear(l.lately)
	clear(l.tries)
	clear(l.reached)
	clear(l.stalls)
	clear(l.dead)
	for w, k := range l.memory.at(name).ways {
		switch la := l.latelyLocked(w); {
		case k.tried == 0:
		case k.isGood() && time.Since(k.worked) < goodLasts:
			la.state, la.since = WayWorks, k.worked
		case !k.badSince().IsZero() && time.Since(k.badSince()) < goodLasts:
			la.state, la.since, la.why = WayFails, k.badSince(), "it did not work when this computer was last on this network"
		}
	}
	l.mu.Unlock()
	l.announce()
}

// announce tells that the outlook changed, and has it remembered.
func (l *ladder) announce() {
	l.keep()
	l.changed()
}

// keep has what is known of networks remembered.
func (l *ladder) keep() {
	l.mu.Lock()
	var b []byte
	if l.remember != nil && l.name != "" {
		b = l.memory.encode()
	}
	l.mu.Unlock()
	if b != nil {
		l.remember(b)
	}
}

// Outlook tells how each way stands on the present network.
func (h *Host) Outlook() Outlook {
	peers, since := map[WayName]int{}, map[WayName]time.Time{}
	for _, p := range h.host.Network().Peers() {
		c := h.line(p)
		if c == nil {
			continue
		}
		w := h.wayOfConn(c)
		peers[w]++
		if t := c.Stat().Opened; since[w].IsZero() || t.Before(since[w]) {
			since[w] = t
		}
	}
	out := Outlook{Public: h.Public()}
	out.Skew, out.SkewKnown = h.skew()
	l := h.ladder
	l.mu.Lock()
	defer l.mu.Unlock()
	out.Network = l.name
	for _, name := range wayOrder {
		out.Ways = append(out.Ways, l.wayLocked(name, peers[name], since[name]))
	}
	return out
}

func (l *ladder) wayLocked(name WayName, peers int, connected time.Time) Way {
	la := l.latelyLocked(name)
	w := Way{Name: name, State: la.state, Since: la.since, Why: la.why, Peers: peers}
	if k := l.memory.at(l.name).ways[name]; k != nil {
		w.Tried, w.Worked = k.tried, k.succeeded
	}
	why := l.settings.forbids(name)
	if name == WayPT && why == "" && l.programs == 0 {
		why = "no program for pluggable transports is set"
	}
	if why != "" && peers == 0 {
		return Way{Name: name, State: WayOff, Why: why}
	}
	if peers > 0 && w.State != WayWorks { // somebody came by it, or the line outlasts what made others fail
		w.State, w.Since, w.Why = WayWorks, connected, ""
	}
	return w
}

// forbids says why the settings allow no such way, empty where they do.
func (s Settings) forbids(w WayName) string {
	if w == WayBundle {
		return ""
	}
	switch s.Mode {
	case ModeLAN:
		if w != WayLAN {
			return "only the local network is used, as the settings say"
		}
	case ModeTor:
		if w != WayTor && w != WayVeil && w != WayDrip {
			return "everything goes through the proxy, as the settings say"
		}
	case ModeCovert:
		if w != WayVeil && w != WayDrip && w != WayPT {
			return "only bridges are used, as the settings say"
		}
	}
	if w == WayTor && s.SOCKS == "" {
		return "no proxy is set"
	}
	return ""
}

// WatchOutlook has f called when the outlook may have changed. f must not block. There
// is no way to take it back: it lives as long as h.
func (h *Host) WatchOutlook(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outlooks = append(h.outlooks, f)
}

func (h *Host) outlookChanged() {
	h.mu.Lock()
	watchers := h.outlooks
	h.mu.Unlock()
	for _, f := range watchers {
		f()
	}
}
