package censor

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	client = netip.MustParseAddrPort("10.0.0.2:40000")
	server = netip.MustParseAddrPort("10.0.1.2:443")
	start  = time.Unix(1_700_000_000, 0)
)

// hello returns the ClientHello that Go sends.
func hello(t testing.TB, alpn ...string) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer b.Close()
	go func() {
		_ = tls.Client(a, &tls.Config{ServerName: "site.example", NextProtos: alpn}).Handshake() // it ends when b does
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(b, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// conversation hands a Judge the packets of one TCP connection.
type conversation struct {
	j        *Judge
	now      time.Time
	from, to netip.AddrPort
	seq      uint32
}

func (j *Judge) dial(now time.Time, port uint16) *conversation {
	c := &conversation{j: j, now: now, from: netip.AddrPortFrom(client.Addr(), port), to: server, seq: 1 << 31}
	j.Pass(now, Packet{Proto: TCP, Src: c.from, Dst: c.to, SYN: true, Seq: c.seq - 1})
	return c
}

func (c *conversation) send(b []byte) bool {
	p := Packet{Proto: TCP, Src: c.from, Dst: c.to, ACK: true, Seq: c.seq, Payload: b}
	c.seq += uint32(len(b))
	return c.j.Pass(c.now, p)
}

func (c *conversation) answer(b []byte) bool {
	return c.j.Pass(c.now, Packet{Proto: TCP, Src: c.to, Dst: c.from, ACK: true, Payload: b})
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// encrypted returns random bytes that no exemption covers.
func encrypted() []byte {
	for {
		if b := random(200); isFullyEncrypted(b) {
			return b
		}
	}
}

func TestRules(t *testing.T) {
	noise := append([]byte("\x13/multistream/1.0.0\n"), "\x07/noise\n"...)
	quic := append([]byte{0xc3, 0, 0, 0, 1, 8}, random(1194)...)
	dtls := append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1}, random(100)...)
	get := []byte("GET / HTTP/1.1\r\nHost: site.example\r\n\r\n")
	for _, c := range []struct {
		name  string
		rules Rules
		proto Proto
		first []byte
		want  string // the rule that blocks it; empty: it passes
	}{
		{"libp2p over TCP", Signatures, TCP, noise, "multistream"},
		{"libp2p over TCP, no rule for it", FullyEncrypted, TCP, noise, ""},
		{"libp2p's TLS", Signatures, TCP, hello(t, "/yamux/1.0.0", "libp2p"), "tls-alpn-libp2p"},
		{"a browser's TLS", Strict, TCP, hello(t, "h2", "http/1.1"), ""},
		{"TLS without ALPN", Strict, TCP, hello(t), "tls-without-alpn"},
		{"TLS without ALPN, no rule for it", Signatures, TCP, hello(t), ""},
		{"nothing known", Strict, TCP, encrypted(), "fully-encrypted"},
		{"nothing known, no rule for it", Signatures, TCP, encrypted(), ""},
		{"HTTP", Strict, TCP, get, ""},
		{"QUIC", Signatures, UDP, quic, "quic-v1"},
		{"QUIC, version 2", Strict, UDP, append([]byte{0xd3, 0x6b, 0x33, 0x43, 0xcf, 8}, random(1194)...), ""},
		{"DTLS", Signatures, UDP, dtls, "dtls"},
		{"webrtc-direct", Signatures, UDP, []byte("\x00\x01\x00\x00....libp2p+webrtc+v1/abc"), "webrtc-name"},
		{"DNS", Strict, UDP, append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x04site\x07example\x00\x00\x01\x00\x01"...), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := NewJudge(c.rules)
			got := ""
			j.OnBlock(func(rule string, _ Packet) { got = rule })
			pass := false
			if c.proto == UDP {
				pass = j.Pass(start, Packet{Proto: UDP, Src: client, Dst: server, Payload: c.first})
			} else {
				pass = j.dial(start, client.Port()).send(c.first)
			}
			if got != c.want || pass != (c.want == "") {
				t.Errorf("passed %v, blocked by %q, want %q", pass, got, c.want)
			}
		})
	}
}

// TestHelloInPieces: a hello is read however it is cut, in whatever order it comes.
func TestHelloInPieces(t *testing.T) {
	h := hello(t, "libp2p")
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 0, 2, 1}} {
		j := NewJudge(ALPNLibp2p)
		c := j.dial(start, 40000)
		cut := []int{0, 3, 200, len(h)}
		for _, i := range order {
			c.j.Pass(start, Packet{Proto: TCP, Src: c.from, Dst: c.to, ACK: true, Seq: c.seq + uint32(cut[i]), Payload: h[cut[i]:cut[i+1]]})
		}
		if c.answer([]byte("x")) {
			t.Errorf("the order %v hides the hello", order)
		}
	}
	// The same over two TLS records.
	two := append([]byte{22, 3, 1, 0, 50}, h[5:55]...)
	two = append(two, 22, 3, 1)
	two = binary.BigEndian.AppendUint16(two, uint16(len(h)-55))
	two = append(two, h[55:]...)
	got, err := ParseHello(two)
	if err != nil || !got.libp2pALPN() || got.Name != "site.example" {
		t.Errorf("two records: %+v, %v", got, err)
	}
	for i := range h {
		if _, err := ParseHello(h[:i]); !errors.Is(err, errMore) {
			t.Fatalf("%d bytes of it: %v", i, err)
		}
	}
}

