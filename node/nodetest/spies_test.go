package nodetest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/nodetest"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/pubsub"
)

// watch is what spies who follow a topic see together: who was the first to bring
// one of them each record.
type watch struct {
	mu    sync.Mutex
	first map[record.ID]string
}

func (w *watch) hear(_ context.Context, m pubsub.Message) pubsub.Verdict {
	r, err := record.Decode(m.Data)
	if err != nil {
		return pubsub.Reject
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first[r.ID()] == "" {
		w.first[r.ID()] = m.From
	}
	return pubsub.Accept
}

// spy has every bare host dial every node and follow a topic (PROTOCOL.md §6).
func spy(t *testing.T, s *nodetest.Swarm, id node.TopicID) *watch {
	t.Helper()
	w := &watch{first: map[record.ID]string{}}
	h := hmac.New(sha256.New, []byte("linnet/gossip/1"))
	h.Write(id[:])
	name := base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
	for _, bare := range s.Bare {
		p, err := pubsub.New(pubsub.Config{Host: bare, MessageID: record.MessageID, MaxMessage: record.MaxRecord})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if _, err := p.Join(name, w.hear); err != nil {
			t.Fatal(err)
		}
		for _, n := range s.Nodes {
			info, err := peer.AddrInfoFromP2pAddr(ma.StringCast(n.Status().Addresses[0]))
			if err != nil {
				t.Fatal(err)
			}
			if err := bare.Connect(t.Context(), *info); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

// TestSwarmSpies: ten spies who are connected to everybody guess that whoever brings
// one of them a record first has written it. By plain publishing they are mostly
// right, by a stem they are not. LINNET_SPIES sets the number of nodes.
func TestSwarmSpies(t *testing.T) {
	nodes, posts, spies := 60, 60, 10
	if n, err := strconv.Atoi(os.Getenv("LINNET_SPIES")); err == nil {
		nodes, posts = n, 200
	}
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: nodes, Bare: spies, Degree: 3})
		topic, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Square"})
		if err != nil {
			t.Fatal(err)
		}
		var others []int
		for i := 1; i < nodes; i++ {
			others = append(others, i)
		}
		s.Follow(topic.Link(), others...)
		w := spy(t, s, topic.ID())
		s.Until(time.Minute, func() bool { return s.Everywhere(topic.ID(), 1) })
		for i, n := range s.Nodes { // a name costs a record, which is not to be among those that are measured
			mine, err := n.Topic(topic.ID())
			if err == nil {
				_, err = mine.Post(t.Context(), node.Draft{Text: fmt.Sprint("hello from ", i)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		for _, hidden := range []bool{false, true} {
			right, late := guess(t, s, w, topic.ID(), hidden, posts)
			slices.Sort(late)
			p99 := late[len(late)*99/100]
			t.Logf("hidden %v: %d of %d guessed right; delivered to %d of %d, median %v, p99 %v, last %v", hidden, right, posts, len(late), posts*(nodes-1),
				late[len(late)/2].Round(time.Millisecond), p99.Round(time.Millisecond), late[len(late)-1].Round(time.Millisecond))
			if len(late) != posts*(nodes-1) {
				t.Errorf("delivered %d of %d", len(late), posts*(nodes-1))
			}
			switch {
			case !hidden && right < posts/2:
				t.Errorf("spies guess only %d of %d of plain posts: they prove nothing", right, posts)
			case hidden && nodes >= 300 && right*20 > posts, hidden && right*10 > posts:
				t.Errorf("spies guess %d of %d", right, posts)
			case hidden && p99 > 2*time.Second:
				t.Errorf("p99 of delivery %v", p99)
			}
		}
	})
	fmt.Fprintf(os.Stderr, "spies: %v of real time\n", time.Since(start).Round(time.Second))
}

// guess has random nodes post, and returns how many spies place right and how long
// each node waited for each post.
func guess(t *testing.T, s *nodetest.Swarm, w *watch, id node.TopicID, hidden bool, posts int) (right int, late []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	written := map[node.RecordID]time.Time{}
	var came []func() // what is known only once all were written
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, n := range s.Nodes {
		topic, err := n.Topic(id)
		if err == nil {
			err = topic.SetHidesOrigin(t.Context(), hidden)
		}
		if err != nil {
			t.Fatal(err)
		}
		sub := n.Subscribe(node.EventFilter{})
		wg.Go(func() {
			for {
				ev, err := sub.Next(ctx)
				if err != nil {
					return
				}
				if ev.Type == node.MessageCreated {
					now := time.Now()
					mu.Lock()
					came = append(came, func() {
						if at, ok := written[ev.Record]; ok && now.After(at) {
							late = append(late, now.Sub(at))
						}
					})
					mu.Unlock()
				}
			}
		})
	}
	origins := map[node.RecordID]string{}
	for i := range posts {
		n := s.Nodes[s.Rand.IntN(len(s.Nodes))]
		topic, err := n.Topic(id)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		rid, err := topic.Post(t.Context(), node.Draft{Text: fmt.Sprint("post ", i)})
		if err != nil {
			t.Fatal(err)
		}
		written[rid], origins[rid] = at, n.Status().PeerID
		time.Sleep(time.Second)
	}
	time.Sleep(30 * time.Second)
	cancel()
	wg.Wait()
	for _, f := range came {
		f()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for rid, origin := range origins {
		if w.first[rid] == origin {
			right++
		}
	}
	return right, late
}
