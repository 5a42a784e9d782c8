package scenes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

// These tests show that the router does to stock traffic what each profile says,
// before anything of Linnet goes through it: what must be stopped is, and plain
// HTTPS passes. ./check runs them by themselves, with LINNET_LAB=1.

const patience = 1500 * time.Millisecond // what has not come by then was stopped

// street is a network with plain servers outside.
type street struct {
	*internet
	t *testing.T
}

func newStreet(t *testing.T, name string) *street {
	t.Helper()
	if os.Getenv("LINNET_LAB") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip, nft, iptables and tc")
	}
	n, err := newInternet(1, profiles()[name])
	if err != nil {
		t.Fatal(err)
	}
	s := &street{n, t}
	s.serve("tcp", ":443", s.site)
	s.serve("tcp", ":4040", s.echo)
	s.echoUDP(":4040")
	t.Cleanup(func() {
		if n := s.router.queue.Failures(); n > 0 {
			t.Errorf("the censor lost %d packets", n)
		}
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *street) serve(network, port string, handle func(net.Conn)) {
	l, err := s.servers[0].Listen(s.t.Context(), network, serverAddr(0)+port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the listener was closed
			}
			go handle(c)
		}
	}()
}

// echo sends back what comes.
func (s *street) echo(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

func (s *street) echoUDP(port string) {
	var conn net.PacketConn
	err := s.servers[0].Inside(func() (err error) {
		conn, err = net.ListenPacket("udp", serverAddr(0)+port)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return // it was closed
			}
			_, _ = conn.WriteTo(b[:n], from)
		}
	}()
}

// site answers over TLS with as many bytes as the request, a number, asks for.
func (s *street) site(c net.Conn) {
	defer c.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site.example"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return
	}
	t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}, NextProtos: []string{"http/1.1", "libp2p"}})
	var n int
	if _, err := fmt.Fscanln(t, &n); err != nil {
		return
	}
	_, _ = t.Write(make([]byte, n))
}

// fetch asks the site for n bytes, and returns how many came.
func (s *street) fetch(n int, alpn ...string) (int, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience+time.Second)
	defer cancel()
	c, err := s.client.Dial(ctx, "tcp", serverAddr(0)+":443")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "site.example", NextProtos: alpn})
	if _, err := fmt.Fprintln(t, n); err != nil {
		return 0, err
	}
	got, err := io.Copy(io.Discard, t)
	return int(got), err
}

// say sends bytes to the echo and reports whether they come back.
func (s *street) say(network string, b []byte) bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := s.client.Dial(ctx, network, serverAddr(0)+":4040")
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		return false
	}
	back := make([]byte, len(b))
	_, err = io.ReadFull(c, back)
	return err == nil && bytes.Equal(b, back)
}

// First bytes of protocols.
var (
	libp2pTCP = []byte("\x13/multistream/1.0.0\n\x07/noise\n")
	quicV1    = append([]byte{0xc3, 0, 0, 0, 1, 8}, make([]byte, 1194)...)
	dtlsHello = append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1}, make([]byte, 99)...)
	nothing   = bytes.Repeat([]byte{0xb4, 0x1b, 0xca, 0x99}, 50) // 4 bits set in each byte, hardly printable
	plainUDP  = []byte("a datagram")
	plainTCP  = []byte("GET / HTTP/1.1\r\n\r\n")
)

func TestProfilesStop(t *testing.T) {
	const all = "tcp udp libp2p quic dtls nothing https alpn-libp2p no-alpn long"
	for name, passes := range map[string]string{
		"open":       all,
		"nodns":      all,
		"noudp":      "tcp libp2p nothing https alpn-libp2p no-alpn long",
		"only443":    "https alpn-libp2p no-alpn long",
		"signatures": "tcp udp nothing https no-alpn long",
		"strict":     "tcp udp https long",
		"freeze":     "tcp udp libp2p quic dtls nothing https alpn-libp2p no-alpn",
		"policing":   "tcp libp2p nothing https",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t, name)
			got := map[string]bool{
				"tcp": s.say("tcp", plainTCP), "udp": s.say("udp", plainUDP), "libp2p": s.say("tcp", libp2pTCP),
				"quic": s.say("udp", quicV1), "dtls": s.say("udp", dtlsHello), "nothing": s.say("tcp", nothing),
				"https": s.has(8<<10, "http/1.1"),
			}
			if name != "policing" { // whose turn is below
				got["alpn-libp2p"], got["no-alpn"], got["long"] = s.has(4<<10, "libp2p"), s.has(4<<10), s.has(200<<10, "http/1.1")
			}
			want := map[string]bool{}
			for _, p := range bytes.Fields([]byte(passes)) {
				want[string(p)] = true
			}
			for what, passed := range got {
				if passed != want[what] {
					t.Errorf("%s: passed %v, want %v", what, passed, want[what])
				}
			}
		})
	}
}

func (s *street) has(n int, alpn ...string) bool {
	got, err := s.fetch(n, alpn...)
	return err == nil && got == n
}

// TestFreeze: a long answer stops soon behind 16 KB, with no word of why, and another
// connection begins anew.
func TestFreeze(t *testing.T) {
	s := newStreet(t, "freeze")
	for range 2 {
		got, err := s.fetch(100<<10, "http/1.1")
		var late net.Error
		if !errors.As(err, &late) || !late.Timeout() {
			t.Errorf("the connection ended with %v, want silence", err)
		}
		if got < 4<<10 || got > 17<<10 {
			t.Errorf("%d bytes came", got)
		}
	}
}

// TestPolicing: TLS connections in quick succession freeze both addresses for two
// minutes; those that keep their distance pass.
func TestPolicing(t *testing.T) {
	s := newStreet(t, "policing")
	for i := range 8 {
		if !s.has(1<<10, "http/1.1") {
			t.Fatalf("connection %d of those with distance is stopped", i)
		}
		<-time.After(600 * time.Millisecond) // what is measured is the distance itself
	}
	passed := 0
	for range 8 {
		if !s.has(1<<10, "http/1.1") {
			break
		}
		passed++
	}
	if passed > 3 {
		t.Errorf("%d connections at once pass", passed)
	}
	if s.say("tcp", plainTCP) {
		t.Error("the addresses are not frozen")
	}
}

// TestSlow: there and back takes half a second, and a second carries 8 KB.
func TestSlow(t *testing.T) {
	s := newStreet(t, "slow")
	begin := time.Now()
	if !s.say("udp", plainUDP) {
		t.Fatal("nothing comes back")
	}
	if took := time.Since(begin); took < 490*time.Millisecond || took > 900*time.Millisecond {
		t.Errorf("there and back took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := s.client.Dial(ctx, "tcp", serverAddr(0)+":4040")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin = time.Now()
	if _, err := c.Write(make([]byte, 40<<10)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 40<<10)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < 4*time.Second || took > 12*time.Second {
		t.Errorf("40 KB there and back took %v", took)
	}
}

// TestRouterCounts: the counters tell the ways apart.
func TestRouterCounts(t *testing.T) {
	s := newStreet(t, "open")
	s.has(20<<10, "http/1.1")
	s.say("udp", make([]byte, 1000))
	s.say("tcp", make([]byte, 3000))
	got, err := s.router.traffic()
	if err != nil {
		t.Fatal(err)
	}
	if got.web < 20<<10 || got.web > 40<<10 || got.udp < 2000 || got.udp > 2500 || got.tcp < 6000 || got.tcp > 9000 {
		t.Errorf("%+v", got)
	}
}
