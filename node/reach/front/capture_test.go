package front

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"slices"
	"testing"

	utls "github.com/refraction-networking/utls"
)

// captured is a browser's ClientHello as it is on the wire.
func captured(t testing.TB, id utls.ClientHelloID) []byte {
	t.Helper()
	u := utls.UClient(nil, &utls.Config{ServerName: "captured.example"}, id)
	if err := u.BuildHandshakeState(); err != nil {
		t.Fatal(err)
	}
	hello := u.HandshakeState.Hello.Raw
	return append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(len(hello))), hello...)
}

// withPart is a ClientHello with one extension more, or, with nil, without that one.
func withPart(t testing.TB, raw []byte, id uint16, data []byte) []byte {
	t.Helper()
	at := 43
	for _, n := range []int{1, 2, 1} {
		field, _, ok := cut(raw[at:], n)
		if !ok {
			t.Fatal("not a ClientHello")
		}
		at += n + len(field)
	}
	parts, _, _ := cut(raw[at:], 2)
	var kept []byte
	for len(parts) > 0 {
		body, rest, _ := cut(parts[2:], 2)
		if binary.BigEndian.Uint16(parts) != id || data != nil {
			kept = append(kept, parts[:4+len(body)]...)
		}
		parts = rest
	}
	if data != nil {
		kept = binary.BigEndian.AppendUint16(kept, id)
		kept = append(binary.BigEndian.AppendUint16(kept, uint16(len(data))), data...)
	}
	out := append(binary.BigEndian.AppendUint16(slices.Clone(raw[:at]), uint16(len(kept))), kept...)
	binary.BigEndian.PutUint16(out[3:], uint16(len(out)-5))
	binary.BigEndian.PutUint16(out[7:], uint16(len(out)-9))
	return out
}

