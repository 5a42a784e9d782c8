package history

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// oneTopic is a shelf and a book of one topic: ops, and posts of one writer.
type oneTopic struct {
	id       record.TopicID
	ops      [][]byte
	posts    [][]byte
	contacts []topic.Contact
	forks    [][2]record.ID
	nudged   []string
	carried  []string
}

func (s *oneTopic) Book(id record.TopicID) (Book, bool) { return s, id == s.id }

func (s *oneTopic) lane(l Lane) [][]byte {
	switch l {
	case LaneOps:
		return s.ops
	case LanePosts:
		return s.posts
	}
	return nil
}

func (s *oneTopic) Set(l Lane) reconcile.Set {
	var items []reconcile.Item
	for _, raw := range s.lane(l) {
		items = append(items, itemOf(must(record.Decode(raw))))
	}
	set, err := reconcile.NewSlice(items)
	if err != nil {
		panic(err)
	}
	return set
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (s *oneTopic) Walk(l Lane, part reconcile.Range, yield func([]byte) bool) error {
	rs := slices.Clone(s.lane(l))
	slices.SortFunc(rs, func(a, b []byte) int {
		return itemOf(must(record.Decode(b))).Compare(itemOf(must(record.Decode(a))))
	})
	for _, raw := range rs {
		if part.Contains(itemOf(must(record.Decode(raw)))) && !yield(raw) {
			return nil
		}
	}
	return nil
}

func (s *oneTopic) Get(id record.ID) ([]byte, error) {
	for _, raw := range slices.Concat(s.ops, s.posts) {
		if must(record.Decode(raw)).ID() == id {
			return raw, nil
		}
	}
	return nil, nil
}

func (s *oneTopic) Has(id record.ID) bool { return id[0]%2 == 1 }

func (s *oneTopic) Forks() [][2]record.ID { return s.forks }

func (s *oneTopic) Nudged(_ record.TopicID, peer string) { s.nudged = append(s.nudged, peer) }

func (s *oneTopic) Carry(id record.TopicID, peer, link string) bool {
	s.carried = append(s.carried, peer+" "+link)
	return id == s.id || link == "linnet:yes"
}

func (s *oneTopic) Contacts(record.TopicID) []topic.Contact { return s.contacts }

func shelf(t testing.TB) *oneTopic {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	g, err := topic.Genesis{Nonce: make([]byte, topic.NonceSize), Kind: topic.Open, Name: "x"}.Sign(key, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := &oneTopic{id: g.TopicID(), ops: [][]byte{g.Bytes()}, contacts: []topic.Contact{{ID: []byte{1, 2}, Addrs: [][]byte{{3}}}}}
	prev := g.ID()
	add := func(list *[][]byte, seq uint64, kind record.Kind, body []byte) {
		r, err := record.Sign(record.Header{Topic: s.id, Seq: seq, Prev: prev, Time: int64(seq), Kind: kind}, body, key)
		if err != nil {
			t.Fatal(err)
		}
		prev = r.ID()
		*list = append(*list, r.Bytes())
	}
	body, err := record.EncodeBody(topic.Intro{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(2); seq < 50; seq++ {
		add(&s.ops, seq, record.KindIntro, body)
	}
	for seq := uint64(50); seq < 50+posts; seq++ {
		add(&s.posts, seq, record.KindPost, fmt.Appendf(nil, "post %d", seq))
	}
	return s
}

// posts is how many the shelf has: more than one answer carries.
const posts = maxServed + 500

func hosts(t *testing.T) (a, b host.Host) {
	t.Helper()
	var hs [2]host.Host
	for i := range hs {
		h, err := libp2p.New(libp2p.Transport(tcp.NewTCPTransport), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = h.Close() })
		hs[i] = h
	}
	if err := hs[0].Connect(t.Context(), peer.AddrInfo{ID: hs[1].ID(), Addrs: hs[1].Addrs()}); err != nil {
		t.Fatal(err)
	}
	return hs[0], hs[1]
}

func TestExchange(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		a, b := hosts(t)
		s := shelf(t)
		server := NewServer(b, s, slog.New(slog.DiscardHandler))
		t.Cleanup(server.Close)
		c, from := NewClient(a), b.ID().String()

		var got [][]byte
		take := func(raw []byte) error { got = append(got, bytes.Clone(raw)); return nil }
		contacts, err := c.Ops(t.Context(), from, s.id, take)
		if err != nil || len(got) != len(s.ops) || !bytes.Equal(got[0], s.ops[0]) || !reflect.DeepEqual(contacts, s.contacts) {
			t.Fatalf("%d of %d ops, contacts %v, %v", len(got), len(s.ops), contacts, err)
		}
		got = nil
		if more, err := c.Contacts(t.Context(), from, s.id); err != nil || len(got) != 0 || !reflect.DeepEqual(more, s.contacts) {
			t.Errorf("contacts %v, %d ops, %v", more, len(got), err)
		}
		if _, err := c.Ops(t.Context(), from, record.TopicID{9}, take); !errors.Is(err, ErrUnknown) {
			t.Errorf("a topic that is not there: %v", err)
		}
		enough := errors.New("enough")
		if _, err := c.Ops(t.Context(), from, s.id, func([]byte) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("a taker that refuses: %v", err)
		}
		have, err := c.Have(t.Context(), from, s.id, []record.ID{{1}, {2}, {3}})
		if err != nil || !reflect.DeepEqual(have, []bool{true, false, true}) {
			t.Errorf("have %v, %v", have, err)
		}
		if err := c.Nudge(t.Context(), from, s.id); err != nil || !slices.Equal(s.nudged, []string{a.ID().String()}) {
			t.Errorf("nudged by %v, %v", s.nudged, err)
		}
		if err := c.Carry(t.Context(), from, record.TopicID{9}, "linnet:yes"); err != nil || !slices.Equal(s.carried, []string{a.ID().String() + " linnet:yes"}) {
			t.Errorf("carried %v, %v", s.carried, err)
		}
		if err := c.Carry(t.Context(), from, record.TopicID{9}, "linnet:no"); !errors.Is(err, ErrUnknown) {
			t.Errorf("a topic that is not carried: %v", err)
		}
		if err := c.Carry(t.Context(), from, record.TopicID{9}, strings.Repeat("x", maxLink+1)); err == nil {
			t.Error("a link that is too long is taken")
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Ops(gone, from, s.id, take); err == nil {
			t.Error("a cancelled call succeeds")
		}
	})
}

// TestHostileAnswer reads answers that no honest server gives.
func TestHostileAnswer(t *testing.T) {
	many := bytes.Repeat([]byte{1, 0}, maxOps+1)
	for name, b := range map[string][]byte{
		"a huge frame":      {0xff, 0xff, 0xff, 0xff, 0x7f},
		"an endless length": bytes.Repeat([]byte{0xff}, 20),
		"cut":               {5, 1},
		"nothing":           {},
		"too many":          many,
	} {
		n := 0
		err := readRecords(bufio.NewReader(bytes.NewReader(b)), func([]byte) error { n++; return nil })
		if err == nil {
			t.Errorf("%s: taken, %d records", name, n)
		}
	}
}

func FuzzRequest(f *testing.F) {
	id := make([]byte, 32)
	for _, q := range []request{
		{Type: askOps, Topic: id, N: 1},
		{Type: askHave, Topic: id, IDs: append(id, id...)},
		{Type: askSums, Topic: id, Sums: id},
		{Type: askReconcile, Topic: id, Lane: LanePosts, Talk: id},
		{Type: askCarry, Topic: id, Talk: []byte("linnet:hQ")},
		{Type: askRange, Topic: id, Lane: LanePosts, N: 9, To: make([]byte, placeSize)},
		{Type: askRecords, Topic: id, IDs: id},
		{Type: askNudge, Topic: id},
		{Type: askOutline, Topic: id, Lane: LaneOther, N: 9, From: make([]byte, placeSize)},
	} {
		b, err := q.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := decodeRequest(b); err == nil && len(q.Topic) != 32 {
			t.Errorf("%+v", q)
		}
	})
}

// collector is a keeper that takes all that is genuine into a book.
type collector struct {
	oneTopic
	peers []string
	mu    sync.Mutex
	seen  map[record.ID]bool
	lacks map[string][]record.ID
	news  chan struct{} // has one when records came; nil: nobody waits
	first int           // records of the first batch
	again int           // records that came once more
	begin uint64        // number of the first post that came
}

func (c *collector) Book() Book {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.oneTopic
	return &b
}

func (c *collector) Peers() []string { return c.peers }

func (c *collector) Take(_ context.Context, p Proof, rs []*record.Record) (taken Taken, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		select {
		case c.news <- struct{}{}:
		default:
		}
	}()
	if c.first == 0 {
		c.first = len(rs)
	}
	if c.begin == 0 && rs[0].Kind == record.KindPost {
		c.begin = rs[0].Seq
	}
	for _, r := range rs {
		known, right := p.Covers(r)
		switch {
		case known && !right, !known && r.Verify() != nil, r.TopicID() != c.id:
			taken.False++
			continue
		case c.seen[r.ID()]:
			taken.Known++
			c.again++
			continue
		}
		p.Verified(r)
		c.seen[r.ID()] = true
		taken.New++
		if r.Kind.IsOp() {
			c.ops = append(c.ops, r.Bytes())
		} else {
			c.posts = append(c.posts, r.Bytes())
		}
	}
	return taken, nil
}

