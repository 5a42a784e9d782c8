package drip

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	handshake   = 4500     // bytes of a TLS handshake from the server, as the censor counts them
	freezeAfter = 16 << 10 // bytes from the server after which a connection is frozen
	policeGap   = 400 * time.Millisecond
	policeCount = 3 // connections that follow one another within policeGap
	policeSpan  = time.Minute
	policeFor   = 2 * time.Minute
)

// censor freezes connections as was observed in 2025 and 2026: each after 16 KB
// from the server, and the address for two minutes when more than three connections
// in a minute come within 400 ms of the one before.
type censor struct {
	mu      sync.Mutex
	last    time.Time
	close   []time.Time // when a connection came too soon after another
	until   time.Time   // the address is frozen
	policed int
	conns   []*end
}

// open lets a connection through, or not.
func (z *censor) open(ctx context.Context, under func(context.Context) (net.Conn, error)) (net.Conn, error) {
	z.mu.Lock()
	now := time.Now()
	if now.Sub(z.last) < policeGap {
		z.close = append(z.close, now)
	}
	z.last = now
	for len(z.close) > 0 && now.Sub(z.close[0]) > policeSpan {
		z.close = z.close[1:]
	}
	if len(z.close) >= policeCount {
		z.policed++
		z.until = now.Add(policeFor)
		for _, c := range z.conns {
			c.in.stop()
			c.out.stop()
		}
	}
	frozen := now.Before(z.until)
	z.mu.Unlock()
	if frozen {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, err := under(ctx)
	if err == nil {
		z.mu.Lock()
		z.conns = append(z.conns, c.(*end))
		z.mu.Unlock()
	}
	return c, err
}

// bites returns how often the address was frozen.
func (z *censor) bites() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.policed
}

// pacer spaces connections out, as room front does.
type pacer struct {
	mu   sync.Mutex
	next time.Time
	gap  time.Duration
}

func (p *pacer) wait() {
	p.mu.Lock()
	now := time.Now()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	p.next = at.Add(p.gap)
	p.mu.Unlock()
	time.Sleep(at.Sub(now))
}

// censored is a place behind a censor, and a client that spaces connections out.
func censored(t testing.TB, gap, delay time.Duration) (*place, *censor, Config) {
	p, z, pace := newPlace(t, Limits{}), &censor{}, &pacer{gap: gap}
	p.kinds = func() (up, down kind) {
		return kind{Delay: delay}, kind{Delay: delay, Freeze: freezeAfter - handshake}
	}
	cfg := p.config()
	cfg.Handshake = handshake
	cfg.Open = func(ctx context.Context) (net.Conn, error) {
		pace.wait()
		return z.open(ctx, p.open)
	}
	return p, z, cfg
}

// TestCensor passes the freeze and the policing: 60 messages in a minute, of which
// each arrives within seconds, and then a megabyte.
func TestCensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, z, cfg := censored(t, 600*time.Millisecond, 50*time.Millisecond)
		c, s := p.pair(t, cfg)
		var slowest time.Duration
		start := time.Now()
		for i := range 60 {
			from, to := net.Conn(c), net.Conn(s)
			if i%2 == 1 {
				from, to = s, c
			}
			at := time.Now()
			exchangeOnce(t, from, to, fmt.Sprintf("%0300d", i))
			slowest = max(slowest, time.Since(at))
			time.Sleep(time.Until(start.Add(time.Duration(i+1) * time.Second)))
		}
		up, down := p.bytes()
		t.Logf("60 messages of 300 bytes: the slowest took %v, %d connections, %d requests, %d bytes up, %d down", slowest, p.dialled(), p.asked(), up, down)
		if slowest > 2*time.Second {
			t.Errorf("the slowest message took %v", slowest)
		}
		for i, x := range [][2]net.Conn{{c, s}, {s, c}} {
			conns, at := p.dialled(), time.Now()
			data := noise(uint64(i), 1<<20)
			go func() {
				if _, err := x[0].Write(data); err != nil {
					t.Error(err)
				}
			}()
			if _, err := io.ReadFull(x[1], make([]byte, len(data))); err != nil {
				t.Error(err)
			}
			took := time.Since(at)
			t.Logf("1 MiB %s in %v: %.1f KB/s, %d connections", []string{"up", "down"}[i], took, float64(len(data))/1000/took.Seconds(), p.dialled()-conns)
		}
		if z.bites() > 0 {
			t.Errorf("the address was frozen %d times", z.bites())
		}
		for i, e := range p.opened {
			if n := e.in.total + handshake; n > 9000 {
				t.Errorf("connection %d had %d bytes from the server", i, n)
			}
		}
		c.Close()
		s.Close()
	})
}

// TestCensorBites holds the censor against a client that takes no notice of it.
func TestCensorBites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, z, cfg := censored(t, 100*time.Millisecond, 50*time.Millisecond)
		cfg.Linger = time.Second
		c, s := p.pair(t, cfg)
		go s.Write(noise(0, 1<<20))
		c.SetReadDeadline(time.Now().Add(time.Minute))
		n, _ := io.ReadFull(c, make([]byte, 1<<20))
		if z.bites() == 0 || n == 1<<20 {
			t.Errorf("%d bytes went through, the address was frozen %d times", n, z.bites())
		}
		c.Close()
		s.Close()
	})
}

// TestFrozenLine freezes a connection that says it costs less than it does: what
// was on its way comes over another.
func TestFrozenLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, cfg := censored(t, 600*time.Millisecond, 50*time.Millisecond)
		cfg.Down, cfg.Handshake = 60000, 1
		c, s := p.pair(t, cfg)
		data := noise(3, 200<<10)
		start := time.Now()
		go s.Write(data)
		got := make([]byte, len(data))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != string(data) {
			t.Fatalf("%v, equal: %v", err, string(got) == string(data))
		}
		t.Logf("200 KiB over connections that freeze: %v, %d connections", time.Since(start), p.dialled())
		c.Close()
		s.Close()
	})
}
