package drip

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLostAnswer breaks the connection instead of answering with data: the data
// comes over another at once, and not when the server itself finds out.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		p.far(50 * time.Millisecond)
		c, s := p.pair(t, p.config())
		time.Sleep(20 * time.Second) // two lines, a poll on one
		var lost atomic.Bool
		serve := p.handler
		p.handle(func(w http.ResponseWriter, r *http.Request) {
			if lost.CompareAndSwap(false, true) {
				serve(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			serve(w, r)
		})
		exchangeOnce(t, c, s, "the push is lost, or the poll behind it")
		at := time.Now()
		exchangeOnce(t, s, c, "news")
		if took := time.Since(at); !lost.Load() || took > 2*time.Second {
			t.Errorf("lost: %v; what was lost took %v", lost.Load(), took)
		}
		c.Close()
		s.Close()
	})
}

// TestStolenAnswer lets an ask that the client does not know of take its data, as
// one does that a network delivers twice.
func TestStolenAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		c, s := p.pair(t, p.config())
		exchangeOnce(t, c, s, "hello")
		id := p.only()
		at := time.Now()
		s.Write([]byte("news"))
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(ask{Session: id, Window: 1000, Want: 1000}.encode()))
		w := httptest.NewRecorder()
		p.Serve(w, r, testPass)
		if ans, err := decodeAnswer(w.Body.Bytes()); err != nil || string(ans.Data) != "news" {
			t.Fatalf("stolen: %q, %v", ans.Data, err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "news" {
			t.Errorf("%q, %v", b, err)
		}
		if took := time.Since(at); took > resendSoon-time.Second {
			t.Errorf("what was stolen came after %v", took)
		}
		c.Close()
		s.Close()
	})
}

// TestResend asks as a client does that does not know that an answer was lost.
func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Limits{})
		id := sessionID{7}
		hand(s, 1, ask{Flags: flagOpen, Session: id, Window: 100}.encode())
		c, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("news"))
		a := ask{Session: id, Window: 100, Want: 100}
		for i, want := range []string{"news", "", "news", "", "news"} {
			switch i {
			case 2:
				time.Sleep(resendSoon + time.Second)
			case 4:
				a.Flags = flagAgain
			}
			if _, ans, err := hand(s, 1, a.encode()); err != nil || string(ans.Data) != want || ans.Offset != uint64(4-len(want)) {
				t.Errorf("%d: %q at %d, %v", i, ans.Data, ans.Offset, err)
			}
		}
		s.Close()
	})
}

// TestNewestAskFirst holds two asks: the later one gets what there is, since the
// line of the other may be dead.
func TestNewestAskFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Limits{})
		id := sessionID{7}
		hand(s, 1, ask{Flags: flagOpen, Session: id}.encode())
		c, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 2)
		for i := range 2 {
			go func() {
				_, ans, _ := hand(s, 1, ask{Session: id, Window: 100, Want: 100, Wait: 20 * time.Second}.encode())
				got <- fmt.Sprintf("%d %s", i, ans.Data)
			}()
			synctest.Wait()
		}
		c.Write([]byte("news"))
		if first := <-got; first != "1 news" {
			t.Errorf("first answer: %q", first)
		}
		if second := <-got; second != "0 " {
			t.Errorf("second answer: %q", second)
		}
		s.Close()
	})
}

// TestGap finds that what is missing is on no ask's way any more.
func TestGap(t *testing.T) {
	c := &client{Conn: newConn(nil, nil, 1000), asks: make(map[*flight]bool), number: 5}
	early, late := &flight{number: 4}, &flight{number: 6}
	c.asks[early] = true
	c.in.put(10, []byte("ahead"), false)
	c.mind()
	c.asks[late], c.number = true, 6
	if c.mind(); c.lost {
		t.Error("given up while an ask may still bring it")
	}
	delete(c.asks, early)
	c.in.put(0, make([]byte, 4), false)
	if c.mind(); c.lost {
		t.Error("given up while the rest may be on the way")
	}
	delete(c.asks, late)
	if c.mind(); !c.lost {
		t.Error("an ask that began after the gap was there is waited for")
	}
	c.lost = false
	c.in.put(0, make([]byte, 10), false)
	if c.mind(); c.lost || c.gapAt != 0 {
		t.Error("no gap, and something is missing")
	}
}

