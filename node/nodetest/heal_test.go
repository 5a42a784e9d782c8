package nodetest_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/nodetest"
)

// TestSwarmHeals: 50 nodes write 2,000 posts over a network that loses a fifth of
// all packets, while a third of the nodes is away at any time and the rest is
// split in two twice. In the end everybody has everything and says so; before,
// those who miss something name it.
func TestSwarmHeals(t *testing.T) {
	const nodes, posts, loss = 50, 2000, 0.2
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: nodes, Degree: 2})
		topic, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Storm"})
		if err != nil {
			t.Fatal(err)
		}
		var others []int
		for i := 1; i < nodes; i++ {
			others = append(others, i)
		}
		s.Follow(topic.Link(), others...)
		s.Until(time.Minute, func() bool { return s.Everywhere(topic.ID(), 1) })
		s.Loss(loss)
		before := s.Traffic()
		_, sent := s.Sent()
		began := time.Now()
		post := func(from, n int) {
			mine, err := s.Nodes[from].Topic(topic.ID())
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if _, err := mine.Post(t.Context(), node.Draft{Text: fmt.Sprintf("%d by %d at %v %0200d", i, from, time.Since(began), i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		named := 0
		written := 0
		for round := range 10 {
			away := map[int]bool{}
			for len(away) < nodes/3 {
				away[s.Rand.IntN(nodes)] = true
			}
			split := round == 3 || round == 4 || round == 7 || round == 8
			s.Cut(func(i, j int) bool { return i >= 0 && j >= 0 && !away[i] && !away[j] && (!split || i%2 == j%2) })
			for range 20 { // also those who are away write
				post(s.Rand.IntN(nodes), 10)
				written += 10
				time.Sleep(time.Second)
			}
			for _, c := range s.Standing(topic.ID()) {
				if c.Missing > 0 && len(c.Holes) > 0 {
					named++
				}
			}
		}
		if written != posts {
			t.Fatalf("%d posts", written)
		}
		s.Cut(nil)
		healing := time.Now()
		s.Until(20*time.Minute, func() bool { return s.EveryPost(topic.ID(), posts) })
		healed := time.Since(healing)
		whole := s.Until(20*time.Minute, func() bool {
			for _, c := range s.Standing(topic.ID()) {
				if c.Checkpoint == nil || !c.Checkpoint.Met || c.Missing > 0 || len(c.Forks) > 0 {
					return false
				}
			}
			return true
		})
		after := s.Traffic()
		_, total := s.Sent()
		deliveries := float64(posts * (nodes - 1))
		t.Logf("all %d posts on all %d nodes %v after the last cut ended, all say complete %v later; %.2f copies of gossip and %.0f bytes in all for each record and node; %d times a node named what it missed",
			posts, nodes, healed.Round(time.Millisecond), whole.Round(time.Millisecond),
			float64(after.Delivered+after.Duplicates-before.Delivered-before.Duplicates)/deliveries, float64(total-sent)/deliveries, named)
		if named == 0 {
			t.Error("nobody ever said what it missed")
		}
	})
	fmt.Fprintf(os.Stderr, "healing swarm: %v of real time\n", time.Since(start).Round(time.Second))
}
