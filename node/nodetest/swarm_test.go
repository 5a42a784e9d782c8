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

// TestSwarmBurst: 30 nodes, three of which write 500 posts each as fast as they
// can. Every node must have stored every post.
func TestSwarmBurst(t *testing.T) {
	const nodes, writers, each = 30, 3, 500
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: nodes})
		topic, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Burst"})
		if err != nil {
			t.Fatal(err)
		}
		var others []int
		for i := 1; i < nodes; i++ {
			others = append(others, i)
		}
		s.Follow(topic.Link(), others...)
		s.Until(time.Minute, func() bool { return s.Everywhere(topic.ID(), 1) })
		time.Sleep(3 * time.Second) // the mesh settles
		before := s.Traffic()
		began := time.Now()
		for w := range writers {
			mine, err := s.Nodes[w*nodes/writers].Topic(topic.ID())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for i := range each {
					if _, err := mine.Post(t.Context(), node.Draft{Text: fmt.Sprintf("%d of %d by %d %0280d", i, each, w, i)}); err != nil {
						t.Errorf("writer %d, post %d: %v", w, i, err)
						return
					}
				}
			}()
		}
		s.Until(2*time.Minute, func() bool { return s.EveryPost(topic.ID(), writers*each) })
		took := time.Since(began)
		after := s.Traffic()
		deliveries := float64(writers * each * (nodes - 1))
		copies := 1 + float64(after.Duplicates-before.Duplicates)/deliveries
		t.Logf("%d posts of %d writers stored on all %d nodes after %v of virtual time; %.2f copies a delivery; %d messages dropped on the way, %d throttled",
			writers*each, writers, nodes, took.Round(time.Millisecond), copies, after.Dropped-before.Dropped, after.Throttled-before.Throttled)
		if copies > 4 {
			t.Errorf("%.2f copies a delivery", copies)
		}
	})
	fmt.Fprintf(os.Stderr, "swarm: %v of real time\n", time.Since(start).Round(time.Second))
}
