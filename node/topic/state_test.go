package topic

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node/record"
)

func testKey(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func genesis(t testing.TB, kind Kind, grants ...Grant) *record.Record {
	t.Helper()
	first := Genesis{Nonce: make([]byte, NonceSize), Kind: kind, Name: "Allotments", Grants: grants}
	if kind.IsSealed() {
		first.Name = ""
	}
	r, err := first.Sign(testKey(0), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// chain signs one writer's ops.
type chain struct {
	t     testing.TB
	topic record.TopicID
	key   ed25519.PrivateKey
	seq   uint64
	prev  record.ID
	time  int64
}

func newChain(t testing.TB, topic record.TopicID, n byte) *chain {
	return &chain{t: t, topic: topic, key: testKey(n), time: 1000}
}

func (c *chain) me() record.Writer { return record.WriterOf(c.key) }

func (c *chain) say(kind record.Kind, v any) *record.Record {
	c.t.Helper()
	body, err := record.EncodeBody(v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.seq++
	c.time++
	r, err := record.Sign(record.Header{Topic: c.topic, Seq: c.seq, Prev: c.prev, Time: c.time, Kind: kind}, body, c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	c.prev = r.ID()
	return r
}

func state(t testing.TB, g *record.Record, ops ...*record.Record) *State {
	t.Helper()
	s, err := NewState(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ops {
		if err := s.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRights(t *testing.T) {
	owner := newChain(t, record.TopicID{}, 1)
	g := genesis(t, Broadcast, Grant{Key: owner.me(), Role: Owner})
	id := g.TopicID()
	owner = newChain(t, id, 1)
	admin, writer, stranger := newChain(t, id, 2), newChain(t, id, 3), newChain(t, id, 4)
	makeAdmin := owner.say(record.KindGrant, Grant{Key: admin.me(), Role: Admin})
	makeWriter := admin.say(record.KindGrant, Grant{Key: writer.me(), Role: Writer, Expiry: 2000})

	s := state(t, g, makeWriter)
	if s.Role(writer.me(), 1, 1500) != Reader {
		t.Error("a grant by somebody who is nobody yet counts")
	}
	s = state(t, g, makeWriter, makeAdmin)
	for who, want := range map[*chain]Role{owner: Owner, admin: Admin, writer: Writer, stranger: Reader} {
		if got := s.Role(who.me(), 1, 1500); got != want {
			t.Errorf("role of %s is %s, want %s", who.me(), got, want)
		}
	}
	if s.Role(writer.me(), 1, 2000) != Writer || s.Role(writer.me(), 1, 2001) != Reader {
		t.Error("the grant does not end after its expiry")
	}
	if err := s.Check(writer.say(record.KindPost, Intro{"x"})); err != nil {
		t.Errorf("a writer's post: %v", err)
	}
	if err := s.Check(writer.say(record.KindSettings, Settings{Name: "x"})); !errors.Is(err, ErrRight) {
		t.Errorf("a writer's settings: %v", err)
	}
	if err := s.Check(stranger.say(record.KindPost, Intro{"x"})); !errors.Is(err, ErrRight) {
		t.Errorf("a stranger's post in a broadcast topic: %v", err)
	}

	// An admin rules over writers only.
	s = state(t, g, makeAdmin, makeWriter, admin.say(record.KindGrant, Grant{Key: stranger.me(), Role: Admin}),
		admin.say(record.KindRevoke, Revoke{Key: owner.me(), LastSeq: 0}))
	if s.Role(stranger.me(), 1, 1500) != Reader || s.Role(owner.me(), 9, 1500) != Owner {
		t.Error("an admin ruled over its equals or betters")
	}

	// A revoked admin's later ops do not count, the earlier ones do.
	late := admin.say(record.KindGrant, Grant{Key: stranger.me(), Role: Writer})
	s = state(t, g, late, makeWriter, makeAdmin, owner.say(record.KindRevoke, Revoke{Key: admin.me(), LastSeq: makeWriter.Seq}))
	if s.Role(writer.me(), 1, 1500) != Writer || s.Role(stranger.me(), 1, 1500) != Reader || s.Role(admin.me(), late.Seq, 1500) != Reader {
		t.Error("revocation at a number")
	}
}

func TestOpen(t *testing.T) {
	owner := testKey(1)
	g := genesis(t, Open, Grant{Key: record.WriterOf(owner), Role: Owner})
	o, guest := newChain(t, g.TopicID(), 1), newChain(t, g.TopicID(), 2)
	s := state(t, g, guest.say(record.KindIntro, Intro{"Anna"}), guest.say(record.KindIntro, Intro{"Anna B."}))
	if s.Role(guest.me(), 3, 1) != Writer || s.NameOf(guest.me()) != "Anna B." {
		t.Errorf("a guest of an open topic is %s %q", s.Role(guest.me(), 3, 1), s.NameOf(guest.me()))
	}
	if err := s.Apply(o.say(record.KindRevoke, Revoke{Key: guest.me(), LastSeq: 2})); err != nil {
		t.Fatal(err)
	}
	if s.Role(guest.me(), 2, 1) != Writer || s.Role(guest.me(), 3, 1) != Reader {
		t.Error("a ban in an open topic")
	}
}

func TestSettings(t *testing.T) {
	g := genesis(t, Open, Grant{Key: record.WriterOf(testKey(1)), Role: Owner})
	o, guest := newChain(t, g.TopicID(), 1), newChain(t, g.TopicID(), 2)
	first, second := o.say(record.KindSettings, Settings{Name: "One"}), o.say(record.KindSettings, Settings{Name: "Two", Description: "d"})
	guest.time = 9999
	s := state(t, g, second, first, guest.say(record.KindSettings, Settings{Name: "Mine"}))
	if s.Name() != "Two" || s.Description() != "d" {
		t.Errorf("name %q, description %q", s.Name(), s.Description())
	}
}

// TestOrder plays random sets of ops in random orders: the state must be the same.
func TestOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for round := range 200 {
		kind := kinds[rng.IntN(len(kinds))]
		g := genesis(t, kind, Grant{Key: record.WriterOf(testKey(1)), Role: Owner}, Grant{Key: record.WriterOf(testKey(2)), Role: Admin, Seat: rng.IntN(2) == 0})
		var chains []*chain
		for n := range byte(7) {
			chains = append(chains, newChain(t, g.TopicID(), n))
			if n == 0 { // the root continues behind its genesis
				chains[0].seq, chains[0].prev = 1, g.ID()
			}
		}
		var ops []*record.Record
		for range 5 + rng.IntN(25) {
			c, about := chains[rng.IntN(len(chains))], chains[rng.IntN(len(chains))].me()
			what := rng.IntN(4)
			if kind.IsSealed() {
				what = rng.IntN(2)
			}
			switch what {
			case 0:
				ops = append(ops, c.say(record.KindGrant, Grant{Key: about, Role: Role(1 + rng.IntN(3)), Expiry: int64(rng.IntN(3)) * 1010, Seat: rng.IntN(3) == 0, Device: rng.IntN(3) == 0}))
			case 1:
				ops = append(ops, c.say(record.KindRevoke, Revoke{Key: about, LastSeq: uint64(rng.IntN(6))}))
			case 2:
				ops = append(ops, c.say(record.KindSettings, Settings{Name: fmt.Sprint("name ", rng.IntN(9))}))
			case 3:
				ops = append(ops, c.say(record.KindIntro, Intro{Name: fmt.Sprint("who ", rng.IntN(9))}))
			}
		}
		want := state(t, g, ops...)
		for range 4 {
			rng.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
			got := state(t, g, append(ops, ops[rng.IntN(len(ops))])...) // one arrives twice
			if !maps.Equal(got.rights, want.rights) || !maps.Equal(got.parents, want.parents) || !maps.Equal(got.own, want.own) || got.current != want.current || !maps.Equal(got.names, want.names) {
				t.Fatalf("seed %d round %d: the order of %d ops changed the state\n%v\n%v", seed, round, len(ops), got.rights, want.rights)
			}
		}
	}
}

func TestSeats(t *testing.T) {
	owner, seat := newChain(t, record.TopicID{}, 1), newChain(t, record.TopicID{}, 2)
	g := genesis(t, Direct, Grant{Key: owner.me(), Role: Owner}, Grant{Key: seat.me(), Role: Admin, Seat: true})
	id := g.TopicID()
	owner, seat = newChain(t, id, 1), newChain(t, id, 2)
	guest, phone, stranger := newChain(t, id, 3), newChain(t, id, 4), newChain(t, id, 5)
	keys := func(s *State, now int64) (present []byte, removed []byte) {
		members, gone := s.Members(now)
		for n := range byte(6) {
			w := record.WriterOf(testKey(n))
			if slices.ContainsFunc(members, func(m Member) bool { return m.Key == w }) {
				present = append(present, n)
			}
			if slices.Contains(gone, w) {
				removed = append(removed, n)
			}
		}
		return present, removed
	}
	expect := func(what string, s *State, present, removed []byte) {
		t.Helper()
		p, r := keys(s, 5000)
		if !slices.Equal(p, present) || !slices.Equal(r, removed) {
			t.Errorf("%s: members %v, removed %v, want %v and %v", what, p, r, present, removed)
		}
	}

	expect("invited", state(t, g), []byte{1, 2}, nil)
	take := seat.say(record.KindGrant, Grant{Key: guest.me(), Role: Admin})
	again := seat.say(record.KindGrant, Grant{Key: stranger.me(), Role: Writer})
	second := guest.say(record.KindGrant, Grant{Key: phone.me(), Role: Writer})
	s := state(t, g, second, again, take)
	expect("taken", s, []byte{1, 3, 4}, []byte{2})
	if s.Role(guest.me(), 2, 5000) != Admin || s.Role(stranger.me(), 1, 5000) != Reader || s.Role(seat.me(), 1, 5000) != Reader {
		t.Error("who took the seat has not its role, or somebody else has")
	}
	if err := state(t, g).Check(take); err != nil {
		t.Errorf("taking a seat: %v", err)
	}
	for _, r := range []*record.Record{again, seat.say(record.KindSealed, 1), seat.say(record.KindRevoke, Revoke{Key: guest.me()})} {
		if err := s.Check(r); !errors.Is(err, ErrRight) {
			t.Errorf("the seat's %s: %v", r.Kind, err)
		}
	}
	expect("revoked before", state(t, g, take, owner.say(record.KindRevoke, Revoke{Key: seat.me(), LastSeq: 0})), []byte{1}, []byte{2})
	other := newChain(t, id, 2)
	expect("too high", state(t, g, other.say(record.KindGrant, Grant{Key: guest.me(), Role: Owner})), []byte{1, 2}, nil)
	other = newChain(t, id, 2)
	expect("a seat of a seat", state(t, g, other.say(record.KindGrant, Grant{Key: guest.me(), Role: Writer, Seat: true})), []byte{1, 2}, nil)
}

// TestSeatOver: the time that stands in what a seat signs proves nothing, so who was
// not confirmed by name when the seat's time was over is no member then.
func TestSeatOver(t *testing.T) {
	owner := newChain(t, record.TopicID{}, 1)
	g := genesis(t, Private, Grant{Key: owner.me(), Role: Owner})
	id := g.TopicID()
	owner, seat, guest := newChain(t, id, 1), newChain(t, id, 2), newChain(t, id, 3)
	const over = 5000
	offer := owner.say(record.KindGrant, Grant{Key: seat.me(), Role: Writer, Expiry: over, Seat: true})
	take := seat.say(record.KindGrant, Grant{Key: guest.me(), Role: Writer})
	s := state(t, g, offer, take)
	members := func(now int64) int {
		present, _ := s.Members(now)
		return len(present)
	}
	if members(over) != 2 || members(over+1) != 1 {
		t.Errorf("%d members within the seat's time, %d after it", members(over), members(over+1))
	}
	if n := len(s.Unconfirmed(owner.me(), over+1)); n != 0 {
		t.Errorf("%d are confirmed after the seat's time", n)
	}
	grants := s.Unconfirmed(owner.me(), over)
	if len(grants) != 1 {
		t.Fatalf("%d to be confirmed, want 1", len(grants))
	}
	if err := s.Apply(owner.say(record.KindGrant, grants[0])); err != nil {
		t.Fatal(err)
	}
	if members(over+1) != 2 {
		t.Error("who was confirmed is no member after the seat's time")
	}
}

func TestSealedTopic(t *testing.T) {
	owner := newChain(t, record.TopicID{}, 1)
	g := genesis(t, Private, Grant{Key: owner.me(), Role: Owner})
	owner = newChain(t, g.TopicID(), 1)
	s := state(t, g)
	for _, r := range []*record.Record{
		owner.say(record.KindIntro, Intro{"Anna"}), owner.say(record.KindSettings, Settings{Name: "x"}), owner.say(record.KindPost, 1),
	} {
		if err := s.Check(r); !errors.Is(err, ErrOp) {
			t.Errorf("%s in clear: %v", r.Kind, err)
		}
	}
	sealed := owner.say(record.KindSealed, 1)
	if err := s.Check(sealed); err != nil {
		t.Error(err)
	}
	s.ApplySettings(sealed, Settings{Name: "Allotments", Description: "d"})
	s.Call(owner.me(), 7, "Anna")
	s.Call(owner.me(), 6, "Boris")
	if s.Name() != "Allotments" || s.NameOf(owner.me()) != "Anna" {
		t.Errorf("%q, %q", s.Name(), s.NameOf(owner.me()))
	}
	guest := newChain(t, g.TopicID(), 2)
	s.ApplySettings(guest.say(record.KindSealed, 1), Settings{Name: "Mine"})
	if s.Name() != "Allotments" {
		t.Error("anybody may rename")
	}
	if err := state(t, genesis(t, Open)).Check(sealed); err == nil {
		t.Error("a sealed text in an open topic")
	}
	if _, err := (Genesis{Nonce: make([]byte, NonceSize), Kind: Private, Name: "Allotments"}).Sign(testKey(0), 1); !errors.Is(err, ErrOp) {
		t.Errorf("a sealed topic's name in clear: %v", err)
	}
}

func TestBadOps(t *testing.T) {
	c := newChain(t, record.TopicID{1}, 1)
	for name, r := range map[string]*record.Record{
		"intro without name":    c.say(record.KindIntro, Intro{}),
		"intro with bidi":       c.say(record.KindIntro, Intro{"a\u202eb"}),
		"intro with newline":    c.say(record.KindIntro, Intro{"a\nb"}),
		"intro with space":      c.say(record.KindIntro, Intro{" a"}),
		"grant of nothing":      c.say(record.KindGrant, Grant{}),
		"grant of root":         c.say(record.KindGrant, Grant{Role: root}),
		"grant, negative":       c.say(record.KindGrant, Grant{Role: Writer, Expiry: -1}),
		"settings without name": c.say(record.KindSettings, Settings{}),
		"not a map":             c.say(record.KindGrant, 7),
	} {
		if err := CheckOp(r); !errors.Is(err, ErrOp) && !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bare, err := c.say(record.KindIntro, Intro{"x"}).WithoutBody()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckOp(bare); !errors.Is(err, ErrOp) {
		t.Errorf("op without body: %v", err)
	}
	if err := CheckOp(c.say(record.Kind(14), 7)); err != nil {
		t.Errorf("an op of a later version: %v", err)
	}
}

func FuzzOps(f *testing.F) {
	for _, v := range []any{Intro{"Anna"}, Grant{Role: Writer}, Revoke{LastSeq: 3}, Settings{Name: "x", Description: "y"},
		Genesis{Nonce: make([]byte, NonceSize), Kind: Open, Name: "x"}} {
		b, err := record.EncodeBody(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > record.MaxBody {
			return
		}
		for _, kind := range []record.Kind{record.KindIntro, record.KindGrant, record.KindRevoke, record.KindSettings} {
			r, err := record.Sign(record.Header{Topic: record.TopicID{1}, Seq: 1, Kind: kind}, body, testKey(1))
			if err != nil {
				t.Fatal(err)
			}
			_ = CheckOp(r)
		}
		r, err := record.Sign(record.Header{Seq: 1, Kind: record.KindGenesis}, body, testKey(1))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := NewState(r); err == nil && ((s.Name() == "") != s.Kind().IsSealed() || s.ID() != r.TopicID()) {
			t.Errorf("a genesis made %q", s.Name())
		}
	})
}

// TestDevices gives a person's further devices its role, and takes them back.
func TestDevices(t *testing.T) {
	owner := newChain(t, record.TopicID{}, 1)
	g := genesis(t, Private, Grant{Key: owner.me(), Role: Owner})
	id := g.TopicID()
	owner = newChain(t, id, 1)
	anna, phone, tablet, boris, stranger := newChain(t, id, 2), newChain(t, id, 3), newChain(t, id, 4), newChain(t, id, 5), newChain(t, id, 6)
	device := func(c *chain, role Role) Grant { return Grant{Key: c.me(), Role: role, Device: true} }
	ops := []*record.Record{
		owner.say(record.KindGrant, Grant{Key: anna.me(), Role: Writer}),
		owner.say(record.KindGrant, Grant{Key: boris.me(), Role: Writer}),
		anna.say(record.KindGrant, device(phone, Writer)),
		phone.say(record.KindGrant, device(tablet, Writer)),
		stranger.say(record.KindGrant, device(stranger, Writer)),
		anna.say(record.KindGrant, device(stranger, Admin)),                            // more than she has
		anna.say(record.KindGrant, Grant{Key: stranger.me(), Role: Writer}),            // not a device: she may not
		phone.say(record.KindGrant, device(anna, Writer)),                              // no way to rule over her
		boris.say(record.KindGrant, Grant{Key: anna.me(), Role: Writer, Device: true}), // nor this
	}
	expect := func(what string, s *State, want ...*chain) {
		t.Helper()
		members, _ := s.Members(5000)
		var got, wanted []record.Writer
		for _, m := range members {
			got = append(got, m.Key)
		}
		for _, c := range want {
			wanted = append(wanted, c.me())
		}
		slices.SortFunc(wanted, func(a, b record.Writer) int { return bytes.Compare(a[:], b[:]) })
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, want %v", what, got, wanted)
		}
	}
	s := state(t, g, ops...)
	expect("devices", s, owner, anna, phone, tablet, boris)
	if got := s.Devices(anna.me()); len(got) != 2 {
		t.Errorf("Anna's devices: %v", got)
	}
	if got := s.Devices(boris.me()); len(got) != 0 {
		t.Errorf("Boris's devices: %v", got)
	}
	for what, err := range map[string]error{
		"a device's revoke of its person": s.Check(phone.say(record.KindRevoke, Revoke{Key: anna.me()})),
		"a member's revoke of a member":   s.Check(anna.say(record.KindRevoke, Revoke{Key: boris.me()})),
		"a member's grant to somebody":    s.Check(anna.say(record.KindGrant, Grant{Key: stranger.me(), Role: Writer})),
	} {
		if !errors.Is(err, ErrRight) {
			t.Errorf("%s: %v", what, err)
		}
	}
	expect("what may not be is not", state(t, g, append(ops,
		phone.say(record.KindRevoke, Revoke{Key: anna.me(), LastSeq: 0}),
		boris.say(record.KindRevoke, Revoke{Key: anna.me(), LastSeq: 0}),
		tablet.say(record.KindRevoke, Revoke{Key: phone.me(), LastSeq: 0}))...), owner, anna, phone, tablet, boris)

	lost := anna.say(record.KindRevoke, Revoke{Key: phone.me(), LastSeq: 0})
	if err := s.Check(lost); err != nil {
		t.Errorf("taking a device back: %v", err)
	}
	expect("a device taken back, with what it gave", state(t, g, append(ops, lost)...), owner, anna, boris)
	kept := anna.say(record.KindRevoke, Revoke{Key: phone.me(), LastSeq: 1})
	expect("a device taken back after it gave", state(t, g, append(ops, kept)...), owner, anna, tablet, boris)
	expect("a person removed", state(t, g, append(ops, owner.say(record.KindRevoke, Revoke{Key: anna.me(), LastSeq: 0}))...), owner, boris)
}
