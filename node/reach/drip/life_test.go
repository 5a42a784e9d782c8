package drip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// far makes each connection of p take d one way.
func (p *place) far(d time.Duration) {
	p.kinds = func() (up, down kind) { return kind{Delay: d}, kind{Delay: d} }
}

// TestFirstWords measures how long a dial and four messages to and fro take, as
// for a handshake, where connections are spaced out.
func TestFirstWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, cfg := censored(t, 600*time.Millisecond, 50*time.Millisecond)
		start := time.Now()
		c, s := p.pair(t, cfg)
		dialled := time.Since(start)
		for range 2 {
			time.Sleep(5 * time.Millisecond) // to compute
			exchangeOnce(t, c, s, fmt.Sprintf("%0200d", 1))
			time.Sleep(5 * time.Millisecond)
			exchangeOnce(t, s, c, fmt.Sprintf("%0200d", 2))
		}
		all := time.Since(start)
		t.Logf("dialled after %v, four messages after %v, %d requests", dialled, all, p.asked())
		if all > 600*time.Millisecond || p.asked() > 4 {
			t.Errorf("%v and %d requests for a dial and four messages", all, p.asked())
		}
		c.Close()
		s.Close()
	})
}

// TestIdle measures what a session costs in which nothing is said.
func TestIdle(t *testing.T) {
	for _, saver := range []bool{false, true} {
		t.Run(fmt.Sprintf("saver=%v", saver), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _, cfg := censored(t, 600*time.Millisecond, 50*time.Millisecond)
				cfg.Saver = saver
				c, s := p.pair(t, cfg)
				time.Sleep(5 * time.Minute)
				requests, conns := p.asked(), p.dialled()
				up, down := p.bytes()
				time.Sleep(30 * time.Minute)
				u, d := p.bytes()
				conns = p.dialled() - conns
				t.Logf("a minute costs %.1f requests, %.2f connections, %.1f KB up and %.1f KB down, without TLS",
					float64(p.asked()-requests)/30, float64(conns)/30, float64(u-up)/30e3, float64(d-down)/30e3)
				if got, most := float64(p.asked()-requests)/30, map[bool]float64{false: 6, true: 3}[saver]; got > most {
					t.Errorf("%.1f requests in a minute without a word", got)
				}
				at := time.Now()
				exchangeOnce(t, s, c, "at last")
				if took := time.Since(at); took > time.Second {
					t.Errorf("a message after a long silence took %v", took)
				}
				c.Close()
				s.Close()
			})
		})
	}
}

// TestOutage takes the network away for two minutes, and then for longer than a
// session lives.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		p.far(50 * time.Millisecond)
		c, s := p.pair(t, p.config())
		p.outage(true)
		c.Write([]byte("from here"))
		s.Write([]byte("from there"))
		time.Sleep(2 * time.Minute)
		p.outage(false)
		at := time.Now()
		for x, text := range map[net.Conn]string{s: "from here", c: "from there"} {
			b := make([]byte, len(text))
			if _, err := io.ReadFull(x, b); err != nil || string(b) != text {
				t.Errorf("after the outage: %q, %v", b, err)
			}
		}
		t.Logf("goes on %v after the network is back", time.Since(at))
		if took := time.Since(at); took > 10*time.Second {
			t.Errorf("went on %v after the network was back", took)
		}
		p.outage(true)
		at = time.Now()
		for _, x := range []net.Conn{c, s} {
			if _, err := x.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
				t.Errorf("a session without network ends with %v", err)
			}
			if took := time.Since(at); took < 2*time.Minute || took > 4*time.Minute {
				t.Errorf("it ends after %v", took)
			}
			if _, err := x.Write([]byte("x")); !errors.Is(err, ErrLost) {
				t.Errorf("write after the session was lost: %v", err)
			}
		}
		c.Close()
		s.Close()
		if n := p.left(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// outage takes the network away, or brings it back for new connections.
func (p *place) outage(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = on
	for _, c := range p.opened {
		c.in.stop()
		c.out.stop()
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		c, s := p.pair(t, p.config())
		sides := map[string]net.Conn{"client": c, "server": s}
		for name, x := range sides {
			at := time.Now()
			x.SetReadDeadline(at.Add(3 * time.Second))
			if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(at) != 3*time.Second {
				t.Errorf("%s: read gives up after %v: %v", name, time.Since(at), err)
			}
			var timeout net.Error
			if _, err := x.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%s: read after the deadline: %v", name, err)
			}
			x.SetDeadline(time.Time{})
		}
		for name, x := range sides {
			go func() {
				time.Sleep(time.Second)
				x.SetDeadline(time.Now())
			}()
			at := time.Now()
			n, err := x.Write(make([]byte, 4<<20)) // nobody reads
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(at) != time.Second || n == 0 || n > 1<<20 {
				t.Errorf("%s: write gives up after %v with %d bytes: %v", name, time.Since(at), n, err)
			}
		}
		s.Close()
		c.Close()
	})
}