// TestSlowReader lets each side write more than the other has room for, and read
// only later: then all comes at once, without waiting for a poll to end.
func TestSlowReader(t *testing.T) {
	for _, name := range []string{"server", "client"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, Limits{})
				c, s := p.pair(t, p.config())
				from, to := net.Conn(c), net.Conn(s)
				if name == "client" {
					from, to = s, c
				}
				data := noise(4, 900<<10)
				go from.Write(data)
				time.Sleep(30 * time.Second)
				before := p.asked()
				time.Sleep(30 * time.Second)
				if n := p.asked() - before; n > 20 {
					t.Errorf("%d requests in half a minute in which there was no room", n)
				}
				at := time.Now()
				got := make([]byte, len(data))
				if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%v, equal: %v", err, bytes.Equal(got, data))
				}
				if took := time.Since(at); took > time.Second {
					t.Errorf("the rest took %v", took)
				}
				c.Close()
				s.Close()
			})
		})
	}
}

// TestLongWay carries 300 KB each way where an answer takes 600 ms: several lines
// at once fill the time.
func TestLongWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, z, cfg := censored(t, 600*time.Millisecond, 300*time.Millisecond)
		c, s := p.pair(t, cfg)
		for i, x := range [][2]net.Conn{{c, s}, {s, c}} {
			at := time.Now()
			data := noise(8, 300_000)
			go x[0].Write(data)
			got := make([]byte, len(data))
			if _, err := io.ReadFull(x[1], got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v, equal: %v", err, bytes.Equal(got, data))
			}
			took := time.Since(at)
			t.Logf("300 KB %s in %v", []string{"up", "down"}[i], took)
			if most := []time.Duration{25 * time.Second, 55 * time.Second}[i]; took > most {
				t.Errorf("took %v", took)
			}
		}
		if z.bites() > 0 {
			t.Errorf("the address was frozen %d times", z.bites())
		}
		c.Close()
		s.Close()
	})
}

// TestManyLines carries 300 KB from the server where an answer takes 600 ms and
// connections may follow one another as they like: several of them share the work.
func TestManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		p.far(300 * time.Millisecond)
		c, s := p.pair(t, p.config())
		at := time.Now()
		go s.Write(noise(8, 300_000))
		if _, err := io.ReadFull(c, make([]byte, 300_000)); err != nil {
			t.Error(err)
		}
		took := time.Since(at)
		t.Logf("300 KB in %v over %d connections", took, p.dialled())
		if took > 30*time.Second {
			t.Errorf("took %v", took)
		}
		c.Close()
		s.Close()
	})
}

// TestThinLine shares few bits a second with 500 ms delay among all connections.
func TestThinLine(t *testing.T) {
	for _, x := range []struct {
		rate    int // bytes a second
		message time.Duration
		bulk    int
		most    time.Duration
	}{
		{8000, 2 * time.Second, 100_000, 25 * time.Second},
		{2000, 6 * time.Second, 50_000, 80 * time.Second},
	} {
		t.Run(fmt.Sprint(8*x.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _, cfg := censored(t, 600*time.Millisecond, 0)
				var up, down time.Time
				p.kinds = func() (u, d kind) {
					u = kind{Delay: 250 * time.Millisecond, Rate: x.rate, Free: &up}
					d = kind{Delay: 250 * time.Millisecond, Rate: x.rate, Free: &down}
					return u, d
				}
				c, s := p.pair(t, cfg)
				var slowest time.Duration
				for i := range 30 {
					at := time.Now()
					exchangeOnce(t, c, s, fmt.Sprintf("%0300d", i))
					exchangeOnce(t, s, c, fmt.Sprintf("%0300d", i))
					slowest = max(slowest, time.Since(at))
					time.Sleep(time.Second)
				}
				t.Logf("a message of 300 bytes each way takes %v at most", slowest)
				if slowest > x.message {
					t.Errorf("a message each way took %v", slowest)
				}
				u0, d0 := p.bytes()
				at := time.Now()
				both(t, c, s, x.bulk)
				took := time.Since(at)
				u1, d1 := p.bytes()
				t.Logf("%d KB each way in %v, %d KB up, %d KB down", x.bulk/1000, took, (u1-u0)/1000, (d1-d0)/1000)
				if u1-u0 > 2*x.bulk || d1-d0 > x.bulk*3/2 || took > x.most {
					t.Errorf("%d bytes up and %d down to carry %d, in %v", u1-u0, d1-d0, x.bulk, took)
				}
				c.Close()
				s.Close()
			})
		})
	}
}
