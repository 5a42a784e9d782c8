package censor

import (
	"encoding/binary"
	"errors"
	"strings"
)

// Hello is what a censor reads in a TLS ClientHello (RFC 8446 §4.1.2).
type Hello struct {
	Name    string   // server_name; empty: there is none
	ALPN    []string // the protocols that are offered
	HasALPN bool
}

// Errors of ParseHello.
var (
	errMore  = errors.New("censor: more bytes are needed")
	errHello = errors.New("censor: not a TLS ClientHello")
)

// Numbers of RFC 8446.
const (
	recordHandshake     = 22
	handshakeHello      = 1
	extensionServerName = 0
	extensionALPN       = 16
	maxHello            = 16 << 10 // larger ones are not waited for
)

// TLSPrefix reports whether a TCP stream begins like TLS: a handshake or data
// record of some version 3.x.
func TLSPrefix(b []byte) bool {
	return len(b) >= 3 && (b[0] == 0x16 || b[0] == 0x17) && b[1] == 0x03 && b[2] <= 0x09
}

// ParseHello reads the ClientHello at the front of a TCP stream, over as many TLS
// records as it takes. The error is errMore where it is not all there yet.
func ParseHello(stream []byte) (Hello, error) {
	message, err := joinRecords(stream)
	if err != nil {
		return Hello{}, err
	}
	r := reader{b: message}
	r.skip(2 + 32) // version, random
	r.skip(int(r.uint8()))
	r.skip(int(r.uint16()))
	r.skip(int(r.uint8()))
	if r.bad {
		return Hello{}, errHello
	}
	h := Hello{}
	if len(r.b) == 0 {
		return h, nil // a hello without extensions
	}
	all := reader{b: r.take(int(r.uint16())), bad: r.bad}
	for len(all.b) > 0 && !all.bad {
		kind := all.uint16()
		body := reader{b: all.take(int(all.uint16()))}
		switch kind {
		case extensionServerName:
			body.skip(2 + 1)
			h.Name = string(body.take(int(body.uint16())))
		case extensionALPN:
			h.HasALPN, h.ALPN = true, body.names()
		}
	}
	if all.bad {
		return Hello{}, errHello
	}
	return h, nil
}

// joinRecords returns the body of the ClientHello that the records of a stream carry.
func joinRecords(b []byte) ([]byte, error) {
	var message []byte
	for {
		if len(message) >= 4 {
			if message[0] != handshakeHello {
				return nil, errHello
			}
			size := int(message[1])<<16 | int(binary.BigEndian.Uint16(message[2:]))
			if size > maxHello {
				return nil, errHello
			}
			if len(message) >= 4+size {
				return message[4 : 4+size], nil
			}
		}
		if len(b) < 5 {
			return nil, errMore
		}
		size := int(binary.BigEndian.Uint16(b[3:]))
		if b[0] != recordHandshake || b[1] != 3 || size == 0 || size > maxHello {
			return nil, errHello
		}
		if len(b) < 5+size {
			// What is there of this record may already be the end of the message.
			message = append(message, b[5:]...)
			b = nil
			continue
		}
		message, b = append(message, b[5:5+size]...), b[5+size:]
	}
}

// libp2pALPN reports whether one of the offered protocols is libp2p's.
func (h Hello) libp2pALPN() bool {
	for _, p := range h.ALPN {
		if strings.Contains(p, "libp2p") || strings.HasPrefix(p, "/yamux/") {
			return true
		}
	}
	return false
}

// reader takes numbers and pieces off the front of b; bad is set when there is
// less than was asked for, and everything read from then on is empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// names reads a ProtocolNameList (RFC 7301 §3.1).
func (r *reader) names() (out []string) {
	list := reader{b: r.take(int(r.uint16()))}
	for len(list.b) > 0 && !list.bad {
		out = append(out, string(list.take(int(list.uint8()))))
	}
	return out
}
