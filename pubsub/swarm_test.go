package pubsub

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
)

func hashID(data []byte) string { h := sha256.Sum256(data); return string(h[:]) }

// bubble runs f in virtual time. With the race detector on, timers that fire at
// once corrupt its state (golang/go#78156), so it gets one processor.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if raceEnabled {
		before := runtime.GOMAXPROCS(1)
		t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	}
	synctest.Test(t, f)
}

// swarm is some hosts on simulated wires that follow one topic.
type swarm struct {
	t     *testing.T
	hosts []host.Host
	nodes []*member
	start time.Time
}

type member struct {
	p     *PubSub
	topic *Topic
	got   sync.Map // message id -> struct{}
	count atomic.Int64
	late  sync.Map      // message id -> time.Duration
	twice atomic.Int64  // handler calls for an id that it had judged
	last  atomic.Int64  // when the last came, since swarm.start
	wait  time.Duration // a handler takes as long
}

const topicName = "0123456789abcdefghijkl"

func (m *member) handle(_ context.Context, msg Message) Verdict {
	if len(msg.Data) > 0 && msg.Data[0] == '!' {
		return Reject
	}
	if len(msg.Data) > 0 && msg.Data[0] == '?' {
		return Ignore
	}
	if m.wait > 0 {
		time.Sleep(m.wait)
	}
	if _, again := m.got.LoadOrStore(hashID(msg.Data), struct{}{}); again {
		m.twice.Add(1)
	}
	m.count.Add(1)
	if len(msg.Data) > 40 {
		at, _ := strconv.ParseInt(string(msg.Data[20:39]), 10, 64)
		m.late.Store(hashID(msg.Data), time.Since(time.UnixMilli(at)))
	}
	return Accept
}

// simHosts makes n hosts with a latency of 25 ms one way and 20 Mbit/s.
func simHosts(t *testing.T, n int) []host.Host {
	t.Helper()
	link := simnet.LinkSettings{BitsPerSecond: 20 * simlibp2p.OneMbps}
	wires, meta, err := simlibp2p.SimpleLibp2pNetwork([]simlibp2p.NodeLinkSettingsAndCount{{
		LinkSettings: simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}, Count: n,
	}}, simnet.StaticLatency(25*time.Millisecond), simlibp2p.NetworkSettings{})
	if err != nil {
		t.Fatal(err)
	}
	wires.Start()
	t.Cleanup(func() {
		for _, h := range meta.Nodes {
			h.Close()
		}
		wires.Close()
	})
	return meta.Nodes
}

func newSwarm(t *testing.T, hosts []host.Host, cfg Config, wait time.Duration) *swarm {
	t.Helper()
	s := &swarm{t: t, hosts: hosts}
	for _, h := range hosts {
		cfg.Host, cfg.MessageID = h, hashID
		p, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		m := &member{p: p, wait: wait}
		if m.topic, err = p.Join(topicName, m.handle); err != nil {
			t.Fatal(err)
		}
		s.nodes = append(s.nodes, m)
	}
	return s
}

func (s *swarm) close() {
	for i, n := range s.nodes {
		if err := n.p.Close(); err != nil {
			s.t.Errorf("close node %d: %v", i, err)
		}
	}
}