func (c *collector) Forked(_ context.Context, a, b *record.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oneTopic.forks = append(c.oneTopic.forks, [2]record.ID{a.ID(), b.ID()})
	return nil
}

func (c *collector) Told(peer string, _ Book, lacks []record.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lacks[peer] = lacks
}

// liar serves a book with each third post altered.
type liar struct{ *oneTopic }

func (l liar) Book(id record.TopicID) (Book, bool) { return l, id == l.id }

func (l liar) Walk(lane Lane, part reconcile.Range, yield func([]byte) bool) error {
	n := 0
	return l.oneTopic.Walk(lane, part, func(raw []byte) bool {
		if n++; n%3 == 0 {
			raw = slices.Clone(raw)
			raw[len(raw)-1] ^= 1
		}
		return yield(raw)
	})
}

// TestRepair fills an empty book from two servers of which one lies, then finds
// that nothing more is there, then fetches only what is new.
func TestRepair(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		a, b := hosts(t)
		_, l := hosts(t)
		if err := a.Connect(t.Context(), peer.AddrInfo{ID: l.ID(), Addrs: l.Addrs()}); err != nil {
			t.Fatal(err)
		}
		s := shelf(t)
		log := slog.New(slog.DiscardHandler)
		honest, lying := NewServer(b, s, log), NewServer(l, liar{s}, log)
		t.Cleanup(honest.Close)
		t.Cleanup(lying.Close)
		k := &collector{peers: []string{b.ID().String(), l.ID().String()}, seen: map[record.ID]bool{}, lacks: map[string][]record.ID{}}
		k.id = s.id
		r := NewRepairer(NewClient(a), s.id, k, func() {}, log)
		for range 3 {
			r.pass(t.Context(), []string{b.ID().String(), l.ID().String()})
		}
		if len(k.posts) != len(s.posts) || len(k.ops) != len(s.ops) {
			t.Fatalf("%d of %d posts, %d of %d ops", len(k.posts), len(s.posts), len(k.ops), len(s.ops))
		}
		if _, shunned := r.shun[l.ID().String()]; !shunned {
			t.Error("the liar is still believed")
		}
		if k.first == 0 || k.first > firstBatch {
			t.Errorf("the first batch has %d records", k.first)
		}
		if newest := uint64(50 + posts - 1); k.begin < newest-2*piece {
			t.Errorf("the first post that came is %d of %d", k.begin, newest)
		}
		if gained := r.pass(t.Context(), []string{b.ID().String()}); gained != 0 {
			t.Errorf("%d records gained from an equal", gained)
		}
		if lacks, told := k.lacks[b.ID().String()]; !told || len(lacks) != 0 {
			t.Errorf("an equal is told to lack %v, %v", lacks, told)
		}

		// What only one side has.
		ours := k.posts[7]
		id := must(record.Decode(ours)).ID()
		s.posts = slices.DeleteFunc(slices.Clone(s.posts), func(raw []byte) bool { return bytes.Equal(raw, ours) })
		theirs := k.posts[100]
		delete(k.seen, must(record.Decode(theirs)).ID())
		k.posts = slices.Delete(slices.Clone(k.posts), 100, 101)
		if gained := r.pass(t.Context(), []string{b.ID().String()}); gained != 1 {
			t.Errorf("%d records gained, want 1", gained)
		}
		if lacks := k.lacks[b.ID().String()]; !slices.Equal(lacks, []record.ID{id}) {
			t.Errorf("lacks %v, want %v", lacks, id)
		}
		s.forks = [][2]record.ID{{must(record.Decode(s.posts[0])).ID(), must(record.Decode(s.posts[1])).ID()}}
		r.pass(t.Context(), []string{b.ID().String()})
		if !slices.Equal(k.oneTopic.forks, s.forks) {
			t.Errorf("forks %v", k.oneTopic.forks)
		}
	})
}

