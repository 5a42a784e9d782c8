package nodetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/nodetest"
)

// TestSwarmFirstContact has people accept a request at different times after it came, and
// measures how soon the one who asked knows that the other's device has the message,
// and how soon the other knows the same of the answer.
func TestSwarmFirstContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const asked, limit = 6, 5 * time.Second
		s := nodetest.New(t, nodetest.Config{Nodes: 1 + asked})
		name := func(i int) string { return string(rune('A' + i)) }
		for i, n := range s.Nodes {
			if err := n.SetName(t.Context(), name(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(s.Rand.IntN(3000)) * time.Millisecond)
		for i := 1; i <= asked; i++ {
			anna, boris := s.Nodes[0], s.Nodes[i]
			link, err := anna.ContactLink()
			if err != nil {
				t.Fatal(err)
			}
			c, err := boris.AddContact(t.Context(), link, "")
			if err != nil {
				t.Fatal(err)
			}
			tb, err := boris.Topic(c.Topic)
			if err != nil {
				t.Fatal(err)
			}
			question := posted(t, tb, "are you there?")
			var request node.Contact
			s.Until(time.Minute, func() bool {
				for _, c := range anna.Contacts() {
					if c.Request && c.Claimed == name(i) {
						request = c
					}
				}
				return request.Request
			})
			time.Sleep(time.Duration(s.Rand.IntN(4000)) * time.Millisecond)
			yes := true
			request, err = anna.ChangeContact(t.Context(), request.ID, node.ContactChange{Accepted: &yes})
			if err != nil {
				t.Fatal(err)
			}
			ta, err := anna.Topic(request.Topic)
			if err != nil {
				t.Fatal(err)
			}
			known := s.Until(time.Minute, acknowledged(t, tb, question))
			s.Until(time.Minute, func() bool { info, err := ta.Info(t.Context()); return err == nil && info.CanPost })
			answer := posted(t, ta, "here I am")
			answered := s.Until(time.Minute, acknowledged(t, ta, answer))
			t.Logf("the question was acknowledged %v after it was accepted, the answer after %v", known, answered)
			if known > limit || answered > limit {
				t.Errorf("acknowledged after %v and %v, wanted within %v", known, answered, limit)
			}
		}
	})
}

func posted(t *testing.T, x *node.Topic, text string) node.RecordID {
	t.Helper()
	id, err := x.Post(t.Context(), node.Draft{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func acknowledged(t *testing.T, x *node.Topic, id node.RecordID) func() bool {
	return func() bool {
		m, err := x.Message(t.Context(), id)
		return err == nil && m.State == node.Acknowledged
	}
}
