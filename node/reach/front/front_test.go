package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seed = bytes.Repeat([]byte{7}, 32)

func passOf(n byte) pass { return pass(bytes.Repeat([]byte{n}, 16)) }

// open starts a bridge on loopback that lets in who has passOf(1).
func open(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Key: seed, Passes: []pass{passOf(1)}}
	if change != nil {
		change(&cfg)
	}
	s, err := Open(l, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func door(s *Server, p pass) Door { return Door{Name: s.Name(), Pin: s.Pin(), Pass: p} }

// echo accepts guests and sends back what they say.
func echo(t testing.TB, s *Server) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			g, err := s.Accept()
			if err != nil {
				return
			}
			go func() {
				defer g.Close()
				_, _ = io.Copy(g, g)
			}()
		}
	}()
	t.Cleanup(func() { _ = s.Close(); <-done })
}

func talk(t *testing.T, c net.Conn, size int) {
	t.Helper()
	sent := bytes.Repeat([]byte("what is said comes back. "), size/25+1)[:size]
	errs := make(chan error, 1)
	go func() { _, err := c.Write(sent); errs <- err }()
	got := make([]byte, size)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("something else came back, %v", err)
	}
}

func TestVeilEcho(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	for _, look := range append(Looks(), "") {
		c := Client{Look: look}
		conn, err := c.Veil(t.Context(), s.Addr().String(), door(s, passOf(1)))
		if err != nil {
			t.Fatalf("%s: %v", look, err)
		}
		talk(t, conn, 100_000)
		_ = conn.Close()
	}
}

