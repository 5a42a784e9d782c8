package node_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node"
)

// freezer passes TCP connections on. Once it freezes, what is connected stays so, and
// nothing comes through any more.
type freezer struct {
	l      net.Listener
	frozen atomic.Bool
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newFreezer(t *testing.T, to string) *freezer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &freezer{l: l}
	f.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			f.mu.Lock()
			f.conns = append(f.conns, in, out)
			f.mu.Unlock()
			f.wg.Go(func() { f.pass(out, in) })
			f.wg.Go(func() { f.pass(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *freezer) pass(to, from net.Conn) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			if !f.frozen.Load() {
				_ = to.Close()
			}
			return
		}
		if !f.frozen.Load() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
}

func followers(t *testing.T, topic *node.Topic) int {
	t.Helper()
	i, err := topic.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i.Followers
}

// TestFreezeLosesNothing: two people write to each other all the time while the line
// between them freezes. It is noticed, another address is used, and both have
// everything, without a word being said twice.
func TestFreezeLosesNothing(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	direct := anna.Status().Addresses[0]
	parts := strings.Split(direct, "/") // "", ip4, A, tcp, P, p2p, ID
	f := newFreezer(t, net.JoinHostPort(parts[2], parts[4]))
	_, port, err := net.SplitHostPort(f.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ta := create(t, anna, node.OpenTopic)
	if _, err := boris.Connect(t.Context(), strings.Join([]string{"/ip4/127.0.0.1/tcp", port, "p2p", parts[6]}, "/")); err != nil {
		t.Fatal(err)
	}
	tb := follow(t, boris, ta.Link())
	until(t, boris, "followed", func() bool { return followers(t, ta) == 1 && followers(t, tb) == 1 })
	if p := boris.Peers(); len(p) != 1 || !strings.Contains(p[0].Address, "/"+port) {
		t.Fatalf("connected to %v", p)
	}

	var sent []string
	say := func(n int) {
		for range n {
			for _, topic := range []*node.Topic{ta, tb} {
				text := fmt.Sprint("message ", len(sent))
				post(t, topic, text)
				sent = append(sent, text)
			}
		}
	}
	have := func(topic *node.Topic) bool {
		got := texts(t, topic)
		return len(got) == len(sent)
	}
	say(10)
	until(t, boris, "before the freeze", func() bool { return have(ta) && have(tb) })
	f.frozen.Store(true)
	begun := time.Now()
	say(10)
	until(t, boris, "after the freeze", func() bool {
		if time.Since(begun) < 5*time.Second && len(sent) < 60 { // into the frozen line
			say(1)
		}
		return have(ta) && have(tb)
	})
	took := time.Since(begun)
	t.Logf("%d messages each way over a line that froze, all there after %v", len(sent)/2, took.Round(10*time.Millisecond))
	if took > 12*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, topic := range []*node.Topic{ta, tb} {
		got := texts(t, topic)
		slices.Sort(got)
		want := slices.Sorted(slices.Values(sent))
		if !slices.Equal(got, want) {
			t.Errorf("%d messages, want %d, or others", len(got), len(want))
		}
	}
}
