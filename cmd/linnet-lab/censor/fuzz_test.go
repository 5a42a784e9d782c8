package censor

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// ipv4 and ipv6 put a transport segment into a packet.
func ipv4(proto Proto, src, dst netip.Addr, segment []byte) []byte {
	b := make([]byte, 20, 20+len(segment))
	b[0], b[9] = 0x45, byte(proto)
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(segment)))
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	return append(b, segment...)
}

func ipv6(next byte, src, dst netip.Addr, segment []byte) []byte {
	b := make([]byte, 40, 40+len(segment))
	b[0], b[6] = 0x60, next
	binary.BigEndian.PutUint16(b[4:], uint16(len(segment)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, segment...)
}

func tcpSegment(src, dst uint16, seq uint32, flags byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint32(b[4:], seq)
	b[12], b[13] = 5<<4, flags
	return append(b, payload...)
}

func udpSegment(src, dst uint16, payload []byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	return append(b, payload...)
}

func packets(t testing.TB) [][]byte {
	a4, b4 := client.Addr(), server.Addr()
	a6, b6 := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	options := append([]byte{byte(TCP), 0, 1, 4, 0, 0, 0, 0}, tcpSegment(1, 443, 5, 0x02, nil)...)
	fragment := append([]byte{byte(UDP), 0, 0, 1, 0, 0, 0, 9}, udpSegment(1, 2, []byte("x"))...)
	return [][]byte{
		ipv4(TCP, a4, b4, tcpSegment(40000, 443, 9, 0x02, nil)),
		ipv4(TCP, a4, b4, tcpSegment(40000, 443, 10, 0x10, hello(t, "h2"))),
		ipv4(UDP, a4, b4, udpSegment(40000, 443, []byte{0xc3, 0, 0, 0, 1})),
		ipv6(byte(TCP), a6, b6, tcpSegment(40000, 443, 10, 0x10, []byte("\x13/multistream/1.0.0\n"))),
		ipv6(byte(UDP), a6, b6, udpSegment(1, 2, []byte("text"))),
		ipv6(0, a6, b6, options),
		ipv6(44, a6, b6, fragment),
	}
}

func TestParse(t *testing.T) {
	for i, b := range packets(t) {
		p, ok := Parse(b)
		if !ok {
			t.Fatalf("packet %d is not read", i)
		}
		if p.Src.Port() == 0 || p.Dst.Port() == 0 || !p.Src.IsValid() || p.Src.Addr().Is4() != (b[0]>>4 == 4) {
			t.Errorf("packet %d: %v", i, p)
		}
		for n := range b {
			Parse(b[:n]) // no panic
		}
	}
	if p, _ := Parse(packets(t)[0]); !p.SYN || p.ACK || p.Seq != 9 {
		t.Errorf("%+v", p)
	}
	later := packets(t)[0]
	later[7] = 3 // a fragment behind the first has no ports
	if _, ok := Parse(later); ok {
		t.Error("a later fragment is read")
	}
}

// FuzzParse: no packet makes the censor panic, whatever it was told before.
func FuzzParse(f *testing.F) {
	for _, b := range packets(f) {
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		j := NewJudge(Strict | Policing)
		for _, raw := range [][]byte{a, b, a} {
			p, ok := Parse(raw)
			if !ok {
				continue
			}
			if len(p.Payload) > len(raw) {
				t.Fatalf("%d bytes of payload in %d", len(p.Payload), len(raw))
			}
			j.Pass(start, p)
			j.Pass(start, Packet{Proto: p.Proto, Src: p.Dst, Dst: p.Src, Payload: p.Payload})
		}
	})
}

// FuzzHello: what ParseHello reads it reads from any longer stream too.
func FuzzHello(f *testing.F) {
	f.Add(hello(f, "h2", "http/1.1"))
	f.Add(hello(f))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHello(b)
		if err != nil {
			return
		}
		again, err := ParseHello(append(append([]byte(nil), b...), "more"...))
		if err != nil || again.Name != h.Name || len(again.ALPN) != len(h.ALPN) {
			t.Fatalf("%+v, %v after %+v", again, err, h)
		}
	})
}

// FuzzSigns: no payload makes a rule panic.
func FuzzSigns(f *testing.F) {
	f.Add([]byte("\x13/multistream/1.0.0\n"))
	f.Add([]byte{0xc3, 0, 0, 0, 1})
	f.Add([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1})
	f.Add(encrypted())
	f.Fuzz(func(t *testing.T, b []byte) {
		if isFullyEncrypted(b) && (TLSPrefix(b) || len(b) == 0) {
			t.Fatal("TLS is not exempt")
		}
		if isQUICv1(b) && isDTLSHello(b) {
			t.Fatal("both QUIC and DTLS")
		}
		isMultistream(b)
		isWebRTC(b)
	})
}
