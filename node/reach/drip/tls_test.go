package drip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted is a TLS connection that knows what came below TLS.
type counted struct {
	*tls.Conn
	under *counter
}

func (c counted) Received() int64 { return c.under.in.Load() }

type counter struct {
	net.Conn
	in, out atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.in.Add(int64(n))
	return n, err
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.out.Add(int64(n))
	return n, err
}

// secured is a drip server behind TLS on this computer.
type secured struct {
	*Server
	site  *http.Server
	addr  string
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []*counter
}

func newSecured(t testing.TB) *secured {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"example.org"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{Server: NewServer(Limits{}), addr: l.Addr().String()}
	s.site = &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"http/1.1"}},
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, testPass) }),
	}
	s.wg.Go(func() { s.site.ServeTLS(l, "", "") })
	t.Cleanup(func() {
		s.Server.Close()
		s.site.Close()
		s.wg.Wait()
	})
	return s
}

func (s *secured) open(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	under := &counter{Conn: conn}
	s.mu.Lock()
	s.conns = append(s.conns, under)
	s.mu.Unlock()
	c := tls.Client(under, &tls.Config{ServerName: "example.org", InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	return counted{c, under}, c.HandshakeContext(ctx)
}

func (s *secured) pair(t testing.TB) (net.Conn, *Conn) {
	t.Helper()
	c, err := Dial(t.Context(), Config{Open: s.open, Prepare: prepare})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

// TestBudget carries data over TLS, and counts below it what each connection had.
func TestBudget(t *testing.T) {
	s := newSecured(t)
	c, d := s.pair(t)
	both(t, c, d, 200<<10)
	for i := range 50 {
		exchangeOnce(t, c, d, string(noise(uint64(i), 1+i*100)))
		exchangeOnce(t, d, c, string(noise(uint64(i), 5001-i*100)))
	}
	c.Close()
	d.Close()
	var in, out int64
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		in, out = max(in, c.in.Load()), max(out, c.out.Load())
	}
	t.Logf("%d connections, at most %d bytes down and %d up on one", len(s.conns), in, out)
	if in > 9000 || out > 14000 {
		t.Errorf("a connection had %d bytes from the server and %d to it", in, out)
	}
}

// BenchmarkBulk carries bytes from the server over TLS on this computer, with
// connections as fast as they come.
func BenchmarkBulk(b *testing.B) {
	s := newSecured(b)
	c, d := s.pair(b)
	const size = 64 << 10
	data, got := make([]byte, size), make([]byte, size)
	b.SetBytes(size)
	for b.Loop() {
		done := make(chan error, 1)
		go func() {
			_, err := d.Write(data)
			done <- err
		}()
		if _, err := io.ReadFull(c, got); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	s.report(b)
	c.Close()
	d.Close()
}

// BenchmarkMessage sends a message of 300 bytes and gets one back. It reports what
// they cost on the wire, handshakes included.
func BenchmarkMessage(b *testing.B) {
	s := newSecured(b)
	c, d := s.pair(b)
	text := string(make([]byte, 300))
	for b.Loop() {
		exchangeOnce(b, c, d, text)
		exchangeOnce(b, d, c, text)
	}
	s.report(b)
	c.Close()
	d.Close()
}

func (s *secured) report(b *testing.B) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in, out int64
	for _, c := range s.conns {
		in, out = in+c.in.Load(), out+c.out.Load()
	}
	n := float64(b.N)
	b.ReportMetric(float64(in)/n, "down-B/op")
	b.ReportMetric(float64(out)/n, "up-B/op")
	b.ReportMetric(float64(len(s.conns))/n, "conns/op")
}
