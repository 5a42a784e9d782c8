package censor

import (
	"errors"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Rules say what is blocked; they are joined with |.
type Rules uint16

// The rules.
const (
	Multistream    Rules = 1 << 0 // libp2p's first bytes over TCP
	ALPNLibp2p     Rules = 1 << 1 // a TLS hello that offers a protocol of libp2p
	QUICv1         Rules = 1 << 2 // every QUIC connection of version 1
	DTLS           Rules = 1 << 3 // a DTLS hello, and the STUN name of webrtc-direct
	FullyEncrypted Rules = 1 << 4 // a first payload that looks like nothing known
	TLSWithoutALPN Rules = 1 << 5 // a TLS hello that offers no protocol at all
	Policing       Rules = 1 << 6 // many TLS connections in quick succession
)

// Signatures is deep packet inspection that knows libp2p; Strict is all that is
// known of a connection's beginning.
const (
	Signatures = Multistream | ALPNLibp2p | QUICv1 | DTLS
	Strict     = Signatures | FullyEncrypted | TLSWithoutALPN
)

// Bounds of what a Judge remembers.
const (
	maxFlows    = 1 << 16
	flowIdle    = 10 * time.Minute
	maxScan     = 4 << 10 // bytes of each side in which multistream is looked for
	maxSegments = 16      // pieces of a hello that came before their turn
)

// Judge says which packets may go on. It is safe for concurrent use.
type Judge struct {
	mu      sync.Mutex
	rules   Rules
	flows   map[flowKey]*flow
	police  police
	blocked map[string]int
	log     func(rule string, p Packet)
}

type flowKey struct {
	proto    Proto
	from, to netip.AddrPort // from opened it
}

// flow is what is remembered of one connection.
type flow struct {
	last    time.Time
	blocked bool
	opened  bool // its first packet was seen: nothing is said about the others
	greeted bool // the first payload of the client was looked at
	scanned [2]int
	hello   stream
	done    bool // the hello was read, or is none
}

// NewJudge returns a censor with these rules.
func NewJudge(rules Rules) *Judge {
	return &Judge{rules: rules, flows: map[flowKey]*flow{}, blocked: map[string]int{}}
}

// Set changes the rules. What was blocked stays blocked while some rule is in force.
func (j *Judge) Set(rules Rules) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rules = rules
	if rules == 0 {
		j.flows, j.police = map[flowKey]*flow{}, police{}
	}
}

// OnBlock sets what is called for each connection that is blocked, with the
// packet that was the reason. It must return at once.
func (j *Judge) OnBlock(log func(rule string, p Packet)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = log
}

// Blocked returns how many connections each rule has blocked.
func (j *Judge) Blocked() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.blocked)
}

// Pass reports whether a packet may go on.
func (j *Judge) Pass(now time.Time, p Packet) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rules == 0 {
		return true
	}
	if p.Proto == TCP && j.police.isFrozen(now, p.Src.Addr(), p.Dst.Addr()) {
		return false
	}
	f, key, back := j.find(now, p)
	if f.blocked {
		return false
	}
	if rule := j.look(now, f, key, p, back); rule != "" {
		f.blocked = true
		f.hello = stream{}
		j.blocked[rule]++
		if j.log != nil {
			j.log(rule, p)
		}
	}
	return !f.blocked
}

// find returns the flow of a packet, a new one if need be, and whether the packet
// goes back to who opened it.
func (j *Judge) find(now time.Time, p Packet) (f *flow, key flowKey, back bool) {
	key = flowKey{p.Proto, p.Src, p.Dst}
	opens := p.Proto == TCP && p.SYN && !p.ACK
	f = j.flows[key]
	if f == nil && !opens {
		reverse := flowKey{p.Proto, p.Dst, p.Src}
		if f = j.flows[reverse]; f != nil {
			key, back = reverse, true
		}
	}
	if f == nil || opens && (f.greeted || f.blocked) { // a port that is used anew
		j.shrink(now)
		f = &flow{opened: opens || p.Proto == UDP}
		j.flows[key] = f
	}
	if opens {
		f.hello.next = p.Seq + 1
	}
	f.last = now
	return f, key, back
}

// shrink forgets flows that are quiet, and all of them if that is not enough.
func (j *Judge) shrink(now time.Time) {
	if len(j.flows) < maxFlows {
		return
	}
	maps.DeleteFunc(j.flows, func(_ flowKey, f *flow) bool { return now.Sub(f.last) > flowIdle })
	if len(j.flows) >= maxFlows {
		clear(j.flows)
	}
}

// look returns the name of the rule that a packet breaks, or "".
func (j *Judge) look(now time.Time, f *flow, key flowKey, p Packet, back bool) string {
	if len(p.Payload) == 0 || !f.opened {
		return ""
	}
	if p.Proto == UDP {
		return j.lookUDP(p.Payload)
	}
	if rule := j.lookStart(f, p.Payload, back); rule != "" {
		return rule
	}
	if back || f.done {
		return ""
	}
	return j.lookHello(now, f, key, p)
}

func (j *Judge) lookUDP(b []byte) string {
	switch {
	case j.rules&QUICv1 != 0 && isQUICv1(b):
		return "quic-v1"
	case j.rules&DTLS != 0 && isDTLSHello(b):
		return "dtls"
	case j.rules&DTLS != 0 && isWebRTC(b):
		return "webrtc-name"
	}
	return ""
}

// lookStart looks at the first bytes of either side.
func (j *Judge) lookStart(f *flow, b []byte, back bool) string {
	side := 0
	if back {
		side = 1
	}
	if j.rules&Multistream != 0 && f.scanned[side] < maxScan {
		f.scanned[side] += len(b)
		if isMultistream(b) {
			return "multistream"
		}
	}
	if back || f.greeted {
		return ""
	}
	f.greeted = true
	if j.rules&FullyEncrypted != 0 && isFullyEncrypted(b) {
		return "fully-encrypted"
	}
	return ""
}

// lookHello puts the client's first bytes together until its hello is all there.
func (j *Judge) lookHello(now time.Time, f *flow, key flowKey, p Packet) string {
	f.hello.add(p.Seq, p.Payload)
	h, err := ParseHello(f.hello.b)
	if errors.Is(err, errMore) && len(f.hello.b) < maxHello {
		return ""
	}
	f.done, f.hello = true, stream{}
	if err != nil {
		return ""
	}
	switch {
	case j.rules&ALPNLibp2p != 0 && h.libp2pALPN():
		return "tls-alpn-libp2p"
	case j.rules&TLSWithoutALPN != 0 && !h.HasALPN:
		return "tls-without-alpn"
	case j.rules&Policing != 0 && j.police.open(now, pair{key.from.Addr(), key.to.Addr()}):
		return "policing"
	}
	return ""
}