func connect(t testing.TB, a, b host.Host) {
	t.Helper()
	if a == b || a.Network().Connectedness(b.ID()) == network.Connected {
		return
	}
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// sparse joins hosts to a ring with random chords, each to about degree others.
func sparse(t testing.TB, r *rand.Rand, hosts []host.Host, degree int) {
	for i, h := range hosts {
		connect(t, h, hosts[(i+1)%len(hosts)])
		for range degree/2 - 1 {
			connect(t, h, hosts[r.IntN(len(hosts))])
		}
	}
}

func full(t testing.TB, hosts []host.Host) {
	for i, h := range hosts {
		for _, o := range hosts[i+1:] {
			connect(t, h, o)
		}
	}
}

func payload(from, i, size int) []byte {
	b := make([]byte, size)
	copy(b, fmt.Sprintf("%-19s %019d ", fmt.Sprintf("%d/%d", from, i), time.Now().UnixMilli()))
	return b
}

func (s *swarm) publish(from, n, size int, pause time.Duration) {
	for i := range n {
		if err := s.nodes[from].topic.Publish(s.t.Context(), payload(from, i, size)); err != nil {
			s.t.Errorf("publish %d of %d: %v", i, from, err)
			return
		}
		time.Sleep(pause)
	}
}

// until lets time pass until done, at most limit.
func until(limit time.Duration, done func() bool) time.Duration {
	start := time.Now()
	for !done() && time.Since(start) < limit {
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// all reports whether node i heard want[i] messages, for each i.
func (s *swarm) all(want func(i int) int64) bool {
	for i, n := range s.nodes {
		if n.count.Load() < want(i) {
			return false
		}
	}
	return true
}

func (s *swarm) total() (sum Stats) {
	for _, n := range s.nodes {
		st := n.p.Stats()
		sum.Published += st.Published
		sum.Sent += st.Sent
		sum.Dropped += st.Dropped
		sum.Received += st.Received
		sum.Duplicates += st.Duplicates
		sum.Throttled += st.Throttled
		sum.Delivered += st.Delivered
		sum.Rejected += st.Rejected
		sum.Ignored += st.Ignored
	}
	return sum
}

func (s *swarm) report(what string, took time.Duration) Stats {
	st := s.total()
	var late []time.Duration
	for _, n := range s.nodes {
		n.late.Range(func(_, d any) bool { late = append(late, d.(time.Duration)); return true })
	}
	slices.Sort(late)
	s.t.Logf("%s: from publish to stored p50 %v, p99 %v, max %v", what, late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
	s.t.Logf("%s: %v, %.2f copies per delivery, %+v", what, took.Round(time.Millisecond), float64(st.Received)/float64(st.Delivered), st)
	return st
}

// seeded prints the seed that it takes.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// scaled makes a test smaller under the race detector, which is many times slower here.
func scaled(n int) int {
	if raceEnabled {
		return n / 5
	}
	return n
}

// TestSwarmCopies: what is said slowly, each node in turn.
func TestSwarmCopies(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		wire  func(t testing.TB, r *rand.Rand, hosts []host.Host)
		pause time.Duration
	}{
		{"full 8", 8, func(t testing.TB, _ *rand.Rand, h []host.Host) { full(t, h) }, 10 * time.Millisecond},
		{"full 16", 16, func(t testing.TB, _ *rand.Rand, h []host.Host) { full(t, h) }, 10 * time.Millisecond},
		{"sparse 30", 30, func(t testing.TB, r *rand.Rand, h []host.Host) { sparse(t, r, h, 6) }, 10 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				hosts := simHosts(t, c.n)
				s := newSwarm(t, hosts, Config{}, 5*time.Millisecond)
				defer s.close()
				c.wire(t, seeded(t), hosts)
				time.Sleep(3 * time.Second)
				each := scaled(40)
				for i := range s.nodes {
					s.publish(i, each, 300, c.pause)
				}
				took := until(10*time.Second, func() bool {
					return s.all(func(int) int64 { return int64(each * (c.n - 1)) })
				})
				st := s.report(c.name, took)
				if copies := float64(st.Received) / float64(st.Delivered); copies > 3.6 {
					t.Errorf("%.2f copies per delivery", copies)
				}
				if want := uint64(each * c.n * (c.n - 1)); st.Delivered != want {
					t.Errorf("delivered %d of %d", st.Delivered, want)
				}
			})
		})
	}
}

// TestSwarmBurst: 2,000 messages at once from one node and 500 from each of
// three others, at 20 Mbit/s, reach all.
func TestSwarmBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, max(8, scaled(20)))
		s := newSwarm(t, hosts, Config{}, 2*time.Millisecond)
		defer s.close()
		sparse(t, seeded(t), hosts, 6)
		time.Sleep(3 * time.Second)
		one, few := int64(scaled(2000)), int64(scaled(500))
		bursts := map[int]int64{0: one, 2: few, 4: few, 6: few}
		sum := one + 3*few
		var wg sync.WaitGroup
		for i, n := range bursts {
			wg.Go(func() { s.publish(i, int(n), 600, 0) })
		}
		took := until(time.Minute, func() bool { return s.all(func(i int) int64 { return sum - bursts[i] }) })
		wg.Wait()
		time.Sleep(2 * time.Second)
		st := s.report("burst", took)
		for i, n := range s.nodes {
			if got := n.count.Load(); got != sum-bursts[i] {
				t.Errorf("node %d heard %d of %d", i, got, sum-bursts[i])
			}
			if n.twice.Load() != 0 {
				t.Errorf("node %d judged %d messages twice", i, n.twice.Load())
			}
		}
		if st.Dropped != 0 || st.Throttled != 0 {
			t.Errorf("dropped %d, throttled %d", st.Dropped, st.Throttled)
		}
	})
}