func TestDripEcho(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	c := Client{Look: "chrome"}
	conn, err := c.Drip(t.Context(), s.Addr().String(), door(s, passOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn, 10_000)
	_ = conn.Close()
}

func TestRefusals(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	var c Client
	good := door(s, passOf(1))
	for name, try := range map[string]struct {
		change func(*Door)
		want   error
	}{
		"another pass":  {func(d *Door) { d.Pass = passOf(2) }, ErrSite},
		"another pin":   {func(d *Door) { d.Pin[0]++ }, ErrPin},
		"no pin":        {func(d *Door) { d.Pin = [32]byte{} }, ErrPin},
		"a bad name":    {func(d *Door) { d.Name = "a b" }, nil},
		"no name":       {func(d *Door) { d.Name = "" }, nil},
		"name and port": {func(d *Door) { d.Name += ":1" }, nil},
	} {
		d := good
		try.change(&d)
		conn, err := c.Veil(t.Context(), s.Addr().String(), d)
		if conn != nil || err == nil || try.want != nil && !errors.Is(err, try.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&Client{Look: "lynx"}).Veil(t.Context(), s.Addr().String(), good); !errors.Is(err, ErrLook) {
		t.Errorf("an unknown browser: %v", err)
	}
	if _, err := c.Veil(t.Context(), "bridge.example:443", good); err == nil {
		t.Error("a name in the place of an address is looked up")
	}
}

// TestRoots: without a pin the roots decide.
func TestRoots(t *testing.T) {
	s := open(t, func(cfg *Config) { cfg.Name = "bridge.example" })
	echo(t, s)
	leaf, err := x509.ParseCertificate(s.cert().Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	c := Client{Roots: x509.NewCertPool()}
	c.Roots.AddCert(leaf)
	d := Door{Name: "bridge.example", Pass: passOf(1)}
	conn, err := c.Veil(t.Context(), s.Addr().String(), d)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn, 10)
	_ = conn.Close()
	d.Name = "other.example"
	if _, err := c.Veil(t.Context(), s.Addr().String(), d); !errors.Is(err, ErrPin) {
		t.Errorf("another name: %v", err)
	}
}

// TestRevoke: who is there with a pass that is taken back is cut off, and nobody
// comes with it again.
func TestRevoke(t *testing.T) {
	s := open(t, func(cfg *Config) { cfg.Passes = append(cfg.Passes, passOf(2)) })
	echo(t, s)
	var c Client
	addr := s.Addr().String()
	one, err := c.Veil(t.Context(), addr, door(s, passOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := c.Veil(t.Context(), addr, door(s, passOf(2)))
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	drip, err := c.Drip(t.Context(), addr, door(s, passOf(2)))
	if err != nil {
		t.Fatal(err)
	}
	defer drip.Close()
	talk(t, one, 10)
	talk(t, two, 10)
	talk(t, drip, 10)
	s.SetPasses([]pass{passOf(1)})
	for _, gone := range []net.Conn{two, drip} {
		if _, err := gone.Read(make([]byte, 1)); err == nil {
			t.Error("somebody is there with a pass that was taken back")
		}
	}
	talk(t, one, 10)
	if _, err := c.Veil(t.Context(), addr, door(s, passOf(2))); !errors.Is(err, ErrSite) {
		t.Errorf("somebody comes with a pass that was taken back: %v", err)
	}
}

// TestClock: a client whose clock is wrong comes in, and learns how wrong it is.
func TestClock(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	for _, ahead := range []time.Duration{0, -30 * time.Second, 3 * time.Hour, -400 * 24 * time.Hour} {
		for _, way := range []string{Veil, Drip} {
			c := Client{}
			c.clocks.ahead = ahead
			if _, known := c.Skew(); known {
				t.Error("it knows before it has asked")
			}
			open := map[string]func(context.Context, string, Door) (net.Conn, error){Veil: c.Veil, Drip: c.Drip}[way]
			conn, err := open(t.Context(), s.Addr().String(), door(s, passOf(1)))
			if err != nil {
				t.Fatalf("%s, %v ahead: %v", way, ahead, err)
			}
			_ = conn.Close()
			skew, known := c.Skew()
			if ahead != 0 && (!known || (skew-ahead).Abs() > 5*time.Second) {
				t.Errorf("%s, %v ahead: it found %v, %v", way, ahead, skew, known)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	s := open(t, func(cfg *Config) {
		cfg.MaxPerPass, cfg.MaxGuests, cfg.Passes = 1, 2, []pass{passOf(1), passOf(2), passOf(3)}
	})
	var c Client
	addr := s.Addr().String()
	var in []net.Conn
	come := func(n byte) error {
		conn, err := c.Veil(t.Context(), addr, door(s, passOf(n)))
		if err == nil {
			in = append(in, conn)
		}
		return err
	}
	defer func() {
		for _, conn := range in {
			_ = conn.Close()
		}
	}()
	if err := come(1); err != nil {
		t.Fatal(err)
	}
	if err := come(1); !errors.Is(err, ErrFull) {
		t.Errorf("a second one with the same pass: %v", err)
	}
	if err := come(2); err != nil {
		t.Fatal(err)
	}
	if err := come(3); !errors.Is(err, ErrFull) {
		t.Errorf("a third one in all: %v", err)
	}
	g, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = g.Close()
	if err := come(3); err != nil {
		t.Errorf("somebody went, and still there is no room: %v", err)
	}
}

func TestSameAtEachStart(t *testing.T) {
	one, two := open(t, nil), open(t, nil)
	if one.Pin() != two.Pin() || one.Name() != two.Name() || one.Pin() == [32]byte{} {
		t.Error("a bridge changes its face when it starts again")
	}
	if !bytes.Equal(one.cert().Certificate[0], two.cert().Certificate[0]) {
		t.Error("its certificate changes")
	}
	other := open(t, func(cfg *Config) { cfg.Key = bytes.Repeat([]byte{8}, 32) })
	if one.Pin() == other.Pin() || one.Name() == other.Name() {
		t.Error("two bridges have the same face")
	}
	leaf, err := x509.ParseCertificate(one.cert().Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.VerifyHostname(one.Name()); err != nil || time.Now().Before(leaf.NotBefore) || time.Now().After(leaf.NotAfter) {
		t.Error("its certificate is not good for its name, now", err)
	}
}

// TestClose: whoever is there is cut off, and Accept ends.
func TestClose(t *testing.T) {
	s := open(t, nil)
	var c Client
	conn, err := c.Veil(t.Context(), s.Addr().String(), door(s, passOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	idle, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	half, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	_ = s.Close()
	if _, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a guest is still there")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Veil(t.Context(), s.Addr().String(), door(s, passOf(1))); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("afterwards: %v", err)
	}
}

// BenchmarkVeil is what goes through a bridge by veil, TLS included.
func BenchmarkVeil(b *testing.B) { benchmark(b, (*Client).Veil) }

func benchmark(b *testing.B, way func(*Client, context.Context, string, Door) (net.Conn, error)) {
	s := open(b, nil)
	c := Client{Look: "chrome"}
	conn, err := way(&c, b.Context(), s.Addr().String(), door(s, passOf(1)))
	if err != nil {
		b.Fatal(err)
	}
	g, err := s.Accept()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, g)
		_ = g.Close()
	}()
	chunk := make([]byte, 16<<10)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := conn.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	_ = conn.Close()
	<-done
}