// TestBlockedStays: what was blocked is blocked both ways, and a new connection
// from the same port is looked at anew.
func TestBlockedStays(t *testing.T) {
	j := NewJudge(Signatures)
	c := j.dial(start, 40000)
	if c.send([]byte("\x13/multistream/1.0.0\n")) || c.send([]byte("more")) || c.answer([]byte("hello")) {
		t.Error("it goes on")
	}
	again := j.dial(start.Add(time.Second), 40000)
	if !again.send([]byte("GET / HTTP/1.1\r\n\r\n")) || !again.answer([]byte("HTTP/1.1 200 OK\r\n")) {
		t.Error("the port is blocked for good")
	}
	if got := j.Blocked()["multistream"]; got != 1 {
		t.Errorf("%d blocked", got)
	}
	j.Set(0)
	if !c.send([]byte("now")) {
		t.Error("with no rules something is blocked")
	}
}

// TestMiddle: a connection whose beginning was not seen is let be.
func TestMiddle(t *testing.T) {
	j := NewJudge(Strict)
	c := &conversation{j: j, now: start, from: client, to: server, seq: 7}
	if !c.send(encrypted()) || !c.send([]byte("/multistream/1.0.0")) {
		t.Error("judged by its middle")
	}
}

func TestFullyEncrypted(t *testing.T) {
	b := encrypted()
	with := func(at int, s string) []byte {
		c := bytes.Clone(b)
		copy(c[at:], s)
		return c
	}
	for name, c := range map[string][]byte{
		"few bits":        bytes.Repeat([]byte{0x11, 0x03}, 100),
		"many bits":       bytes.Repeat([]byte{0xfe, 0xf7}, 100),
		"printable start": with(0, "abcdef"),
		"a printable run": with(50, strings.Repeat("j", 21)),
		"mostly text":     []byte(strings.Repeat("jk\xaa", 60)),
		"TLS":             with(0, "\x16\x03\x01"),
		"HTTP":            with(0, "PUT "),
		"nothing":         {},
	} {
		if isFullyEncrypted(c) {
			t.Errorf("%s is not exempt", name)
		}
	}
	for name, c := range map[string][]byte{
		"as it is":         b,
		"a shorter start":  []byte("abcde\xaa\x99\xb4\x1b\xca"),
		"a run of 20":      append(bytes.Repeat([]byte{0xb4, 0x1b, 0xca, 0x99}, 10), strings.Repeat("j", 20)...),
		"text, but binary": []byte(strings.Repeat("j\xaa\xb4", 60)),
	} {
		if !isFullyEncrypted(c) {
			t.Errorf("%s is exempt", name)
		}
	}
}

func TestPolicing(t *testing.T) {
	h := hello(t, "h2")
	for _, c := range []struct {
		name   string
		gap    time.Duration
		opened int // how many of 8 connections pass
	}{
		{"at once", 0, 3},
		{"399 ms apart", 399 * time.Millisecond, 3},
		{"400 ms apart", 400 * time.Millisecond, 8},
		{"600 ms apart", 600 * time.Millisecond, 8},
	} {
		j := NewJudge(Policing)
		passed := 0
		for i := range 8 {
			if j.dial(start.Add(time.Duration(i)*c.gap), 40000+uint16(i)).send(h) {
				passed++
			}
		}
		if passed != c.opened {
			t.Errorf("%s: %d pass, want %d", c.name, passed, c.opened)
		}
		late := start.Add(policeFreeze + time.Minute)
		if !j.dial(late, 41000).send(h) {
			t.Errorf("%s: frozen for ever", c.name)
		}
	}
	// Close ones that lie more than a minute apart do not add up.
	j := NewJudge(Policing)
	for i := range 10 {
		now := start.Add(time.Duration(i) * 61 * time.Second)
		if !j.dial(now, 40000+uint16(2*i)).send(h) || !j.dial(now.Add(time.Millisecond), 40001+uint16(2*i)).send(h) {
			t.Fatalf("pair %d is frozen", i)
		}
	}
}

// TestForgets: a flood of connections does not fill the memory.
func TestForgets(t *testing.T) {
	j := NewJudge(Strict)
	for i := range 2 * maxFlows {
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		j.Pass(start, Packet{Proto: TCP, Src: src, Dst: server, SYN: true})
	}
	if len(j.flows) > maxFlows {
		t.Errorf("%d flows are remembered", len(j.flows))
	}
}