// TestTakenUpAgain loses the line before and during a transfer, without that anybody
// says so: what broke off goes on by itself in seconds, and does not begin anew.
func TestTakenUpAgain(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		a, b := hosts(t)
		if err := a.Network().ClosePeer(b.ID()); err != nil {
			t.Fatal(err)
		}
		s := shelf(t)
		server := NewServer(b, s, slog.New(slog.DiscardHandler))
		t.Cleanup(server.Close)
		k := &collector{peers: []string{b.ID().String()}, seen: map[record.ID]bool{}, lacks: map[string][]record.ID{}, news: make(chan struct{}, 1)}
		k.id = s.id
		tried := make(chan struct{}, 100)
		log := slog.New(slog.NewTextHandler(signal(tried), &slog.HandlerOptions{Level: slog.LevelDebug}))
		r := NewRepairer(NewClient(a), s.id, k, func() {}, log)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		connect := func() {
			if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
				t.Fatal(err)
			}
		}
		// until waits for so many posts, within the 10 s in which a person does not
		// begin to wonder, and returns how many there are.
		until := func(posts int) int {
			late := time.After(10 * time.Second)
			for {
				k.mu.Lock()
				n := len(k.posts)
				k.mu.Unlock()
				if n >= posts {
					return n
				}
				select {
				case <-k.news:
				case <-late:
					t.Fatalf("%d of %d posts within 10 s of the line", n, posts)
				}
			}
		}
		<-tried // there is no line
		<-tried
		connect()
		n := until(1)
		if err := a.Network().ClosePeer(b.ID()); err != nil {
			t.Fatal(err)
		}
		if n == len(s.posts) {
			t.Fatal("it was not in the middle of the transfer")
		}
		<-tried
		connect()
		until(len(s.posts))
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.again > 2*piece {
			t.Errorf("%d records were fetched twice", k.again)
		}
	})
}

