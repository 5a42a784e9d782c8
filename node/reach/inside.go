package reach

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node/reach/front"
)

// An inside address is how the libp2p host knows a way that has no plain address:
// /linnet-way with a byte for the way and a handle, which means something in this
// process only. libp2p hands addresses around, to its address book, to whoever asks
// a DHT, to logs: so it is never given a secret one.
const (
	protocolInside = 0x300b1e
	insideName     = "linnet-way"
	handleSize     = 8
	insideSize     = 1 + handleSize
	maxPaths       = 4096
)

// Bytes of the ways in an inside address.
const (
	insideHere = 0 // this end of a line
	insideVeil = 1
	insideDrip = 2
	insidePT   = 3
	insideTor  = 4
)

var insideWays = map[byte]WayName{insideVeil: WayVeil, insideDrip: WayDrip, insidePT: WayPT, insideTor: WayTor, insideHere: "here"}

// The text names the way, for people who look at addresses.
func parseInside(s string) ([]byte, error) {
	name, handle, _ := strings.Cut(s, "-")
	b, err := hex.DecodeString(handle)
	for way, known := range insideWays {
		if string(known) == name && err == nil && len(b) == handleSize {
			return append([]byte{way}, b...), nil
		}
	}
	return nil, fmt.Errorf("%w: not an inside address", ErrAddress)
}

func showInside(b []byte) (string, error) {
	return string(insideWays[b[0]]) + "-" + hex.EncodeToString(b[1:]), nil
}

// path is what an inside address stands for.
type path struct {
	way  byte
	peer peer.ID
	at   ma.Multiaddr // IP and port, for limits and for dialling
	door front.Door   // of veil and drip
	pt   ptLine       // of pt
}

// paths are the inside addresses of one host.
type paths struct {
	key [32]byte

	mu sync.Mutex
	m  map[[handleSize]byte]path
}

func newPaths() *paths {
	p := &paths{m: map[[handleSize]byte]path{}}
	_, _ = rand.Read(p.key[:]) // crypto/rand does not fail
	return p
}

// add returns the inside address of a path: the same for the same path.
func (p *paths) add(x path, secret []byte) ma.Multiaddr {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte{x.way, byte(len(x.peer))})
	mac.Write([]byte(x.peer))
	mac.Write(x.at.Bytes())
	mac.Write(secret)
	handle := [handleSize]byte(mac.Sum(nil)[:handleSize])
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.m[handle]; !known && len(p.m) >= maxPaths {
		for old := range p.m { // any: whoever is kept comes again
			delete(p.m, old)
			break
		}
	}
	p.m[handle] = x
	return insideAddr(x.way, handle)
}

// get returns what an inside address stands for. Only the peer that it was made for
// has it: another one that announces it gets nothing.
func (p *paths) get(a ma.Multiaddr, of peer.ID) (path, bool) {
	way, handle, ok := splitInside(a)
	if !ok {
		return path{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	x, ok := p.m[handle]
	return x, ok && x.way == way && x.peer == of
}

// anyHandle tells one end of a line from others.
func anyHandle() (handle [handleSize]byte) {
	_, _ = rand.Read(handle[:]) // crypto/rand does not fail
	return handle
}

// ground is the plain address under an inside one, and any other address itself: two
// ways to one place share its fate.
func (p *paths) ground(a ma.Multiaddr) string {
	if _, handle, ok := splitInside(a); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		if x, ok := p.m[handle]; ok {
			return string(x.at.Bytes())
		}
	}
	return string(a.Bytes())
}

func insideAddr(way byte, handle [handleSize]byte) ma.Multiaddr {
	b := append(ma.CodeToVarint(protocolInside), way)
	a, err := ma.NewMultiaddrBytes(append(b, handle[:]...))
	if err != nil {
		panic("reach: " + err.Error()) // the length is right
	}
	return a
}

// splitInside takes an inside address apart, with or without a plain one before it.
func splitInside(a ma.Multiaddr) (way byte, handle [handleSize]byte, ok bool) {
	if len(a) == 0 || a[len(a)-1].Code() != protocolInside {
		return 0, handle, false
	}
	v := a[len(a)-1].RawValue()
	return v[0], [handleSize]byte(v[1:]), true
}

// isInside reports whether an address has an inside part.
func isInside(a ma.Multiaddr) bool {
	return slices.ContainsFunc(a, func(c ma.Component) bool { return c.Code() == protocolInside })
}

// isTellable reports whether others may hear an address.
func isTellable(a ma.Multiaddr) bool { return !isSecret(a) && !isInside(a) }

// within turns a contact's addresses into those that the host dials: secret ones
// into inside ones, and with a proxy each TCP address also into one through it.
func (h *Host) within(info peer.AddrInfo) peer.AddrInfo {
	out := peer.AddrInfo{ID: info.ID}
	for _, a := range info.Addrs {
		if isPT(a) {
			out.Addrs = append(out.Addrs, h.throughPT(info.ID, a)...)
			continue
		}
		if isSecret(a) {
			out.Addrs = append(out.Addrs, h.throughDoor(info.ID, a)...)
			continue
		}
		out.Addrs = append(out.Addrs, a)
		if h.settings.SOCKS != "" && h.settings.Mode == ModeOpen && isTCP(a) && h.ladder.wayOf(a) == WayTCP {
			out.Addrs = append(out.Addrs, h.paths.add(path{way: insideTor, peer: info.ID, at: a}, nil))
		}
	}
	return out
}

// throughDoor returns veil and drip through the door in a bridge address.
func (h *Host) throughDoor(p peer.ID, a ma.Multiaddr) []ma.Multiaddr {
	_, secret, ok := splitBridge(a)
	if !ok {
		return nil
	}
	door, err := decodeDoor(secret)
	if err != nil {
		return nil
	}
	var out []ma.Multiaddr
	for _, way := range []byte{insideVeil, insideDrip} {
		out = append(out, h.paths.add(path{way: way, peer: p, at: a[:2], door: door}, secret))
	}
	return out
}

func isTCP(a ma.Multiaddr) bool {
	return len(a) == 2 && a[1].Code() == ma.P_TCP
}