// TestCloseFlushes closes each side right after it has written, and reads all of
// it, and the end, at the other.
func TestCloseFlushes(t *testing.T) {
	for _, name := range []string{"client", "server"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, Limits{})
				p.far(20 * time.Millisecond)
				c, s := p.pair(t, p.config())
				from, to := net.Conn(c), net.Conn(s)
				if name == "server" {
					from, to = s, c
				}
				data := noise(1, 50_000)
				go func() {
					from.Write(data)
					from.Close()
					from.Close()
				}()
				got, err := io.ReadAll(to)
				if err != nil || string(got) != string(data) {
					t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
				}
				if _, err := to.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("write to who has closed: %v", err)
				}
				if _, err := from.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("read of what is closed: %v", err)
				}
				to.Close()
				time.Sleep(time.Minute)
				if n := p.left(); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

// TestCloseIsBounded closes a client whose network is gone.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		c, s := p.pair(t, p.config())
		p.outage(true)
		c.Write([]byte("nobody will read this"))
		at := time.Now()
		c.Close()
		if took := time.Since(at); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		s.Close()
		time.Sleep(time.Minute)
		if n := p.left(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func TestDialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{PerPass: 2})
		site := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<h1>Welcome</h1>") }
		drip := p.handler
		p.handle(site)
		if _, err := Dial(t.Context(), p.config()); !errors.Is(err, ErrRefused) {
			t.Errorf("dial of a site: %v", err)
		}
		p.handle(drip)
		for range 2 {
			p.pair(t, p.config())
		}
		if _, err := Dial(t.Context(), p.config()); !errors.Is(err, ErrFull) {
			t.Errorf("third session of a pass: %v", err)
		}
		p.outage(true)
		if _, err := Dial(t.Context(), p.config()); err == nil || errors.Is(err, ErrLost) {
			t.Errorf("dial without network: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cfg := p.config()
		cfg.Open = func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if _, err := Dial(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial that is given up: %v", err)
		}
		time.Sleep(silent) // the two have no network: they make room
		p.outage(false)
		c, s := p.pair(t, p.config())
		exchangeOnce(t, c, s, "hello")
		p.Server.Close()
		for _, x := range []net.Conn{c, s} {
			if _, err := x.Read(make([]byte, 1)); err == nil {
				t.Error("a session outlives its server")
			}
		}
		if _, err := p.Server.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after Close: %v", err)
		}
		c.Close()
		time.Sleep(5 * time.Minute) // the clients of before find out
	})
}

// TestDrop takes a pass back: its sessions end at once, those of others go on.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		p.handle(func(w http.ResponseWriter, r *http.Request) {
			pass := testPass
			if r.Host == "other.example" {
				pass = [16]byte{1}
			}
			p.Serve(w, r, pass)
		})
		c, s := p.pair(t, p.config())
		cfg := p.config()
		cfg.Prepare = func(r *http.Request) {
			prepare(r)
			r.Host = "other.example"
		}
		other, o := p.pair(t, cfg)
		p.Drop(testPass)
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, errDropped) {
			t.Errorf("server's side: %v", err)
		}
		at := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrGone) || time.Since(at) > time.Second {
			t.Errorf("client's side after %v: %v", time.Since(at), err)
		}
		exchangeOnce(t, other, o, "still here")
		c.Close()
		other.Close()
		o.Close()
	})
}
