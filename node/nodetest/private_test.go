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

// group is a private topic in a swarm.
type group struct {
	*nodetest.Swarm
	t  *testing.T
	id node.TopicID
}

func (g group) of(i int) *node.Topic {
	g.t.Helper()
	topic, err := g.Nodes[i].Topic(g.id)
	if err != nil {
		g.t.Fatal(err)
	}
	return topic
}

// until is Swarm.Until for conditions that cost much: they are looked at each second.
func (g group) until(what string, limit time.Duration, done func() bool) time.Duration {
	g.t.Helper()
	begin := time.Now()
	for !done() {
		if time.Since(begin) > limit {
			g.t.Fatalf("%s: not after %v", what, limit)
		}
		time.Sleep(time.Second)
	}
	return time.Since(begin)
}

func (g group) post(i int, text string) {
	g.t.Helper()
	if _, err := g.of(i).Post(g.t.Context(), node.Draft{Text: text}); err != nil {
		g.t.Fatalf("node %d posts %q: %v", i, text, err)
	}
}

// invite has a member invite nodes, each with a link of its own, which follow it.
func (g group) invite(by int, nodes ...int) {
	g.t.Helper()
	for _, i := range nodes {
		invite, err := g.of(by).Invite(g.t.Context())
		if err != nil {
			g.t.Fatalf("node %d invites: %v", by, err)
		}
		g.Follow(invite.Link, i)
	}
}

// mayWrite reports whether all these were let in.
func (g group) mayWrite(nodes ...int) bool {
	return !slices.ContainsFunc(nodes, func(i int) bool {
		info, err := g.of(i).Info(g.t.Context())
		return err != nil || !info.CanPost
	})
}

// writer is the key under which a node takes part.
func (g group) writer(i int) node.Writer {
	g.t.Helper()
	members, _ := g.of(i).Members()
	at := slices.IndexFunc(members, func(m node.Member) bool { return m.Author.Me })
	if at < 0 {
		g.t.Fatalf("node %d is no member", i)
	}
	return members[at].Author.Writer
}

