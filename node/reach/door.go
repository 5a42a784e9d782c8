package reach

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/linnet-im/linnet/node/reach/front"
)

// A bridge address is /ip4 or /ip6, /tcp, and /linnet-bridge with a door (PROTOCOL.md §16.2).
// It is secret: nobody is told it but by a link, and its text shows no door.
const (
	protocolBridge = 0x300b1d // in the range that multicodec leaves to private use
	bridgeName     = "linnet-bridge"
	doorVersion    = 1
	maxDoorName    = 200 // bytes of a host name, and what leaves a door below MaxDoor
)

var errDoor = errors.New("reach: not a door of a bridge")

// bridgesKnown is set while the program starts, before any goroutine: the table of
// go-multiaddr has no lock, so that adding to it later would be a race with every
// host that runs already.
var bridgesKnown = errors.Join(
	ma.AddProtocol(ma.Protocol{
		Name: bridgeName, Code: protocolBridge, VCode: ma.CodeToVarint(protocolBridge), Size: ma.LengthPrefixedVarSize,
		Transcoder: ma.NewTranscoderFromFunctions(
			func(string) ([]byte, error) { return nil, errDoor }, // the text has no door in it
			func([]byte) (string, error) { return "secret", nil },
			func(b []byte) error { _, err := decodeDoor(b); return err },
		),
	}),
	ma.AddProtocol(ma.Protocol{
		Name: ptName, Code: protocolPT, VCode: ma.CodeToVarint(protocolPT), Size: ma.LengthPrefixedVarSize,
		Transcoder: ma.NewTranscoderFromFunctions(
			base64.RawURLEncoding.DecodeString,
			func([]byte) (string, error) { return "secret", nil },
			func(b []byte) error { _, err := decodePT(b); return err },
		),
	}),
	ma.AddProtocol(ma.Protocol{
		Name: insideName, Code: protocolInside, VCode: ma.CodeToVarint(protocolInside), Size: 8 * insideSize,
		Transcoder: ma.NewTranscoderFromFunctions(parseInside, showInside, nil),
	}),
)

// knowBridges reports whether the multiaddr module reads bridge addresses.
func knowBridges() error { return bridgesKnown }

// encodeDoor writes a door as a bridge address and a bridge link carry it.
func encodeDoor(d front.Door) []byte {
	b := append([]byte{doorVersion}, d.Pass[:]...)
	if d.Pin == ([32]byte{}) {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), d.Pin[:]...)
	}
	return append(b, d.Name...)
}

// decodeDoor reads a door from anybody.
func decodeDoor(b []byte) (d front.Door, err error) {
	if len(b) == 0 || len(b) > MaxDoor || b[0] != doorVersion {
		return d, errDoor
	}
	r := reader{rest: b[1:]}
	copy(d.Pass[:], r.take(PassSize))
	if r.count(1) == 1 {
		copy(d.Pin[:], r.take(len(d.Pin)))
		r.bad = r.bad || d.Pin == [32]byte{}
	}
	d.Name = string(r.rest)
	if r.bad || !isHostName(d.Name) {
		return front.Door{}, errDoor
	}
	return d, nil
}

// isHostName keeps to what a browser would send as the name of a site.
func isHostName(s string) bool {
	if s == "" || len(s) > maxDoorName {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// bridgeAddr writes a bridge address.
func bridgeAddr(at netip.AddrPort, door []byte) (ma.Multiaddr, error) {
	if err := knowBridges(); err != nil {
		return nil, err
	}
	code, ip := byte(ma.P_IP4), at.Addr().AsSlice()
	if at.Addr().Is6() {
		code = ma.P_IP6
	}
	b := append([]byte{code}, ip...)
	b = binary.BigEndian.AppendUint16(append(b, ma.P_TCP), at.Port())
	b = append(b, ma.CodeToVarint(protocolBridge)...)
	b = append(append(b, ma.CodeToVarint(len(door))...), door...)
	return ma.NewMultiaddrBytes(b)
}

// splitBridge takes a bridge address apart; false where it is none.
func splitBridge(a ma.Multiaddr) (at netip.AddrPort, door []byte, ok bool) {
	if len(a) != 3 || a[2].Code() != protocolBridge {
		return at, nil, false
	}
	tcp, err := manet.ToNetAddr(a[:2])
	if err != nil {
		return at, nil, false
	}
	at, err = netip.ParseAddrPort(tcp.String())
	return at, a[2].RawValue(), err == nil && at.Addr().Zone() == ""
}

// isSecret reports whether an address must not be told to others.
func isSecret(a ma.Multiaddr) bool {
	for _, c := range a {
		if c.Code() == protocolBridge || c.Code() == protocolPT {
			return true
		}
	}
	return false
}

// IsSecret reports whether a binary multiaddr has a way into a bridge in it, and must
// not be told to others.
func IsSecret(addr []byte) bool {
	if knowBridges() != nil {
		return true
	}
	a, err := ma.NewMultiaddrBytes(addr)
	return err == nil && isSecret(a)
}

// Open leaves out of c what must not be told to others, and what this version cannot
// read and therefore not judge.
func (c Contact) Open() Contact {
	out := Contact{ID: c.ID}
	if knowBridges() != nil {
		return out
	}
	for _, b := range c.Addrs {
		if a, err := ma.NewMultiaddrBytes(b); err == nil && isTellable(a) {
			out.Addrs = append(out.Addrs, b)
		}
	}
	return out
}

// Doors leaves in c only bridge addresses.
func (c Contact) Doors() Contact {
	out := Contact{ID: c.ID}
	for _, a := range c.Addrs {
		if IsSecret(a) {
			out.Addrs = append(out.Addrs, a)
		}
	}
	return out
}

// Public leaves in c only addresses on the internet.
func (c Contact) Public() Contact {
	out := Contact{ID: c.ID}
	if knowBridges() != nil {
		return out
	}
	for _, b := range c.Addrs {
		if a, err := ma.NewMultiaddrBytes(b); err == nil && manet.IsPublicAddr(a) {
			out.Addrs = append(out.Addrs, b)
		}
	}
	return out
}

// Contact returns where the bridge of a link is reached.
func (l Link) Contact() (Contact, error) {
	c := Contact{ID: l.Peer}
	for _, at := range l.At {
		a, err := bridgeAddr(at, l.Door)
		if err != nil {
			return Contact{}, fmt.Errorf("%w: it does not say how to get in", ErrLink)
		}
		c.Addrs = append(c.Addrs, a.Bytes())
	}
	return c, nil
}

// LinkTo makes a link of the bridge addresses of a contact that have one door. The
// error matches ErrLink where it has none.
func LinkTo(name string, c Contact) (Link, error) {
	l := Link{Name: name, Peer: c.ID}
	for _, b := range c.Doors().Addrs {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			continue
		}
		if at, door, ok := splitBridge(a); ok && (l.Door == nil || bytes.Equal(door, l.Door)) && len(l.At) < MaxLinkAt {
			l.At, l.Door = append(l.At, at), door
		}
	}
	return l, l.check()
}
