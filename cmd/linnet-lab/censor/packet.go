package censor

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Proto is an IP protocol number (IANA).
type Proto uint8

// The protocols that are looked into.
const (
	TCP Proto = 6
	UDP Proto = 17
)

// Packet is what the rules look at in one packet. Payload points into the bytes
// that were parsed.
type Packet struct {
	Proto    Proto
	Src, Dst netip.AddrPort
	SYN, ACK bool   // TCP only
	Seq      uint32 // TCP only
	Payload  []byte
}

// maxHeaders bounds the chain of IPv6 extension headers that is followed.
const maxHeaders = 8

// Parse reads an IPv4 or IPv6 packet with TCP or UDP in it. It reports false for
// everything else, and for fragments behind the first.
func Parse(b []byte) (Packet, bool) {
	if len(b) == 0 {
		return Packet{}, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	}
	return Packet{}, false
}

func parseIPv4(b []byte) (Packet, bool) {
	if len(b) < 20 {
		return Packet{}, false
	}
	header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total < header || total > len(b) || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return Packet{}, false
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	return parseTransport(Proto(b[9]), src, dst, b[header:total])
}

func parseIPv6(b []byte) (Packet, bool) {
	if len(b) < 40 {
		return Packet{}, false
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return Packet{}, false
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next, rest := b[6], b[40:total]
	for range maxHeaders {
		if next == byte(TCP) || next == byte(UDP) {
			return parseTransport(Proto(next), src, dst, rest)
		}
		size := extension(next, rest)
		if size < 8 || size > len(rest) {
			return Packet{}, false
		}
		next, rest = rest[0], rest[size:]
	}
	return Packet{}, false
}

// extension returns the size of the extension header at the front of b, and 0
// for what is none or is not to be followed.
func extension(kind byte, b []byte) int {
	if len(b) < 8 {
		return 0
	}
	switch kind {
	case 0, 43, 60: // hop-by-hop, routing, destination options (RFC 8200 §4)
		return (int(b[1]) + 1) * 8
	case 44: // fragment: only the first has the ports
		if binary.BigEndian.Uint16(b[2:])&0xfff8 == 0 {
			return 8
		}
	}
	return 0
}

func parseTransport(proto Proto, src, dst netip.Addr, b []byte) (Packet, bool) {
	p := Packet{Proto: proto}
	switch proto {
	case TCP:
		if len(b) < 20 {
			return Packet{}, false
		}
		header := int(b[12]>>4) * 4
		if header < 20 || header > len(b) {
			return Packet{}, false
		}
		p.Seq, p.SYN, p.ACK, p.Payload = binary.BigEndian.Uint32(b[4:]), b[13]&0x02 != 0, b[13]&0x10 != 0, b[header:]
	case UDP:
		if len(b) < 8 {
			return Packet{}, false
		}
		size := int(binary.BigEndian.Uint16(b[4:]))
		if size < 8 || size > len(b) {
			return Packet{}, false
		}
		p.Payload = b[8:size]
	default:
		return Packet{}, false
	}
	p.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	p.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	return p, true
}

// String names a packet's ends.
func (p Packet) String() string {
	return fmt.Sprintf("%v > %v, %d bytes", p.Src, p.Dst, len(p.Payload))
}
