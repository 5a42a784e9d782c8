package mailbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/libp2p/go-libp2p/p2p/net/swarm.(*connectednessEventEmitter).notifyPeer"))
}

func newHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.Transport(tcp.NewTCPTransport), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func connect(t *testing.T, a, b host.Host) {
	t.Helper()
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// allow lets everybody in, or nobody.
type allow bool

func (a allow) Allow(_ string, _ Box, want Terms) (Terms, bool) { return want, bool(a) }

func keep(t *testing.T, h host.Host, store Store, change func(*Config)) *Keeper {
	t.Helper()
	c := Config{Host: h, Store: store, Policy: allow(true)}
	if change != nil {
		change(&c)
	}
	k, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// person owns a box.
type person struct {
	key     ed25519.PrivateKey
	address Address
}

func newPerson(t *testing.T) person {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, deposit, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return person{key, Address{BoxOf(key), deposit}}
}

func (p person) terms() Terms {
	return Terms{Deposit: p.address.Deposit.Public().(ed25519.PublicKey), Quota: 4 << 20, Term: time.Hour}
}

func mailOf(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// post is a keeper and a client that talk.
type post struct {
	keeper *Keeper
	client *Client
	at     string
	hosts  [2]host.Host
}

func newPost(t *testing.T, change func(*Config)) post {
	t.Helper()
	h, c := newHost(t), newHost(t)
	connect(t, c, h)
	return post{keep(t, h, &MemStore{}, change), NewClient(c, nil), h.ID().String(), [2]host.Host{h, c}}
}

func (p post) agree(t *testing.T, who person) Agreement {
	t.Helper()
	a, err := p.client.Agree(t.Context(), p.at, who.key, who.terms())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p post) put(t *testing.T, who person, mails ...[]byte) []Placement {
	t.Helper()
	places, err := p.client.Put(t.Context(), Delivery{To: who.address, Mails: mails, Keepers: []string{p.at}})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

func (p post) collect(t *testing.T, who person) (got [][]byte) {
	t.Helper()
	err := p.client.Collect(t.Context(), who.key, []string{p.at}, func(mail []byte) error {
		got = append(got, mail)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (p post) state(t *testing.T, who person, mail []byte) Status {
	t.Helper()
	ss, err := p.client.Status(t.Context(), who.address, []string{p.at}, []MailID{IDOf(mail)})
	if err != nil {
		t.Fatal(err)
	}
	return ss[0]
}

// TestMail walks mail from its depositor to its owner.
func TestMail(t *testing.T) {
	p, anna := newPost(t, nil), newPerson(t)
	if _, err := p.client.Put(t.Context(), Delivery{To: anna.address, Mails: [][]byte{{1}}, Keepers: []string{p.at}}); !errors.Is(err, ErrShort) {
		t.Errorf("mail for a box that is not kept: %v", err)
	}
	if a := p.agree(t, anna); a.Quota != 4<<20 || a.Mails != 0 {
		t.Errorf("%+v", a)
	}
	var mails [][]byte
	for _, n := range []int{1, 100, 5000, MaxMail} {
		mails = append(mails, mailOf(n))
	}
	for i, pl := range p.put(t, anna, mails...) {
		if len(pl.Kept) != 1 || pl.Kept[0] != p.at || pl.ID != IDOf(mails[i]) {
			t.Errorf("%+v", pl)
		}
	}
	if s := p.state(t, anna, mails[0]); s.State != Kept || s.Receipt != nil {
		t.Errorf("%+v", s)
	}
	// What is not taken stays.
	refuse := errors.New("no")
	if err := p.client.Collect(t.Context(), anna.key, []string{p.at}, func([]byte) error { return refuse }); !errors.Is(err, refuse) {
		t.Errorf("%v", err)
	}
	got := p.collect(t, anna)
	if len(got) != len(mails) {
		t.Fatalf("%d mails of %d", len(got), len(mails))
	}
	for i := range got {
		if !bytes.Equal(got[i], mails[i]) {
			t.Errorf("mail %d is another", i)
		}
	}
	if s := p.state(t, anna, mails[1]); s.State != Fetched || !s.Receipt.Verify() || s.Receipt.ID != IDOf(mails[1]) {
		t.Errorf("%+v", s)
	}
	if again := p.collect(t, anna); len(again) != 0 {
		t.Errorf("%d mails twice", len(again))
	}
	// The same mail is known to be fetched.
	if pl := p.put(t, anna, mails[2])[0]; pl.Receipt == nil || len(pl.Kept) != 0 {
		t.Errorf("%+v", pl)
	}
	if err := p.client.End(t.Context(), p.at, anna.key); err != nil {
		t.Fatal(err)
	}
	if len(p.keeper.Boxes()) != 0 {
		t.Error("the box is there after its end")
	}
}

// TestMany collects more mail than one page or one request has.
func TestMany(t *testing.T) {
	p, anna := newPost(t, nil), newPerson(t)
	p.agree(t, anna)
	const n = 120
	var mails [][]byte
	for i := range n {
		mails = append(mails, fmt.Appendf(nil, "mail %d", i))
	}
	p.put(t, anna, mails...)
	for i, got := range p.collect(t, anna) {
		if string(got) != fmt.Sprint("mail ", i) {
			t.Fatalf("%q at %d", got, i)
		}
	}
	if left := p.keeper.Boxes()[0].Mails; left != 0 {
		t.Errorf("%d are left", left)
	}
}

// TestOwn: a keeper's person reads mail at home.
func TestOwn(t *testing.T) {
	p, anna := newPost(t, func(c *Config) { c.Policy = allow(false) }), newPerson(t)
	if err := p.keeper.KeepOwn(anna.key, anna.terms()); err != nil {
		t.Fatal(err)
	}
	mail := mailOf(300)
	p.put(t, anna, mail)
	n := 0
	for range 2 {
		if err := p.keeper.CollectOwn(anna.key, func(m []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("taken %d times", n)
	}
	if s := p.state(t, anna, mail); s.State != Fetched {
		t.Errorf("%+v", s)
	}
}

// TestRights: who may do what.
func TestRights(t *testing.T) {
	p, anna, eve := newPost(t, nil), newPerson(t), newPerson(t)
	p.agree(t, anna)
	mail := mailOf(10)
	p.put(t, anna, mail)
	wrong := Address{anna.address.Box, eve.address.Deposit}
	if _, err := p.client.Put(t.Context(), Delivery{To: wrong, Mails: [][]byte{{1}}, Keepers: []string{p.at}}); !errors.Is(err, ErrShort) {
		t.Errorf("mail with another deposit key: %v", err)
	}
	if _, err := p.client.Status(t.Context(), wrong, []string{p.at}, []MailID{IDOf(mail)}); !errors.Is(err, ErrRefused) {
		t.Errorf("status with another deposit key: %v", err)
	}
	// Another deposit key shuts out who has the old one.
	fresh := person{anna.key, Address{anna.address.Box, newPerson(t).address.Deposit}}
	p.agree(t, fresh)
	if _, err := p.client.Put(t.Context(), Delivery{To: anna.address, Mails: [][]byte{{1}}, Keepers: []string{p.at}}); !errors.Is(err, ErrShort) {
		t.Errorf("mail with the old deposit key: %v", err)
	}
	if got := p.collect(t, fresh); len(got) != 1 || !bytes.Equal(got[0], mail) {
		t.Errorf("what was there: %d", len(got))
	}
	strict := newPost(t, func(c *Config) { c.Policy = allow(false) })
	if _, err := strict.client.Agree(t.Context(), strict.at, anna.key, anna.terms()); !errors.Is(err, ErrRefused) {
		t.Errorf("a box that nobody wants: %v", err)
	}
}

// TestQuota: a box takes what was agreed, and the keeper promises what it has.
func TestQuota(t *testing.T) {
	p, anna, boris := newPost(t, func(c *Config) { c.Total, c.PerBox = 3*MinQuota, 2*MinQuota }), newPerson(t), newPerson(t)
	if a := p.agree(t, anna); a.Quota != 2*MinQuota {
		t.Errorf("granted %d", a.Quota)
	}
	if a := p.agree(t, boris); a.Quota != MinQuota {
		t.Errorf("granted %d of what is left", a.Quota)
	}
	if _, err := p.client.Agree(t.Context(), p.at, newPerson(t).key, anna.terms()); !errors.Is(err, ErrFull) {
		t.Errorf("a box too many: %v", err)
	}
	p.put(t, boris, mailOf(MaxMail))
	places, err := p.client.Put(t.Context(), Delivery{To: boris.address, Mails: [][]byte{mailOf(MaxMail)}, Keepers: []string{p.at}})
	if !errors.Is(err, ErrShort) || !errors.Is(places[0].Failed[p.at], ErrFull) {
		t.Errorf("%v, %+v", err, places)
	}
	p.collect(t, boris)
	p.put(t, boris, mailOf(MaxMail))
}

// TestRestart: another keeper goes on with the same store.
func TestRestart(t *testing.T) {
	h, c := newHost(t), newHost(t)
	connect(t, c, h)
	store := &MemStore{}
	p := post{keep(t, h, store, nil), NewClient(c, nil), h.ID().String(), [2]host.Host{h, c}}
	anna := newPerson(t)
	p.agree(t, anna)
	mail, fetched := mailOf(1000), mailOf(10)
	p.put(t, anna, fetched)
	p.collect(t, anna)
	p.put(t, anna, mail)
	if err := p.keeper.Close(); err != nil {
		t.Fatal(err)
	}
	before := p.keeper.Boxes()
	p.keeper = keep(t, h, store, nil)
	if after := p.keeper.Boxes(); len(after) != 1 || after[0] != before[0] {
		t.Errorf("%+v, was %+v", after, before)
	}
	if s := p.state(t, anna, fetched); s.State != Fetched {
		t.Errorf("%+v", s)
	}
	if got := p.collect(t, anna); len(got) != 1 || !bytes.Equal(got[0], mail) {
		t.Errorf("%d mails", len(got))
	}
}

// TestCopies leaves mail at two of three keepers, of which one does not know the box.
func TestCopies(t *testing.T) {
	a, b, c := newPost(t, nil), newPost(t, nil), newPost(t, nil)
	anna := newPerson(t)
	for _, p := range []post{b, c} {
		connect(t, a.hosts[1], p.hosts[0])
		if _, err := a.client.Agree(t.Context(), p.at, anna.key, anna.terms()); err != nil {
			t.Fatal(err)
		}
	}
	mail := mailOf(500)
	d := Delivery{To: anna.address, Mails: [][]byte{mail}, Keepers: []string{a.at, b.at, c.at}, Copies: 2}
	places, err := a.client.Put(t.Context(), d)
	if err != nil || len(places[0].Kept) != 2 || !errors.Is(places[0].Failed[a.at], ErrUnknownBox) {
		t.Fatalf("%+v, %v", places, err)
	}
	n := 0
	if err := a.client.Collect(t.Context(), anna.key, []string{a.at, b.at, c.at}, func([]byte) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("%d copies, %v", n, err)
	}
}

// raw is a stream to a keeper with nothing between.
func (p post) raw(t *testing.T) *session {
	t.Helper()
	st, err := p.hosts[1].NewStream(t.Context(), p.hosts[0].ID(), Protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Reset() })
	s := &session{line: newLine(st, time.Now().Add(longest)), talk: talk{Keeper: p.hosts[0].ID(), Asker: p.hosts[1].ID()}}
	if err := s.greet(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestReplay: what was signed for one stream, place or peer is worth nothing elsewhere.
func TestReplay(t *testing.T) {
	p, anna := newPost(t, nil), newPerson(t)
	p.agree(t, anna)
	body := request{Type: askList, Box: anna.address.Box}.encode()
	signed := func(tk talk, n uint64) []byte {
		return append(bytes.Clone(body), ed25519.Sign(anna.key, tk.statement(n, body))...)
	}
	try := func(what string, s *session, frame []byte, want error) {
		t.Helper()
		if err := errors.Join(writeFrame(s.w, frame), s.w.Flush()); err != nil {
			t.Fatal(err)
		}
		status, err := s.r.ReadByte()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := refused(status); !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	first := p.raw(t)
	frame := signed(first.talk, 0)
	try("the first time", first, frame, nil)
	if _, err := readFrame(first.r, 1+maxPage*entrySize); err != nil {
		t.Fatal(err)
	}
	try("once more", first, frame, ErrRefused)
	other := p.raw(t)
	try("on another stream", other, frame, ErrRefused)
	third := p.raw(t)
	elsewhere := third.talk
	elsewhere.Keeper = p.hosts[1].ID()
	try("for another keeper", third, signed(elsewhere, 0), ErrRefused)
	fourth := p.raw(t)
	try("with another key", fourth, append(bytes.Clone(body), make([]byte, 64)...), ErrRefused)
}

// TestOversized: a frame that is too long ends the stream.
func TestOversized(t *testing.T) {
	p := newPost(t, nil)
	s := p.raw(t)
	if err := errors.Join(writeFrame(s.w, make([]byte, maxRequest+1)), s.w.Flush()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.r.ReadByte(); err == nil {
		t.Error("it was answered")
	}
}

// TestCrowd: strangers take up only so many streams, and others are let in again.
func TestCrowd(t *testing.T) {
	p, anna := newPost(t, nil), newPerson(t)
	for range maxServingPeer {
		p.raw(t)
	}
	st, err := p.hosts[1].NewStream(t.Context(), p.hosts[0].ID(), Protocol)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Reset() }()
	b := make([]byte, 1)
	if _, err := io.ReadFull(st, b); err != nil || b[0] != answerBusy {
		t.Errorf("a stream too many: %d, %v", b[0], err)
	}
	quiet := newHost(t)
	connect(t, quiet, p.hosts[0])
	if _, err := NewClient(quiet, nil).Agree(t.Context(), p.at, anna.key, anna.terms()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// liar answers as a keeper does, and lies.
func liar(t *testing.T, answer func(q request, st network.Stream)) (c *Client, at string) {
	t.Helper()
	h, mine := newHost(t), newHost(t)
	connect(t, mine, h)
	h.SetStreamHandler(Protocol, func(st network.Stream) {
		l := newLine(st, time.Now().Add(longest))
		_, _ = l.Stream.Write(append([]byte{answerHere}, make([]byte, 32)...))
		for {
			frame, err := readFrame(l.r, maxRequest)
			if err != nil {
				_ = st.Reset()
				return
			}
			q, err := decodeRequest(frame[:len(frame)-ed25519.SignatureSize])
			if err != nil {
				t.Error(err)
			}
			answer(q, st)
		}
	})
	return NewClient(mine, nil), h.ID().String()
}

// TestLies: a keeper cannot make up mail, nor that something was fetched.
func TestLies(t *testing.T) {
	anna, eve := newPerson(t), newPerson(t)
	say := func(st network.Stream, b []byte) {
		l := newLine(st, time.Now().Add(longest))
		if err := l.reply(b); err != nil {
			t.Error(err)
		}
	}
	mail := mailOf(100)
	c, at := liar(t, func(q request, st network.Stream) {
		switch q.Type {
		case askStatus:
			r := sign(eve.key, q.IDs[0], time.Now())
			r.Box = anna.address.Box
			say(st, encodeStandings([]standing{{Fetched, r}}))
		case askList:
			say(st, encodePage(false, []entry{{1, IDOf(mail), len(mail)}}))
		case askGet:
			l := newLine(st, time.Now().Add(longest))
			_ = l.w.WriteByte(answerHere)
			_ = l.w.WriteByte(byte(Kept))
			_ = writeFrame(l.w, []byte("something else"))
			_ = l.w.Flush()
		}
	})
	ss, err := c.Status(t.Context(), anna.address, []string{at}, []MailID{IDOf(mail)})
	if !errors.Is(err, ErrFalse) || ss[0].State != Unknown {
		t.Errorf("a receipt that is none: %+v, %v", ss, err)
	}
	err = c.Collect(t.Context(), anna.key, []string{at}, func(b []byte) error {
		t.Errorf("taken: %q", b)
		return nil
	})
	if !errors.Is(err, ErrFalse) {
		t.Errorf("mail that is another: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	silent, at := liar(t, func(request, network.Stream) { <-ctx.Done() })
	if _, err := silent.Agree(ctx, at, anna.key, anna.terms()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a keeper that is silent: %v", err)
	}
}

// brokenStore fails when it is told to.
type brokenStore struct {
	MemStore
	broken bool
}

var errBroken = errors.New("the disk is full")

func (s *brokenStore) Apply(changes []Row) error {
	if s.broken {
		return errBroken
	}
	return s.MemStore.Apply(changes)
}

// TestBrokenStore: what was not stored is not said to be kept, and it goes on later.
func TestBrokenStore(t *testing.T) {
	h, c := newHost(t), newHost(t)
	connect(t, c, h)
	store := &brokenStore{}
	p := post{keep(t, h, store, nil), NewClient(c, nil), h.ID().String(), [2]host.Host{h, c}}
	anna := newPerson(t)
	p.agree(t, anna)
	mail := mailOf(50)
	store.broken = true
	places, err := p.client.Put(t.Context(), Delivery{To: anna.address, Mails: [][]byte{mail}, Keepers: []string{p.at}})
	if !errors.Is(err, ErrShort) || len(places[0].Kept) != 0 {
		t.Errorf("%+v, %v", places, err)
	}
	store.broken = false
	p.put(t, anna, mail)
	if got := p.collect(t, anna); len(got) != 1 {
		t.Errorf("%d mails", len(got))
	}
}

// TestAge: mail goes when it is too old.
func TestAge(t *testing.T) {
	p, anna := newPost(t, func(c *Config) { c.MaxAge = time.Second }), newPerson(t)
	p.agree(t, anna)
	p.put(t, anna, mailOf(10))
	time.Sleep(1100 * time.Millisecond)
	if got := p.collect(t, anna); len(got) != 0 {
		t.Errorf("%d mails that are too old", len(got))
	}
	if err := p.keeper.ledger.sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if a := p.keeper.Boxes()[0]; a.Mails != 0 || a.Used != 0 {
		t.Errorf("%+v", a)
	}
}

func TestAddress(t *testing.T) {
	anna := newPerson(t)
	got, err := ParseAddress(anna.address.Bytes())
	if err != nil || got.Box != anna.address.Box || !got.Deposit.Equal(anna.address.Deposit) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseAddress(make([]byte, AddressSize-1)); !errors.Is(err, ErrProtocol) {
		t.Errorf("a short one: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	box := Box{1}
	for _, q := range []request{
		{Type: askAgree, Box: box, Terms: Terms{make([]byte, 32), MinQuota, time.Hour}},
		{Type: askEnd, Box: box},
		{Type: askOffer, Box: box, Offers: []offer{{MailID{2}, 5, time.Hour}}},
		{Type: askList, Box: box, After: 7},
		{Type: askGet, Box: box, Wants: []want{{MailID{3}, 4}}},
		{Type: askDone, Box: box, Receipts: []Receipt{{Box: box, ID: MailID{5}, Time: time.UnixMilli(6)}}},
		{Type: askStatus, Box: box, IDs: []MailID{{8}}},
	} {
		f.Add(q.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := decodeRequest(b)
		if err != nil {
			return
		}
		if again := q.encode(); !bytes.Equal(again, b) && q.Type != askDone && q.Type != askAgree {
			t.Errorf("%x is read and written as %x", b, again)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	ids := []MailID{{1}, {2}}
	f.Add(encodePage(true, []entry{{1, MailID{1}, 5}}))
	f.Add(encodeStandings([]standing{{State: Kept}, {State: Unknown}}))
	f.Add(make([]byte, grantSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, es, err := decodePage(b, 0); err == nil && len(es) > maxPage {
			t.Errorf("%d entries", len(es))
		}
		if ss, err := decodeStandings(b, Box{}, ids); err == nil && len(ss) != len(ids) {
			t.Errorf("%d states", len(ss))
		}
		if a, err := decodeGrant(Box{}, b, time.Now()); err == nil && a.Quota < 0 {
			t.Errorf("%+v", a)
		}
		_, _ = decodeVerdicts(b, []offer{{ids[0], 5, time.Hour}})
	})
}
