package front

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	utls "github.com/refraction-networking/utls"
)

// A profile may bring the TLS handshake of a browser that is newer than this program:
// its ClientHello as it was on the wire. Whoever wrote it may wish this node ill, so
// that form and parts are checked here before the TLS library reads it, and one that
// does not lead through a handshake with a plain server is not taken.

const (
	captureMost    = 4 << 10 // bytes; Chrome's has 1,800
	extensionsMost = 64
	trialTime      = 5 * time.Second
)

// neededParts are the extensions that a captured ClientHello must have.
var neededParts = []uint16{0, 10, 13, 16, 43, 51}

// knownParts are the others that the TLS library makes anew for each connection, or
// takes as they are.
var knownParts = map[uint16]bool{
	5: true, 11: true, 18: true, 21: true, 23: true, 27: true, 28: true, 34: true, 35: true, 45: true, 50: true,
	17513: true, 17613: true, 65037: true, 65281: true,
}

// foreignParts are unknown to the library, and no server passes over them: they
// belong to one session, or change what follows.
var foreignParts = map[uint16]bool{1: true, 15: true, 19: true, 20: true, 22: true, 42: true, 44: true, 49: true, 54: true}

// isTaken reports whether an extension may stand in a capture. Of those that the library
// does not know, and that stay as they were, servers take no notice.
func isTaken(id uint16) bool {
	isGREASE := id&0x0f0f == 0x0a0a && id>>8 == id&0xff
	return isGREASE || knownParts[id] || slices.Contains(neededParts, id) || utls.ExtensionFromID(id) == nil && !foreignParts[id]
}

var errCapture = errors.New("it is not one ClientHello of TLS, with its record")

// checkCapture holds raw against the form of RFC 8446, section 4.1.2.
func checkCapture(raw []byte) error {
	if len(raw) > captureMost {
		return fmt.Errorf("it has %d bytes, at most %d", len(raw), captureMost)
	}
	if len(raw) < 43 || raw[0] != 22 || int(binary.BigEndian.Uint16(raw[3:])) != len(raw)-5 ||
		raw[5] != 1 || raw[6] != 0 || int(binary.BigEndian.Uint16(raw[7:])) != len(raw)-9 {
		return errCapture
	}
	_, rest, ok1 := cut(raw[43:], 1) // session id
	suites, rest, ok2 := cut(rest, 2)
	compression, rest, ok3 := cut(rest, 1)
	parts, rest, ok4 := cut(rest, 2)
	if !ok1 || !ok2 || !ok3 || !ok4 || len(suites)%2 != 0 || len(compression) != 1 || compression[0] != 0 || len(rest) != 0 {
		return errCapture
	}
	return checkParts(parts)
}

// cut takes a field off b whose length stands in its first n bytes, 1 or 2.
func cut(b []byte, n int) (field, rest []byte, ok bool) {
	if len(b) < n {
		return nil, nil, false
	}
	size := int(b[0])
	if n == 2 {
		size = int(binary.BigEndian.Uint16(b))
	}
	if len(b)-n < size {
		return nil, nil, false
	}
	return b[n : n+size], b[n+size:], true
}

func checkParts(b []byte) error {
	seen := map[uint16]bool{}
	for len(b) > 0 {
		if len(b) < 4 {
			return errCapture
		}
		id := binary.BigEndian.Uint16(b)
		part, rest, ok := cut(b[2:], 2)
		switch {
		case !ok || seen[id] || len(seen) >= extensionsMost:
			return errCapture
		case !isTaken(id):
			return fmt.Errorf("its extension %d cannot be sent again", id)
		case id == 65037 && !isECH(part):
			return fmt.Errorf("its encrypted ClientHello is none")
		}
		seen[id], b = true, rest
	}
	for _, id := range neededParts {
		if !seen[id] {
			return fmt.Errorf("its extension %d is missing", id)
		}
	}
	return nil
}

