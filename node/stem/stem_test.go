package stem

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a node as its router sees it.
type member struct {
	host      host.Host
	router    *Router
	refuses   bool
	published chan []byte
}

func (m *member) Dialled(TopicID) (out []string) {
	for _, p := range m.host.Network().Peers() {
		if slices.ContainsFunc(m.host.Network().ConnsToPeer(p), func(c network.Conn) bool { return c.Stat().Direction == network.DirOutbound }) {
			out = append(out, p.String())
		}
	}
	return out
}

func (m *member) Check(id TopicID, record []byte) bool { return !m.refuses && id == TopicID{1} }

func (m *member) Publish(_ context.Context, _ TopicID, record []byte) { m.published <- record }

// ring starts n members, each of which has dialled the next.
func ring(t *testing.T, n int) (all []*member) {
	t.Helper()
	for range n {
		h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
		if err != nil {
			t.Fatal(err)
		}
		m := &member{host: h, published: make(chan []byte, 64)}
		m.router = Open(h, m, 1000, nil)
		t.Cleanup(func() {
			m.router.Close()
			_ = h.Close()
		})
		all = append(all, m)
	}
	for i, m := range all {
		next := all[(i+1)%n].host
		if err := m.host.Connect(t.Context(), peer.AddrInfo{ID: next.ID(), Addrs: next.Addrs()}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestLine sends records off and finds each published by somebody; mostly not by
// the next one, and never by who wrote it but when it has gone all the way round.
func TestLine(t *testing.T) {
	all := ring(t, 8)
	at := make([]int, len(all))
	for i := range 20 {
		record := fmt.Appendf(nil, "record %d", i)
		if !all[0].router.Start(t.Context(), TopicID{1}, record) {
			t.Fatal("nobody took it")
		}
		var by int
		found := false
		for deadline := time.Now().Add(10 * time.Second); !found && time.Now().Before(deadline); {
			for by = range all {
				select {
				case got := <-all[by].published:
					found = bytes.Equal(got, record)
				default:
				}
				if found {
					break
				}
			}
		}
		if !found {
			t.Fatalf("record %d was published by nobody", i)
		}
		at[by]++
		for _, m := range all {
			m.router.Came(record)
		}
	}
	others := 0
	for _, n := range at[2:] {
		others += n
	}
	if others < 4 { // two thirds of 20 are expected, less than 4 once in a hundred thousand runs
		t.Errorf("published by %v", at)
	}
	for i, m := range all {
		m.router.mu.Lock()
		if n := len(m.router.waiting); n != 0 {
			t.Errorf("member %d waits for %d that were seen", i, n)
		}
		m.router.mu.Unlock()
	}
}

// TestNobody: where nobody takes it, the caller is told.
func TestNobody(t *testing.T) {
	all := ring(t, 2)
	all[1].refuses = true
	if all[0].router.Start(t.Context(), TopicID{1}, []byte("x")) {
		t.Error("somebody took what was refused")
	}
	if all[1].router.Start(t.Context(), TopicID{2}, []byte("x")) {
		t.Error("somebody took what is of another topic")
	}
	if all[0].router.Start(t.Context(), TopicID{1}, make([]byte, 1001)) {
		t.Error("somebody took more than the limit")
	}
	all[1].refuses = false
	all[0].router.Close()
	all[0].router.Close()
	if all[1].router.Start(t.Context(), TopicID{1}, []byte("x")) {
		t.Error("a closed one took it")
	}
}

// TestEmbargo: what does not come back is published by who has sent it.
func TestEmbargo(t *testing.T) {
	all := ring(t, 2)
	record := []byte("lost")
	all[0].router.embargo(TopicID{1}, record)
	all[0].router.embargo(TopicID{1}, record)
	came := []byte("came")
	all[0].router.embargo(TopicID{1}, came)
	all[0].router.Came(came)
	begin := time.Now()
	select {
	case got := <-all[0].published:
		if passed := time.Since(begin); !bytes.Equal(got, record) || passed < embargoMin {
			t.Errorf("%q after %v", got, passed)
		}
	case <-time.After(embargoMax + 5*time.Second):
		t.Error("it was forgotten")
	}
	if len(all[0].published) > 0 {
		t.Error("something was published twice, or although it came")
	}
}

// dialled is a node of which only that is known.
type dialled []string

func (d dialled) Dialled(TopicID) []string               { return d }
func (dialled) Check(TopicID, []byte) bool               { return true }
func (dialled) Publish(context.Context, TopicID, []byte) {}

// TestNext: for an epoch what comes from one peer goes to the same one, and all of it
// to two.
func TestNext(t *testing.T) {
	var all dialled
	for i := range 10 {
		all = append(all, fmt.Sprint("p", i))
	}
	r := &Router{topics: all, ways: map[TopicID]*ways{}}
	used := map[string]bool{}
	for i := range 50 {
		from := fmt.Sprint("q", i)
		to := r.next(TopicID{1}, from)
		if again := r.next(TopicID{1}, from); len(to) != successors || !slices.Equal(to, again) {
			t.Fatalf("from %s to %v, then to %v", from, to, again)
		}
		used[to[0]] = true
	}
	if len(used) != successors {
		t.Errorf("it goes to %d", len(used))
	}
	for p := range used {
		if to := r.next(TopicID{1}, p); slices.Contains(to, p) {
			t.Errorf("what comes from %s goes back to it", p)
		}
	}
	r.topics = all[:1]
	if to := r.next(TopicID{1}, ""); !slices.Equal(to, all[:1]) {
		t.Errorf("to %v, who is not there", to)
	}
}

// FuzzHandle feeds a member bytes as a stream would.
func FuzzHandle(f *testing.F) {
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		f.Fatal(err)
	}
	from, err := libp2p.New(libp2p.NoListenAddrs)
	if err != nil {
		f.Fatal(err)
	}
	m := &member{host: h, published: make(chan []byte, 1<<16)}
	m.router = Open(h, m, 1000, nil)
	f.Cleanup(func() {
		m.router.Close()
		_ = h.Close()
		_ = from.Close()
	})
	if err := from.Connect(context.Background(), peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}); err != nil {
		f.Fatal(err)
	}
	good := binary.BigEndian.AppendUint32(append([]byte{1}, make([]byte, 31)...), 3)
	f.Add(append(good, "abc"...))
	f.Add(good)
	f.Add(binary.BigEndian.AppendUint32(make([]byte, 32), 1<<31))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := from.NewStream(t.Context(), h.ID(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = st.Write(b)
		_ = st.Close()
	})
}
