package pubsub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestVerdicts: what each verdict does on a line of three nodes, and that own
// messages do not come to the handler.
func TestVerdicts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 3)
		s := newSwarm(t, hosts, Config{}, 0)
		defer s.close()
		connect(t, hosts[0], hosts[1])
		connect(t, hosts[1], hosts[2])
		time.Sleep(3 * time.Second)
		for _, text := range []string{"good", "!bad", "?late", ""} {
			if err := s.nodes[0].topic.Publish(t.Context(), []byte(text)); err != nil {
				t.Fatalf("publish %q: %v", text, err)
			}
		}
		time.Sleep(3 * time.Second)
		for i, want := range []Stats{
			{Published: 4},
			{Delivered: 2, Rejected: 1, Ignored: 1},
			{Delivered: 2}, // the middle one did not pass on the rest
		} {
			got := s.nodes[i].p.Stats()
			if got.Published != want.Published || got.Delivered != want.Delivered || got.Rejected != want.Rejected || got.Ignored != want.Ignored {
				t.Errorf("node %d: %+v, want %+v", i, got, want)
			}
		}
		if n := s.nodes[0].count.Load(); n != 0 {
			t.Errorf("the handler saw %d own messages", n)
		}
	})
}

func TestErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 2)
		if _, err := New(Config{Host: hosts[0]}); err == nil {
			t.Error("no MessageID, no error")
		}
		s := newSwarm(t, hosts, Config{MaxMessage: 1000, MaxTopicsPerPeer: 2}, 0)
		n := s.nodes[0]
		if err := n.topic.Publish(t.Context(), []byte("x")); !errors.Is(err, ErrNoPeers) {
			t.Errorf("alone: %v", err)
		}
		connect(t, hosts[0], hosts[1])
		time.Sleep(time.Second)
		if got, want := n.topic.Peers(), []string{hosts[1].ID().String()}; !slices.Equal(got, want) {
			t.Errorf("peers %v, want %v", got, want)
		}
		if err := n.topic.Publish(t.Context(), make([]byte, 1001)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("1001 bytes: %v", err)
		}
		if err := n.topic.Publish(t.Context(), bytes.Repeat([]byte{1}, 1000)); err != nil {
			t.Errorf("1000 bytes: %v", err)
		}
		for _, name := range []string{"", string(make([]byte, 65)), topicName} {
			if _, err := n.p.Join(name, n.handle); err == nil {
				t.Errorf("joined %q", name)
			}
		}
		other, err := n.p.Join("other", n.handle)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.p.Join("third", n.handle); err == nil {
			t.Error("joined more than can be announced")
		}
		for range 2 {
			if err := other.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if again, err := n.p.Join("other", n.handle); err != nil {
			t.Errorf("join again: %v", err)
		} else if err := again.Close(); err != nil {
			t.Error(err)
		}
		s.close()
		s.close()
		if err := n.topic.Publish(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := n.p.Join("late", n.handle); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestPeersCome: OnPeers tells of a follower that comes, and of one that goes.
func TestPeersCome(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 2)
		changed := make(chan string, 10)
		s := newSwarm(t, hosts[:1], Config{OnPeers: func(topic string) { changed <- topic }}, 0)
		defer s.close()
		guest := newSwarm(t, hosts[1:], Config{}, 0)
		connect(t, hosts[0], hosts[1])
		if name := <-changed; name != topicName || len(s.nodes[0].topic.Peers()) != 1 {
			t.Errorf("%q, %v", name, s.nodes[0].topic.Peers())
		}
		guest.close()
		if name := <-changed; name != topicName || len(s.nodes[0].topic.Peers()) != 0 {
			t.Errorf("%q, %v", name, s.nodes[0].topic.Peers())
		}
	})
}