// roles is who belongs to the topic and as what, as a node sees it.
func (g group) roles(i int) string {
	members, invited := g.of(i).Members()
	lines := []string{fmt.Sprint(invited, " invited")}
	for _, m := range members {
		lines = append(lines, fmt.Sprint(m.Author.Writer, " ", m.Role))
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}

// texts is what a node reads; what it cannot read counts in closed.
func (g group) texts(i int) (read map[string]bool, closed map[node.Closed]int) {
	g.t.Helper()
	read, closed = map[string]bool{}, map[node.Closed]int{}
	page := node.Page{Limit: 200}
	for {
		ms, cursor, err := g.of(i).Messages(g.t.Context(), page)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, m := range ms {
			if m.Closed != 0 {
				closed[m.Closed]++
			} else {
				read[m.Text] = true
			}
		}
		if cursor.Prev == "" {
			return read, closed
		}
		page.Before = cursor.Prev
	}
}

// readsAll reports whether a node reads all these.
func (g group) readsAll(i int, want []string) bool {
	read, _ := g.texts(i)
	return !slices.ContainsFunc(want, func(w string) bool { return !read[w] })
}

// TestSwarmPrivate: a group of 50. The swarm is split in two, and on both sides an
// admin removes and adds people, some of them the same, while everybody writes. Once
// it is whole again all have the same members, everybody reads everything that was
// meant for them, and nobody who was removed reads what came after.
func TestSwarmPrivate(t *testing.T) {
	const first, all = 46, 50 // members before the split, nodes
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s := nodetest.New(t, nodetest.Config{Nodes: all, Degree: 3})
		topic, err := s.Nodes[0].CreateTopic(t.Context(), node.TopicDraft{Kind: node.PrivateTopic, Name: "Choir"})
		if err != nil {
			t.Fatal(err)
		}
		g := group{s, t, topic.ID()}
		var everybody []int
		for i := range first {
			everybody = append(everybody, i)
		}
		_, before := s.Sent()
		g.invite(0, everybody[1:]...)
		joined := g.until("everybody is let in", 10*time.Minute, func() bool { return g.mayWrite(everybody...) })
		_, after := s.Sent()
		t.Logf("%d people were let in within %v, with %d bytes for each", first-1, joined, (after-before)/(first-1))
		for _, admin := range []int{1, 2} {
			if err := topic.SetRole(t.Context(), g.writer(admin), node.Admin); err != nil {
				t.Fatal(err)
			}
		}
		g.until("two admins", time.Minute, func() bool {
			for _, admin := range []int{1, 2} {
				if i, err := g.of(admin).Info(t.Context()); err != nil || i.Role != node.Admin {
					return false
				}
			}
			return true
		})
		var want []string
		say := func(i int, text string) {
			g.post(i, text)
			want = append(want, text)
		}
		for _, i := range everybody {
			say(i, fmt.Sprint("hello by ", i))
		}
		heard := g.until("the greetings", 5*time.Minute, func() bool {
			return !slices.ContainsFunc(everybody, func(i int) bool { return !g.readsAll(i, want[len(want)-first:]) })
		})
		t.Logf("all %d read all %d greetings after %v", first, first, heard)

		// Even and odd nodes do not hear of each other. 1 is the admin of the odd ones, 2 and the
		// owner 0 are on the even side.
		keys := map[int]node.Writer{}
		for _, i := range everybody {
			keys[i] = g.writer(i)
		}
		remove := func(by, whom int) {
			t.Helper()
			if err := g.of(by).Remove(t.Context(), keys[whom]); err != nil {
				t.Fatalf("node %d removes %d: %v", by, whom, err)
			}
		}
		s.Cut(func(i, j int) bool { return i%2 == j%2 })
		remove(1, 10) // who is on the other side
		remove(1, 11)
		remove(2, 11) // both the same
		remove(2, 12)
		remove(2, 15) // who is on the other side
		remove(1, 13) // and the owner makes 13 an admin
		if err := topic.SetRole(t.Context(), keys[13], node.Admin); err != nil {
			t.Fatal(err)
		}
		g.invite(1, 47, 49)
		g.invite(2, 46, 48)
		g.until("newcomers on both sides", 5*time.Minute, func() bool { return g.mayWrite(46, 47, 48, 49) })
		gone := []int{10, 11, 12, 15}
		var odds []string // what was written on that side
		for _, i := range []int{0, 1, 2, 3, 4, 20, 21, 30, 31, 45, 46, 47, 48, 49} {
			text := fmt.Sprint("in the split, by ", i)
			say(i, text)
			if i%2 == 1 {
				odds = append(odds, text)
			}
		}
		odd, even := fmt.Sprint("in the split, by ", 3), fmt.Sprint("in the split, by ", 4)
		g.until("what each side says", 5*time.Minute, func() bool { return g.readsAll(31, []string{odd}) && g.readsAll(30, []string{even}) })
		if g.readsAll(30, []string{odd}) || g.readsAll(31, []string{even}) {
			t.Error("the split lets something through")
		}

		s.Cut(nil)
		var members []int
		for i := range all {
			if !slices.Contains(gone, i) {
				members = append(members, i)
			}
		}
		_, before = s.Sent()
		healed := g.until("the same members", 20*time.Minute, func() bool {
			for _, i := range members {
				if g.roles(i) != g.roles(0) {
					return false
				}
			}
			return true
		})
		t.Logf("the same members everywhere %v after the split", healed)
		if healed > time.Minute {
			t.Errorf("it took %v until all had the same members", healed)
		}
		if got, _ := topic.Members(); len(got) != len(members) {
			t.Errorf("%d members, want %d:\n%s", len(got), len(members), g.roles(0))
		}
		g.until("all that was said", 20*time.Minute, func() bool {
			return !slices.ContainsFunc(members, func(i int) bool {
				switch {
				case i >= first:
					return false // newcomers are looked at below
				case i == 13: // whom the odd side had removed when it wrote
					return !g.readsAll(i, slices.DeleteFunc(slices.Clone(want), func(text string) bool { return slices.Contains(odds, text) }))
				}
				return !g.readsAll(i, want)
			})
		})

		// Everybody is let in again after this, and everybody writes.
		g.until("everybody may write", 10*time.Minute, func() bool { return g.mayWrite(members...) })
		time.Sleep(time.Minute) // whoever sees that no epoch covers all starts the next
		var last []string
		for _, i := range members {
			text := fmt.Sprint("whole again, by ", i)
			g.post(i, text)
			last = append(last, text)
		}
		spread := g.until("all that was written since", 10*time.Minute, func() bool {
			return !slices.ContainsFunc(members, func(i int) bool { return !g.readsAll(i, last) })
		})
		_, after = s.Sent()
		t.Logf("all %d read all that %d wrote after %v; %d bytes for each node since the split", len(members), len(members), spread, (after-before)/all)
		if each := (after - before) / all; each > 8<<20 {
			t.Errorf("%d bytes for each node", each)
		}
		for _, i := range gone {
			read, closed := g.texts(i)
			for _, text := range last {
				if read[text] {
					t.Errorf("node %d, which was removed, reads %q", i, text)
				}
			}
			t.Logf("node %d, removed, cannot read %v", i, closed)
		}
		for i, side := range map[int]string{10: odd, 11: odd, 12: even, 15: even} {
			if read, _ := g.texts(i); read[side] {
				t.Errorf("node %d reads %q, whose writer knew of its removal", i, side)
			}
		}
		for _, i := range members {
			if _, closed := g.texts(i); closed[node.ClosedPending]+closed[node.ClosedLost]+closed[node.ClosedErased]+closed[node.ClosedForged] > 0 {
				t.Errorf("node %d cannot read %v", i, closed)
			}
		}
	})
	fmt.Fprintf(os.Stderr, "private swarm: %v of real time\n", time.Since(start).Round(time.Second))
}
