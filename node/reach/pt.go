package reach

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/net/proxy"
)

// Pluggable transports are programs of their own that disguise a connection, such as
// obfs4proxy. This node speaks with them as Tor does (Pluggable Transport
// Specification, version 1, client side). None is linked, and none is started before
// an address needs it.

// An address through one is /ip4 or /ip6, /tcp, and /linnet-pt with the transport's
// name and arguments, which are secret like a door.
const (
	protocolPT = 0x300b1f
	ptName     = "linnet-pt"
	maxPT      = 255 + 255 // bytes: what SOCKS has room for, and the name
	maxPTArgs  = 255 + 254
)

// ptLine is how a bridge is reached through a pluggable transport.
type ptLine struct {
	transport string // such as obfs4
	args      string // "k=v;k=v", with ; = and \ in them behind a \
}

// bytes writes a line as an address carries it.
func (l ptLine) bytes() []byte {
	return append(append([]byte{byte(len(l.transport))}, l.transport...), l.args...)
}

// decodePT reads what bytes wrote, from anybody.
func decodePT(b []byte) (ptLine, error) {
	if len(b) == 0 || len(b) > maxPT || int(b[0]) > len(b)-1 {
		return ptLine{}, errPT
	}
	l := ptLine{string(b[1 : 1+b[0]]), string(b[1+b[0]:])}
	if !isPTName(l.transport) || len(l.args) > maxPTArgs || strings.ContainsFunc(l.args, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ptLine{}, errPT
	}
	return l, nil
}

var errPT = fmt.Errorf("%w: not a pluggable transport's", ErrAddress)

// isPTName keeps to what the specification has: a C identifier.
func isPTName(s string) bool {
	return s != "" && len(s) <= 32 && (s[0] < '0' || s[0] > '9') &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// parsePTLine reads a line as Tor's have it, with this node's kind of peer id:
//
//	obfs4 192.0.2.1:443 12D3KooW… cert=… iat-mode=0
func parsePTLine(s string) (Contact, error) {
	fields := strings.Fields(s)
	if len(fields) < 3 || len(fields) > 16 || !isPTName(fields[0]) {
		return Contact{}, errPT
	}
	at, err := netip.ParseAddrPort(fields[1])
	if err != nil || at.Addr().Zone() != "" {
		return Contact{}, fmt.Errorf("%w: %.60q is no IP address and port", ErrAddress, fields[1])
	}
	id, err := peer.Decode(fields[2])
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %.60q is no peer id", ErrAddress, fields[2])
	}
	var args []string
	for _, f := range fields[3:] {
		k, v, ok := strings.Cut(f, "=")
		if !ok {
			return Contact{}, fmt.Errorf("%w: %.60q is no argument of a pluggable transport", ErrAddress, f)
		}
		args = append(args, escapePT(k)+"="+escapePT(v))
	}
	line := ptLine{fields[0], strings.Join(args, ";")}
	if _, err := decodePT(line.bytes()); err != nil {
		return Contact{}, err
	}
	a, err := ma.NewMultiaddr(fmt.Sprintf("/%s/%s/tcp/%d/%s/%s", family(at.Addr()), at.Addr().Unmap(), at.Port(), ptName, base64.RawURLEncoding.EncodeToString(line.bytes())))
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %v", ErrAddress, err)
	}
	return Contact{ID: []byte(id), Addrs: [][]byte{a.Bytes()}}, nil
}

func family(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "ip4"
	}
	return "ip6"
}

// escapePT puts a \ before what has a meaning in arguments.
func escapePT(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, "=", `\=`).Replace(s)
}

// auth carries the arguments, in the user name and, where that is full, the password.
func (l ptLine) auth() *proxy.Auth {
	if len(l.args) <= 255 {
		return &proxy.Auth{User: l.args, Password: "\x00"}
	}
	return &proxy.Auth{User: l.args[:255], Password: l.args[255:]}
}

// throughPT returns the inside address of a secret one.
func (h *Host) throughPT(p peer.ID, a ma.Multiaddr) []ma.Multiaddr {
	line, err := decodePT(a[2].RawValue())
	if err != nil || h.programs[line.transport] == nil {
		return nil // no program for it here
	}
	return []ma.Multiaddr{h.paths.add(path{way: insidePT, peer: p, at: a[:2], pt: line}, line.bytes())}
}

// dialPT opens a connection through a pluggable transport, whose program it starts.
func (h *Host) dialPT(ctx context.Context, x path, at string) (net.Conn, error) {
	program := h.programs[x.pt.transport]
	if program == nil {
		return nil, fmt.Errorf("%w: there is no program for %s", errProxy, x.pt.transport)
	}
	addr, err := program.method(x.pt.transport)
	if err != nil {
		return nil, err
	}
	s := socks{addr: addr}
	if x.pt.args != "" {
		s.auth = x.pt.auth()
	}
	return s.dial(ctx, at)
}

// parsePrograms reads lines as Tor's ClientTransportPlugin has them:
//
//	obfs4,meek_lite exec /usr/bin/obfs4proxy --enableLogging
func parsePrograms(base context.Context, lines []string) (map[string]*program, error) {
	out := map[string]*program{}
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "exec" {
			return nil, fmt.Errorf("%w: %.100q is no pluggable transport, an example is \"obfs4 exec /usr/bin/obfs4proxy\"", ErrSettings, line)
		}
		p := &program{base: base, names: strings.Split(fields[0], ","), command: fields[2:]}
		for _, name := range p.names {
			if !isPTName(name) || out[name] != nil {
				return nil, fmt.Errorf("%w: %.100q is no name of a pluggable transport, or there twice", ErrSettings, name)
			}
			out[name] = p
		}
	}
	return out, nil
}

// isPT reports whether an address leads through a pluggable transport.
func isPT(a ma.Multiaddr) bool {
	return len(a) == 3 && isTCP(a[:2]) && a[2].Code() == protocolPT
}

// closePrograms ends the programs that run.
func (h *Host) closePrograms() {
	var done []*program
	for _, p := range h.programs {
		if !slices.Contains(done, p) {
			done = append(done, p)
			p.close()
		}
	}
}
