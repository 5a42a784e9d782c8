package nodetest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/nodetest"
)

// TestSwarmChurn: 30 nodes know one link each, and each link names one other node, one
// of ten. They hear of others from those; then the ten are gone for good, and with
// them every address that a link named. What anybody writes reaches everybody who is
// left.
func TestSwarmChurn(t *testing.T) {
	const first, rest = 10, 30
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: first + rest, Apart: true})
		made, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Caravan"})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < first+rest; i++ {
			named := s.Rand.IntN(min(i, first))
			theirs, err := s.Nodes[named].Topic(made.ID())
			if err != nil {
				t.Fatal(err)
			}
			s.Follow(theirs.Link(), i)
		}
		counts := func() (out []int) {
			for _, n := range s.Nodes[first:] {
				out = append(out, followersBut(t, n, made.ID(), s.Nodes[:first]))
			}
			slices.Sort(out)
			return out
		}
		met := s.Until(2*time.Minute, func() bool { return counts()[0] >= 2 })
		t.Logf("each knows two others %v after the last has come; median %d", met.Round(time.Millisecond), counts()[rest/2])
		for _, n := range s.Nodes[:first] {
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		for i, n := range s.Nodes[first:] {
			mine, err := n.Topic(made.ID())
			if err == nil {
				_, err = mine.Post(t.Context(), node.Draft{Text: fmt.Sprint("after the ten, by ", i)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		took := s.Until(time.Minute, func() bool {
			for _, n := range s.Nodes[first:] {
				if posts(t, n, made.ID()) < rest {
					return false
				}
			}
			return true
		})
		now := counts()
		t.Logf("%d posts on all %d nodes %v after they were written; followers connected: least %d, median %d, most %d", rest, rest, took.Round(time.Millisecond), now[0], now[rest/2], now[rest-1])
		if took > 10*time.Second || now[0] < 2 {
			t.Errorf("it took %v, and somebody has %d followers left", took, now[0])
		}
	})
	fmt.Fprintf(os.Stderr, "churn: %v of real time\n", time.Since(start).Round(time.Second))
}

// followersBut counts the peers of a node without those of others.
func followersBut(t *testing.T, n *node.Node, id node.TopicID, others []*node.Node) (count int) {
	t.Helper()
	var not strings.Builder
	for _, o := range others {
		not.WriteString(o.Status().PeerID)
	}
	for _, p := range n.Peers() {
		if p.Topics > 0 && !strings.Contains(not.String(), p.ID) {
			count++
		}
	}
	return count
}

func posts(t *testing.T, n *node.Node, id node.TopicID) uint64 {
	t.Helper()
	topic, err := n.Topic(id)
	if err != nil {
		return 0
	}
	info, err := topic.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Completeness.Posts
}

// TestSwarmIslands: two halves of 20 nodes are cut off from each other for ten minutes,
// in which both go on. Inside each half everything arrives; when the cut has healed
// all have all within a minute.
func TestSwarmIslands(t *testing.T) {
	const nodes, each = 40, 60 // posts of each half
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: nodes, Degree: 2})
		made, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Strait"})
		if err != nil {
			t.Fatal(err)
		}
		var others []int
		for i := 1; i < nodes; i++ {
			others = append(others, i)
		}
		s.Follow(made.Link(), others...)
		s.Until(time.Minute, func() bool { return s.Everywhere(made.ID(), 1) })
		time.Sleep(30 * time.Second)

		s.Cut(func(i, j int) bool { return i%2 == j%2 })
		const last = 20 * time.Second // before the end of the cut nobody writes any more
		for range each {
			for half := range 2 {
				mine, err := s.Nodes[2*s.Rand.IntN(nodes/2)+half].Topic(made.ID())
				if err == nil {
					_, err = mine.Post(t.Context(), node.Draft{Text: fmt.Sprint("in half ", half, " at ", time.Now())})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep((10*time.Minute - last) / each)
		}
		time.Sleep(last)
		var inside [2]uint64
		for i, n := range s.Nodes {
			inside[i%2] += posts(t, n, made.ID())
		}
		for half, got := range inside {
			part := float64(got) / float64(each*nodes/2)
			t.Logf("half %d: %.2f %% of what was written in it is everywhere in it", half, 100*part)
			if part < 0.99 {
				t.Errorf("half %d: %.2f %%", half, 100*part)
			}
			if part > 1 {
				t.Errorf("half %d: something came through the cut", half)
			}
		}
		s.Cut(nil)
		took := s.Until(time.Minute, func() bool { return s.EveryPost(made.ID(), 2*each) })
		t.Logf("all %d posts on all %d nodes %v after the cut has healed", 2*each, nodes, took.Round(time.Millisecond))
	})
	fmt.Fprintf(os.Stderr, "islands: %v of real time\n", time.Since(start).Round(time.Second))
}