// isECH reports whether b is an outer encrypted ClientHello that has room for its tag:
// the library takes the tag's length off it unseen.
func isECH(b []byte) bool {
	if len(b) < 6 || b[0] != 0 {
		return false
	}
	_, rest, ok := cut(b[6:], 2)
	payload, rest, ok2 := cut(rest, 2)
	return ok && ok2 && len(payload) > 16 && len(rest) == 0
}

// capturedHello returns a fresh copy of a captured handshake, as helloOf does. Keys,
// random numbers and the server's name in it are made anew for each connection. With
// shuffle its extensions come in another order each time, as Chrome's do.
func capturedHello(raw []byte, shuffle bool) (*utls.ClientHelloSpec, error) {
	if err := checkCapture(raw); err != nil {
		return nil, err
	}
	spec, err := (&utls.Fingerprinter{AllowBluntMimicry: true}).RawClientHello(raw)
	if err != nil {
		return nil, err
	}
	for _, e := range spec.Extensions {
		a, ok := e.(*utls.ALPNExtension)
		if ok && slices.ContainsFunc(a.AlpnProtocols, func(p string) bool { return p != "h2" && p != "http/1.1" }) {
			return nil, fmt.Errorf("it offers %.40q, which are not HTTP/1.1 and HTTP/2", a.AlpnProtocols)
		}
	}
	forWebSocket(spec)
	if shuffle {
		spec.Extensions = utls.ShuffleChromeTLSExtensions(spec.Extensions)
	}
	return spec, nil
}

// tryCaptures makes each captured handshake once, with a server such as bridges are.
func tryCaptures(all []profile) error {
	var server *tls.Config
	for _, p := range all {
		if p.Capture == nil {
			continue
		}
		if server == nil {
			cert, err := selfSigned(make([]byte, 32), "www.example.com")
			if err != nil {
				return err
			}
			server = newHTTP(nil, func() *tls.Certificate { return cert }).TLSConfig
		}
		if err := p.try(server); err != nil {
			return fmt.Errorf("%w: the capture of %s leads through no TLS handshake: %w", ErrProfiles, p.Look, err)
		}
	}
	return nil
}

func (p profile) try(cfg *tls.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), trialTime)
	defer cancel()
	here, there := net.Pipe()
	served := make(chan struct{})
	go func() { // ends with the pipe
		defer close(served)
		_ = tls.Server(there, cfg).HandshakeContext(ctx)
	}()
	defer func() { <-served }()
	defer there.Close()
	defer here.Close()
	u, err := p.browse(ctx, here, "www.example.com")
	if err != nil {
		return err
	}
	if s := u.ConnectionState(); s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "http/1.1" {
		return fmt.Errorf("it ends with version %#x and protocol %q", s.Version, s.NegotiatedProtocol)
	}
	return nil
}

// browse makes p's TLS handshake over c with the site of a name. Whose certificate
// that showed is for the caller to see to.
func (p profile) browse(ctx context.Context, c net.Conn, name string) (u *utls.UConn, err error) {
	if p.Capture != nil {
		// The library was not made for handshakes that somebody else describes. A mistake
		// in it costs a connection, not the node.
		defer func() {
			if r := recover(); r != nil {
				u, err = nil, fmt.Errorf("%w: the TLS library breaks: %v", ErrProfiles, r)
			}
		}()
	}
	spec, err := p.spec()
	if err != nil {
		return nil, err
	}
	u = utls.UClient(c, &utls.Config{ServerName: name, InsecureSkipVerify: true}, utls.HelloCustom)
	if err := u.ApplyPreset(spec); err != nil {
		return nil, fmt.Errorf("front: look like %s: %w", p.Look, err)
	}
	if err := u.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("front: TLS handshake: %w", err)
	}
	return u, nil
}

// spec returns a fresh copy of p's TLS handshake.
func (p profile) spec() (*utls.ClientHelloSpec, error) {
	if p.Capture != nil {
		return capturedHello(p.Capture, p.Shuffle)
	}
	return helloOf(p.Hello)
}