// TestPublishPaces: Publish holds back while the line to each follower is
// full, goes on with the first that has room, and gives up after maxWait.
func TestPublishPaces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 3)
		s := newSwarm(t, hosts, Config{}, 0)
		defer s.close()
		full(t, hosts)
		time.Sleep(time.Second)
		trace := s.nodes[0].p.trace
		fill := func(i int, n int64) { trace.line(hosts[i].ID()).waiting.Add(n) }
		publish := func(text string) error { return s.nodes[0].topic.Publish(t.Context(), []byte(text)) }

		fill(1, busy+1) // the list of our topics, sent first, was not counted in
		if err := publish("one is slow"); err != nil {
			t.Error(err)
		}
		fill(2, busy+1)
		start := time.Now()
		if err := publish("all are slow"); !errors.Is(err, ErrBusy) || time.Since(start) != maxWait {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.nodes[0].topic.Publish(ctx, []byte("all are slow")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			trace.line(hosts[2].ID()).waiting.Add(1 - busy)
			trace.SendRPCCompleted(&gossip.RPC{}, hosts[2].ID(), 0)
			trace.tellDrained()
		}()
		start = time.Now()
		if err := publish("one has room again"); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		fill(2, 2*busy)
		go func() {
			time.Sleep(time.Second)
			trace.forget(hosts[1].ID())
			trace.forget(hosts[2].ID())
		}()
		if err := publish("all are gone"); err != nil && !errors.Is(err, ErrNoPeers) {
			t.Error(err)
		}
	})
}

// TestCloseWaits: Close ends the context of handlers and waits for them.
func TestCloseWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 2)
		ended := false
		p, err := New(Config{Host: hosts[0], MessageID: hashID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Join(topicName, func(ctx context.Context, _ Message) Verdict {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return Accept
		}); err != nil {
			t.Fatal(err)
		}
		s := newSwarm(t, hosts[1:], Config{}, 0)
		defer s.close()
		connect(t, hosts[0], hosts[1])
		time.Sleep(time.Second)
		s.publish(0, 1, 100, 0)
		time.Sleep(time.Second)
		if err := p.Close(); err != nil || !ended {
			t.Errorf("%v, ended %v", err, ended)
		}
	})
}

// TestShare: a peer gets as much as is left, so that there is always some left.
func TestShare(t *testing.T) {
	s := newShare(1000)
	take := func(peer string) (n int) {
		for s.take(peer, 1) {
			n++
		}
		return n
	}
	for i, want := range []int{500, 250, 125} {
		if got := take(fmt.Sprint(i)); got != want {
			t.Errorf("peer %d took %d, want %d", i, got, want)
		}
	}
	for range 500 {
		s.give("0", 1)
	}
	if _, ok := s.taken["0"]; ok || s.room != 625 {
		t.Errorf("room %d, taken %v", s.room, s.taken)
	}
	if s.take("large", 700) || !s.take("large", units(64<<10)) {
		t.Error("large messages count for more, and have room")
	}
}

func TestStaleEventsOfAPeerThatIsGone(t *testing.T) {
	tr := newTracer()
	tr.OnNewOutboundStream("p", "")
	tr.SendRPC(&gossip.RPC{}, "p")
	tr.OnClosedOutboundStream("p")
	tr.SendRPCCompleted(&gossip.RPC{}, "p", 0)
	if tr.open(peer.ID("p")) || tr.waiting("p") != 0 {
		t.Error("a line is left")
	}
}

// TestCloseEndsTheLibrary: nothing of gossipsub runs on after Close, though the hosts do.
func TestCloseEndsTheLibrary(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hosts := simHosts(t, 3)
		s := newSwarm(t, hosts, Config{}, 0)
		full(t, hosts)
		time.Sleep(2 * time.Second)
		s.publish(0, 10, 100, 0)
		s.close()
		time.Sleep(2 * time.Second) // retries of the library sleep up to one
		buf := make([]byte, 4<<20)
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "libp2p/go-libp2p-pubsub") {
				t.Errorf("still runs: %s", g)
			}
		}
	})
}