// signal tells that something was logged.
type signal chan struct{}

func (s signal) Write(b []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(b), nil
}

// TestLimitedRelay fetches a topic over a volunteer's relay with its usual limits,
// 128 KiB a connection, over which gossipsub does not run.
func TestLimitedRelay(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("", func(t *testing.T) {
		var hs [3]host.Host
		for i := range hs {
			h, err := libp2p.New(libp2p.Transport(tcp.NewTCPTransport), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.EnableRelay())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = h.Close() })
			hs[i] = h
		}
		volunteer, a, b := hs[0], hs[1], hs[2]
		service, err := relay.New(volunteer)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = service.Close() })
		at := peer.AddrInfo{ID: volunteer.ID(), Addrs: volunteer.Addrs()}
		for _, h := range []host.Host{a, b} {
			if err := h.Connect(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Reserve(t.Context(), b, at); err != nil {
			t.Fatal(err)
		}
		through, err := multiaddr.NewMultiaddr(fmt.Sprintf("%s/p2p/%s/p2p-circuit", volunteer.Addrs()[0], volunteer.ID()))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Connect(network.WithAllowLimitedConn(t.Context(), "test"), peer.AddrInfo{ID: b.ID(), Addrs: []multiaddr.Multiaddr{through}}); err != nil {
			t.Fatal(err)
		}
		if a.Network().Connectedness(b.ID()) != network.Limited {
			t.Fatal("the line is not limited")
		}
		s := shelf(t)
		s.posts = s.posts[:200]
		log := slog.New(slog.DiscardHandler)
		server := NewServer(b, s, log)
		t.Cleanup(server.Close)
		k := &collector{seen: map[record.ID]bool{}, lacks: map[string][]record.ID{}}
		k.id = s.id
		NewRepairer(NewClient(a), s.id, k, func() {}, log).pass(t.Context(), []string{b.ID().String()})
		if len(k.posts) != len(s.posts) || len(k.ops) != len(s.ops) {
			t.Errorf("%d of %d posts, %d of %d ops", len(k.posts), len(s.posts), len(k.ops), len(s.ops))
		}
	})
}

