package drip

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	rounds    = flag.Int("drip.rounds", 60, "random schedules for TestModel")
	modelSeed = flag.Uint64("drip.seed", 0, "seed of the first schedule, 0 for a new one")
)

// TestModel plays random schedules of loss, freeze, repetition, reordering and
// times without network, and holds what arrives against what was written. Run it
// longer with -drip.rounds, again with -drip.seed.
func TestModel(t *testing.T) {
	seed, n := *modelSeed, *rounds
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if testing.Short() {
		n = min(n, 10)
	}
	sum := make(tally)
	for i := range uint64(n) {
		synctest.Test(t, func(t *testing.T) { newStorm(t, seed+i, sum).play() })
		if t.Failed() {
			t.Fatalf("failed with -drip.seed=%d -drip.rounds=1", seed+i)
		}
	}
	t.Logf("seed %d, %d schedules: %v", seed, n, sum)
	for _, what := range []string{"lost asks", "lost answers", "twice", "late", "replayed", "frozen", "reset", "outages", "moved"} {
		if n >= 60 && sum[what] == 0 {
			t.Errorf("never happened: %s", what)
		}
	}
}

// tally counts what the schedules reached, so that nothing is tested in vain.
type tally map[string]int

// storm is one schedule.
type storm struct {
	*place
	t    *testing.T
	bad  float64 // how likely things go wrong
	past [][]byte

	diceMu sync.Mutex
	dice   *rand.Rand
	sum    tally
}

func newStorm(t *testing.T, seed uint64, sum tally) *storm {
	s := &storm{place: newPlace(t, Limits{Buffer: 16 << 10}), t: t, dice: rand.New(rand.NewPCG(seed, 5)), sum: sum}
	s.bad = s.dice.Float64() * 0.25
	s.kinds = s.kind
	s.handler = s.handle
	return s
}

// chance reports true with probability p, and counts it.
func (s *storm) chance(p float64, what string) bool {
	s.diceMu.Lock()
	defer s.diceMu.Unlock()
	if s.dice.Float64() >= p {
		return false
	}
	s.sum[what]++
	return true
}

func (s *storm) upTo(n int) int {
	s.diceMu.Lock()
	defer s.diceMu.Unlock()
	return s.dice.IntN(n)
}

func (s *storm) kind() (up, down kind) {
	up.Delay = time.Duration(s.upTo(300)) * time.Millisecond
	down.Delay = up.Delay
	switch {
	case s.chance(s.bad, "frozen"):
		down.Freeze = 1 + s.upTo(8000)
	case s.chance(s.bad/2, "frozen"):
		up.Freeze = 1 + s.upTo(12000)
	case s.chance(s.bad/2, "reset"):
		down.Reset = 1 + s.upTo(8000)
	case s.chance(s.bad/2, "reset"):
		up.Reset = 1 + s.upTo(12000)
	}
	return up, down
}

// handle stands between the site and the server and does with requests what a bad
// network does.
func (s *storm) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	again := func(b []byte) *http.Request {
		r := r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(b))
		return r
	}
	s.mu.Lock()
	s.past = append(s.past, body)
	old := s.past[s.upTo(len(s.past))]
	s.mu.Unlock()
	switch {
	case s.chance(s.bad/3, "lost asks"):
		<-r.Context().Done()
		return
	case s.chance(s.bad/3, "lost answers"):
		s.Serve(httptest.NewRecorder(), again(body), testPass)
		<-r.Context().Done()
		return
	case s.chance(s.bad/3, "twice"):
		s.Serve(httptest.NewRecorder(), again(body), testPass)
	case s.chance(s.bad/3, "late"):
		time.Sleep(time.Duration(s.upTo(6000)) * time.Millisecond)
	case s.chance(s.bad/3, "replayed"):
		s.Serve(httptest.NewRecorder(), again(old), testPass)
	}
	s.Serve(w, again(body), testPass)
}

func (s *storm) play() {
	cfg := s.config()
	cfg.Linger = 10 * time.Minute // so that nothing is lost at the end
	cfg.Expiry = 10 * time.Minute
	c, d := s.meet(cfg)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.weather(stop) })
	var talk sync.WaitGroup
	for i, x := range [][2]net.Conn{{c, d}, {d, c}} {
		data := noise(uint64(s.upTo(1<<30)), s.upTo(60_000))
		talk.Go(func() { s.speak(i, x[0], data) })
		talk.Go(func() { s.listen(i, x[1], data) })
	}
	talk.Wait()
	close(stop)
	wg.Wait()
	last := noise(99, s.upTo(9000))
	talk.Go(func() { s.listen(2, d, last) })
	if _, err := c.Write(last); err != nil {
		s.t.Error(err)
	}
	if err := c.Close(); err != nil {
		s.t.Error(err)
	}
	talk.Wait()
	if n, err := d.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		s.t.Errorf("after all, the server reads %d, %v", n, err)
	}
	d.Close()
	time.Sleep(5 * time.Minute)
	if n := s.left(); n > 0 {
		s.t.Errorf("%d sessions are left", n)
	}
}

// meet dials until it succeeds. The server's side of dials that failed is closed.
func (s *storm) meet(cfg Config) (net.Conn, *Conn) {
	c, err := Dial(s.t.Context(), cfg)
	for err != nil {
		s.chance(1, "failed dials")
		c, err = Dial(s.t.Context(), cfg)
	}
	for {
		d, err := s.Server.Accept()
		if err != nil {
			s.t.Fatal(err)
		}
		s.Server.mu.Lock()
		last := len(s.fresh) == 0
		s.Server.mu.Unlock()
		if last {
			return c, d
		}
		d.Close()
	}
}

// speak writes data in random pieces.
func (s *storm) speak(i int, to net.Conn, data []byte) {
	for len(data) > 0 {
		n := min(len(data), 1+s.upTo(1+s.upTo(20_000)))
		if _, err := to.Write(data[:n]); err != nil {
			s.t.Errorf("stream %d: write: %v", i, err)
			return
		}
		data = data[n:]
		if s.upTo(3) == 0 {
			time.Sleep(time.Duration(s.upTo(20_000)) * time.Millisecond)
		}
	}
}

// listen reads as much as data and compares, at its own pace.
func (s *storm) listen(i int, from net.Conn, data []byte) {
	b := make([]byte, 7000)
	for at := 0; at < len(data); {
		n, err := from.Read(b[:1+s.upTo(min(len(b), len(data)-at))])
		if err != nil {
			s.t.Errorf("stream %d: read at %d of %d: %v", i, at, len(data), err)
			return
		}
		if !bytes.Equal(b[:n], data[at:at+n]) {
			s.t.Errorf("stream %d: %d bytes at %d are not what was written", i, n, at)
			return
		}
		at += n
		if s.upTo(10) == 0 {
			time.Sleep(time.Duration(s.upTo(3_000)) * time.Millisecond)
		}
	}
}

// weather takes the network away now and then, and lets all connections go stale,
// as when an address changes. It ends when stop is closed.
func (s *storm) weather(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(5+s.upTo(60)) * time.Second):
		}
		if !s.chance(2*s.bad, "moved") {
			continue
		}
		s.mu.Lock()
		for _, c := range s.opened {
			c.in.stop()
			c.out.stop()
		}
		s.cut = s.chance(0.5, "outages")
		s.mu.Unlock()
		time.Sleep(time.Duration(s.upTo(90)) * time.Second)
		s.mu.Lock()
		s.cut = false
		s.mu.Unlock()
	}
}

func (t tally) String() string { return fmt.Sprint(map[string]int(t)) }
