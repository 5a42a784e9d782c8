// Package nodetest runs many nodes in one process, on a simulated network and
// in virtual time: hours pass in seconds, and the same seed gives the same graph.
//
// It is for our own tests and for those of programs that embed node. The nodes
// are real: real gossipsub over real QUIC, real Badger in the test's temporary
// folder; only wires and clock are simulated. It must be used inside a
// testing/synctest bubble, where time stands still while anybody works.
//
//	synctest.Test(t, func(t *testing.T) {
//		swarm := nodetest.New(t, nodetest.Config{Nodes: 5})
//		topic, _ := swarm.Nodes[0].CreateTopic(t.Context(), draft)
//		swarm.Follow(topic.Link(), 1, 2, 3, 4)
//		swarm.Until(time.Minute, func() bool { … })
//	})
package nodetest

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/reach"
)

// Config describes a swarm. Zero fields take the value in parentheses.
type Config struct {
	Nodes   int           // (5)
	Degree  int           // random connections that each node opens besides the ring that holds all together (2)
	Apart   bool          // nobody knows anybody at the start, there is neither ring nor connection
	Latency time.Duration // one way (25 ms)
	Mbps    int           // up and down, each node (20)
	Loss    float64       // part of the packets that get lost, 0 to 1 (none)
	Bare    int           // hosts on the same network that run no node, see Swarm.Bare (none)
	Seed    uint64        // of the graph and of what gets lost; printed by New (from the real clock)
}

// Swarm is a set of running nodes. They are closed with the test.
type Swarm struct {
	Nodes []*node.Node
	Bare  []host.Host // for whoever is to watch or disturb; not connected to anybody
	Rand  *rand.Rand
	t     *testing.T
	air   *air
}

// New starts the nodes and connects them.
func New(t *testing.T, cfg Config) *Swarm {
	t.Helper()
	cfg = cfg.withDefaults()
	t.Logf("nodetest: %d nodes, degree %d, %v, %d Mbit/s, %.0f %% loss, seed %d", cfg.Nodes, cfg.Degree, cfg.Latency, cfg.Mbps, 100*cfg.Loss, cfg.Seed)
	air := newAir(cfg)
	link := simnet.LinkSettings{BitsPerSecond: cfg.Mbps * simlibp2p.OneMbps}
	network, meta, err := simlibp2p.SimpleLibp2pNetwork([]simlibp2p.NodeLinkSettingsAndCount{{
		LinkSettings: simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}, Count: cfg.Nodes + cfg.Bare,
	}}, air.latency, simlibp2p.NetworkSettings{})
	if err != nil {
		t.Fatalf("nodetest: %v", err)
	}
	network.Start()
	dir := t.TempDir() // before Cleanup: the folder must outlive the nodes
	s := &Swarm{t: t, Rand: rand.New(rand.NewPCG(cfg.Seed, 0)), air: air}
	t.Cleanup(func() {
		for i, n := range s.Nodes {
			if err := n.Close(); err != nil {
				t.Errorf("nodetest: close node %d: %v", i, err)
			}
		}
		for _, h := range s.Bare {
			_ = h.Close()
		}
		network.Close()
	})
	s.Bare = meta.Nodes[cfg.Nodes:]
	for i, h := range meta.Nodes[:cfg.Nodes] {
		n, err := node.Open(t.Context(), node.Config{Dir: filepath.Join(dir, fmt.Sprint(i)), Host: reach.Wrap(h, nil)})
		if err != nil {
			t.Fatalf("nodetest: open node %d: %v", i, err)
		}
		s.Nodes = append(s.Nodes, n)
	}
	if !cfg.Apart {
		s.connect(cfg.Degree)
	}
	return s
}

func (c Config) withDefaults() Config {
	if c.Nodes == 0 {
		c.Nodes = 5
	}
	if c.Degree == 0 {
		c.Degree = 2
	}
	if c.Latency == 0 {
		c.Latency = 25 * time.Millisecond
	}
	if c.Mbps == 0 {
		c.Mbps = 20
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	return c
}

// connect joins the nodes to a ring with random chords.
func (s *Swarm) connect(degree int) {
	n := len(s.Nodes)
	for i := range n {
		s.Connect(i, (i+1)%n)
		for range degree {
			s.Connect(i, s.Rand.IntN(n))
		}
	}
}

// Connect has node i dial node j. A node does not dial itself.
func (s *Swarm) Connect(i, j int) {
	s.t.Helper()
	if i == j {
		return
	}
	if _, err := s.Nodes[i].Connect(s.t.Context(), s.Nodes[j].Status().Addresses[0]); err != nil {
		s.t.Fatalf("nodetest: connect %d to %d: %v", i, j, err)
	}
}

// Follow has the nodes named follow link, all at once, and waits for them.
func (s *Swarm) Follow(link string, nodes ...int) {
	s.t.Helper()
	var wg sync.WaitGroup
	for _, i := range nodes {
		wg.Go(func() {
			if _, err := s.Nodes[i].Follow(s.t.Context(), link); err != nil {
				s.t.Errorf("nodetest: node %d follows: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// Until lets virtual time pass until done reports true, and fails the test when
// that takes longer than limit. It returns how much time passed.
func (s *Swarm) Until(limit time.Duration, done func() bool) time.Duration {
	s.t.Helper()
	start := time.Now()
	for {
		synctest.Wait()
		if done() {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			s.t.Fatalf("nodetest: not done after %v", limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Everywhere reports whether every node has at least so many records of a topic.
func (s *Swarm) Everywhere(id node.TopicID, records uint64) bool {
	s.t.Helper()
	for _, n := range s.Nodes {
		topic, err := n.Topic(id)
		if err != nil {
			return false
		}
		info, err := topic.Info(s.t.Context())
		if err != nil {
			s.t.Fatalf("nodetest: %v", err)
		}
		if info.Completeness.Have < records {
			return false
		}
	}
	return true
}

// Standing returns how much of a topic each node has.
func (s *Swarm) Standing(id node.TopicID) []node.Completeness {
	s.t.Helper()
	out := make([]node.Completeness, len(s.Nodes))
	for i, n := range s.Nodes {
		topic, err := n.Topic(id)
		if err != nil {
			out[i].Waiting = true
			continue
		}
		info, err := topic.Info(s.t.Context())
		if err != nil {
			s.t.Fatalf("nodetest: %v", err)
		}
		out[i] = info.Completeness
	}
	return out
}

// EveryPost reports whether every node has so many posts of a topic, and misses
// nothing.
func (s *Swarm) EveryPost(id node.TopicID, posts uint64) bool {
	s.t.Helper()
	for _, c := range s.Standing(id) {
		if c.Posts < posts || c.Missing > 0 {
			return false
		}
	}
	return true
}

// Traffic adds up what the nodes' meshes counted since the start.
func (s *Swarm) Traffic() (sum node.Traffic) {
	for _, n := range s.Nodes {
		t := n.Status().Traffic
		sum.Delivered += t.Delivered
		sum.Duplicates += t.Duplicates
		sum.Dropped += t.Dropped
		sum.Throttled += t.Throttled
	}
	return sum
}