// TestPieces: what has come over a line that is slow, or that ends, is of use before
// the rest has come.
func TestPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		posts := shelf(t).posts[:200]
		r, line := io.Pipe()
		defer r.Close()
		go func() { // it sends 200 posts, but the line ends before the end is said
			w := bufio.NewWriter(line)
			p := pack(newEncoder(), w)
			for i, raw := range posts {
				p.add(raw)
				if i%10 == 9 {
					time.Sleep(time.Second)
				}
			}
			line.CloseWithError(io.ErrUnexpectedEOF)
		}()
		began, had, first := time.Now(), 0, time.Duration(0)
		_, err := unpack(newDecoder(), r, len(posts), func(rs []*record.Record) error {
			if had += len(rs); first == 0 {
				first = time.Since(began)
			}
			return nil
		})
		if err == nil || had < 100 || had == len(posts) {
			t.Errorf("%d of %d posts, %v", had, len(posts), err)
		}
		if first > 5*time.Second {
			t.Errorf("the first ones were of use after %v", first)
		}
	})
}

// BenchmarkPack tells what pieces cost in bytes.
func BenchmarkPack(b *testing.B) {
	posts := shelf(b).posts
	z := newEncoder()
	var size, raw int
	for b.Loop() {
		size, raw = 0, 0
		w := bufio.NewWriter(count{&size})
		p := pack(z, w)
		for _, r := range posts {
			p.add(r)
			raw += len(r)
		}
		if err := errors.Join(p.end(endAll), w.Flush()); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(raw))
	b.ReportMetric(float64(size)/float64(raw), "packed/byte")
}

type count struct{ n *int }

func (c count) Write(b []byte) (int, error) {
	*c.n += len(b)
	return len(b), nil
}

func FuzzStream(f *testing.F) {
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	p := pack(newEncoder(), w)
	for _, raw := range shelf(f).posts[:5] {
		p.add(raw)
	}
	if err := errors.Join(p.end(endAll), w.Flush()); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	z := newDecoder()
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		all, err := unpack(z, bytes.NewReader(b), 100, func(rs []*record.Record) error { n += len(rs); return nil })
		if n > 100 || all && err != nil {
			t.Errorf("%d records, %v, %v", n, all, err)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte{1}, true)
	f.Fuzz(func(t *testing.T, b []byte, sums bool) {
		if sums {
			if w, err := decodeSums(b); err == nil && len(w.Forks) > maxForks {
				t.Error(w)
			}
			return
		}
		_, cuts, err := decodeOutline(b, reconcile.Whole())
		if err == nil && !slices.IsSortedFunc(cuts, reconcile.Bound.Compare) {
			t.Error(cuts)
		}
	})
}

func FuzzContacts(f *testing.F) {
	b, err := encodeContacts([]topic.Contact{{ID: []byte{1}, Addrs: [][]byte{{2}, {3}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if list, err := decodeContacts(b); err == nil && len(list) > maxContacts {
			t.Errorf("%d contacts", len(list))
		}
	})
}
