package history

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// oneTopic is a shelf with one topic.
type oneTopic struct {
	id       record.TopicID
	ops      [][]byte
	contacts []topic.Contact
}

func (s *oneTopic) digest() (d Digest) {
	for _, raw := range s.ops {
		r, err := record.Decode(raw)
		if err != nil {
			panic(err)
		}
		d.Add(r.ID())
	}
	return d
}

func (s *oneTopic) OpsDigest(id record.TopicID) (Digest, bool) { return s.digest(), id == s.id }

func (s *oneTopic) Ops(_ record.TopicID, yield func([]byte) bool) error {
	for _, raw := range s.ops {
		if !yield(raw) {
			return nil
		}
	}
	return nil
}

func (s *oneTopic) Has(_ record.TopicID, id record.ID) bool { return id[0]%2 == 1 }

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
	for seq := uint64(2); seq < 50; seq++ {
		body, err := record.EncodeBody(topic.Intro{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := record.Sign(record.Header{Topic: s.id, Seq: seq, Prev: prev, Time: 1, Kind: record.KindIntro}, body, key)
		if err != nil {
			t.Fatal(err)
		}
		prev = r.ID()
		s.ops = append(s.ops, r.Bytes())
	}
	return s
}

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
		c, from := Client{Host: a}, b.ID().String()

		var got [][]byte
		take := func(raw []byte) error { got = append(got, bytes.Clone(raw)); return nil }
		contacts, err := c.Ops(t.Context(), from, s.id, Digest{}, take)
		if err != nil || !reflect.DeepEqual(got, s.ops) || !reflect.DeepEqual(contacts, s.contacts) {
			t.Fatalf("%d of %d ops, contacts %v, %v", len(got), len(s.ops), contacts, err)
		}
		got = nil
		if _, err := c.Ops(t.Context(), from, s.id, s.digest(), take); err != nil || len(got) != 0 {
			t.Errorf("equal sets: %d ops sent, %v", len(got), err)
		}
		if _, err := c.Ops(t.Context(), from, record.TopicID{9}, Digest{}, take); !errors.Is(err, ErrUnknown) {
			t.Errorf("a topic that is not there: %v", err)
		}
		enough := errors.New("enough")
		if _, err := c.Ops(t.Context(), from, s.id, Digest{}, func([]byte) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("a taker that refuses: %v", err)
		}
		have, err := c.Have(t.Context(), from, s.id, []record.ID{{1}, {2}, {3}})
		if err != nil || !reflect.DeepEqual(have, []bool{true, false, true}) {
			t.Errorf("have %v, %v", have, err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Ops(gone, from, s.id, Digest{}, take); err == nil {
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
	for _, q := range []request{{Type: askOps, Topic: id, Xor: id}, {Type: askHave, Topic: id, IDs: append(id, id...)}} {
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