// TestCapture: what was captured of a browser comes out as that browser's handshake
// for a WebSocket, with a name and keys of its own.
func TestCapture(t *testing.T) {
	s, came := witness(t)
	d := Door{Name: "bridge.example", Pin: pinOf(s.Certificate()), Pass: passOf(1)}
	hello := func(d Door) *tls.ClientHelloInfo {
		v, err := (&Client{Look: "chrome"}).visit(s.Listener.Addr().String(), d)
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Dial("tcp", v.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := v.handshake(t.Context(), &raw{Conn: tcp, done: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		return <-came
	}
	for id, shuffles := range map[utls.ClientHelloID]bool{
		utls.HelloChrome_133: true, utls.HelloChrome_120: true, utls.HelloFirefox_120: false, utls.HelloSafari_16_0: false, utls.HelloIOS_14: false, utls.HelloEdge_85: false,
	} {
		t.Run(id.Str(), func(t *testing.T) {
			raw := captured(t, id)
			p := profile{Look: "chrome", Capture: raw, Shuffle: shuffles, Agent: "Mozilla/5.0"}
			orders := map[string]bool{}
			var want []uint16
			spec, err := utls.UTLSIdToSpec(id)
			if err != nil {
				t.Fatal(err)
			}
			parts := len(spec.Extensions)
			for _, e := range spec.Extensions {
				switch e.(type) {
				case *utls.ApplicationSettingsExtension, *utls.ApplicationSettingsExtensionNew:
					parts--
				case *utls.UtlsPaddingExtension:
					parts-- // not there where the rest is long enough
				}
			}
			given := d
			given.Profiles = parsed(t, 5, p)
			for range 20 {
				h := hello(given)
				checkHello(t, h)
				h.Extensions = slices.DeleteFunc(h.Extensions, func(e uint16) bool { return e == 21 })
				if len(h.Extensions) != parts {
					t.Fatalf("%d extensions, captured were %d", len(h.Extensions), parts)
				}
				var order []uint16
				for _, e := range h.Extensions {
					if e&0x0f0f != 0x0a0a {
						order = append(order, e)
					}
				}
				orders[string(fmtHex(order))] = true
				slices.Sort(order)
				if want == nil {
					want = order
				}
				if !slices.Equal(order, want) {
					t.Fatalf("extensions %v and %v", order, want)
				}
			}
			if (len(orders) > 1) != shuffles {
				t.Errorf("%d orders", len(orders))
			}
		})
	}
	// The same fingerprint as that of the handshake in the program from which it was captured.
	h := hello(d)
	given := d
	given.Profiles = parsed(t, 5, profile{Look: "chrome", Capture: captured(t, utls.HelloChrome_133), Agent: "x"})
	if g := hello(given); ja4(g, g.Extensions) != ja4(h, h.Extensions) {
		t.Errorf("JA4 %s, that of the browser %s", ja4(g, g.Extensions), ja4(h, h.Extensions))
	}
	// What nobody knows yet goes along.
	given.Profiles = parsed(t, 5, profile{Look: "chrome", Capture: withPart(t, captured(t, utls.HelloChrome_133), 0xca34, []byte("new")), Agent: "x"})
	if g := hello(given); !slices.Contains(g.Extensions, 0xca34) {
		t.Errorf("%v", g.Extensions)
	}
}

func fmtHex(all []uint16) (out []byte) {
	for _, v := range all {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	return out
}

// TestBadCaptures: what cannot be dialled, or sent again, is refused when it comes.
func TestBadCaptures(t *testing.T) {
	good := captured(t, utls.HelloFirefox_120)
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	replaced := func(id uint16, data []byte) []byte { return withPart(t, withPart(t, good, id, nil), id, data) }
	public, secret := keys(t)
	take := func(raw []byte) error {
		_, err := ParseProfiles(signed(t, secret, profilesRecord{Serial: 1, Profiles: []profile{{Look: "a", Capture: raw, Agent: "b"}}}), public)
		return err
	}
	if err := take(good); err != nil {
		t.Fatal(err)
	}
	if err := take(withPart(t, withPart(t, good, 0, nil), 0, []byte("\x00\x06\x00\x00\x03a.b"))); err != nil {
		t.Errorf("the helper breaks it: %v", err)
	}
	for name, raw := range map[string][]byte{
		"no handshake":    change(0, 23),
		"another message": change(5, 2),
		"short":           good[:len(good)-1],
		"long":            append(slices.Clone(good), 0),
		"very long":       withPart(t, good, 0xca34, make([]byte, captureMost)),
		"its length":      change(8, good[8]+1),
		"a session":       withPart(t, good, 41, make([]byte, 60)),
		"early data":      withPart(t, good, 42, []byte{}),
		"a cookie":        withPart(t, good, 44, []byte{0, 1, 1}),
		"QUIC":            withPart(t, good, 57, []byte{}),
		"one twice":       withPart(t, good, 16, []byte("\x00\x03\x02h2")),
		"another ALPN":    replaced(16, []byte("\x00\x03\x02h3")),
		"no ALPN":         withPart(t, good, 16, nil),
		"no name":         withPart(t, good, 0, nil),
		"no key":          withPart(t, good, 51, nil),
		"no known key":    replaced(51, []byte{0, 6, 0x11, 0xeb, 0, 2, 1, 2}),
		"no good key":     replaced(51, []byte{0, 6, 1, 0, 0, 2, 1, 2}),
		"no TLS 1.3":      replaced(43, []byte{2, 3, 3}),
		"no curves":       replaced(10, []byte{0, 0}),
		"no signatures":   replaced(13, []byte{0, 2, 1, 1}),
		"a huge ECH":      replaced(65037, append(append([]byte{0, 0, 1, 0, 1, 9, 0x03, 0xe8}, make([]byte, 1000)...), 0, 0)),
	} {
		if err := take(raw); err == nil || bytes.Contains([]byte(err.Error()), []byte("breaks")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCapture: whatever is taken leads through a handshake, and nothing breaks the
// library or makes it say more than was captured.
func FuzzCapture(f *testing.F) {
	for _, id := range []utls.ClientHelloID{utls.HelloChrome_133, utls.HelloFirefox_120, utls.HelloSafari_16_0, utls.HelloIOS_14, utls.HelloEdge_85} {
		f.Add(captured(f, id), true)
		f.Add(captured(f, id), false)
	}
	f.Add(withPart(f, captured(f, utls.HelloFirefox_120), 0xca34, []byte("new")), true)
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0}, false)
	cert, err := selfSigned(seed, "www.example.com")
	if err != nil {
		f.Fatal(err)
	}
	server := newHTTP(nil, func() *tls.Certificate { return cert }).TLSConfig
	f.Fuzz(func(t *testing.T, raw []byte, shuffle bool) {
		p := profile{Look: "a", Capture: raw, Shuffle: shuffle, Agent: "b"}
		if p.check() != nil {
			return
		}
		if err := p.try(server); err != nil {
			if bytes.Contains([]byte(err.Error()), []byte("breaks")) {
				t.Error(err)
			}
			return
		}
		u := utls.UClient(nil, &utls.Config{ServerName: "a.example"}, utls.HelloCustom)
		spec, err := p.spec()
		if err != nil {
			t.Fatal(err)
		}
		if err := u.ApplyPreset(spec); err != nil {
			t.Fatal(err)
		}
		if err := u.BuildHandshakeState(); err != nil {
			t.Fatal(err)
		}
		if n := len(u.HandshakeState.Hello.Raw); n > 4*captureMost {
			t.Errorf("%d bytes become %d", len(raw), n)
		}
	})
}
