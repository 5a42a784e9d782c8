package seal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// forge signs any body as d's next record without asking its session.
func (d *device) forge(now int64, b *body) Record {
	d.seq++
	return Record{ID: RecordID{byte(d.seq), 0xff}, Writer: d.w, Seq: d.seq, Time: now, Body: b.encode()}
}

// refuses checks that a record is refused, and that nothing was stored for it.
func (d *device) refuses(r Record, want error) {
	d.t.Helper()
	d.save()
	_, err := d.s.Receive(r, r.Time)
	if !errors.Is(err, want) {
		d.t.Errorf("got %v, want %v", err, want)
	}
	if n := d.save(); n > 0 {
		d.t.Errorf("%d bytes changed for a record that is refused: %v", n, want)
	}
}

func TestForgedTexts(t *testing.T) {
	ds := group(t, 3, Private, t0)
	a, b, c := ds[0], ds[1], ds[2]
	rs := a.write(t0, "first")
	b.receiveAll(rs, t0)
	c.receiveAll(rs, t0)
	good := a.write(t0, "second")[0]
	for name, change := range map[string]func(*Record){
		"text":   func(r *Record) { r.Body[len(r.Body)-1] ^= 1 },
		"nonce":  func(r *Record) { r.Body[1+16+2] ^= 1 },
		"index":  func(r *Record) { r.Body[1+16+1] ^= 8 },
		"seq":    func(r *Record) { r.Seq++ },
		"writer": func(r *Record) { r.Writer = c.w },
	} {
		bad := good
		bad.Body = bytes.Clone(good.Body)
		change(&bad)
		b.t.Log(name)
		b.refuses(bad, ErrForged)
	}
	stranger := good
	stranger.Writer = writerOf(77)
	b.refuses(stranger, ErrForged)
	unknown := good
	unknown.Body = bytes.Clone(good.Body)
	unknown.Body[1] ^= 1
	b.refuses(unknown, ErrPending)
	b.receiveAll([]Record{good}, t0)
	if textOf(t, b, good) != "second" {
		t.Error("what was refused did harm")
	}
}

// TestFarIndex: an index far ahead costs ten derivations, and loses nothing.
func TestFarIndex(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	b.receiveAll(a.start(t0), t0)
	var rs []Record
	for range 40 {
		rs = append(rs, a.write(t0, "x")...)
	}
	e := a.s.epochs[a.s.current]
	chain, _ := a.s.chain(a.s.current, a.w)
	far, _, _ := chain.take(chainLength - 1)
	r := Record{ID: RecordID{9}, Writer: a.w, Seq: 99, Time: t0}
	m := sealFor(t, far, e.id, r, chainLength-1, "far")
	r.Body = (&body{message: m}).encode()
	b.receiveAll([]Record{r}, t0)
	slices.Reverse(rs)
	b.receiveAll(rs, t0)
	ref := e.id.Ref()
	if v := b.rows.now[string(rowKey(rowChain, ref[:], a.w[:]))]; len(v) > 1000 {
		t.Errorf("a chain is stored in %d bytes", len(v))
	}
	m.index = chainLength
	if err := Check((&body{message: m}).encode()); !errors.Is(err, ErrForm) {
		t.Errorf("an index past the end: %v", err)
	}
}

func TestRolledBack(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	b.receiveAll(a.start(t0), t0)
	old := a.rows.clone()
	one := a.write(t0, "one")[0]
	a.rows = old
	a.reload()
	two := a.write(t0, "two")[0]
	m1, _ := parse(one.Body)
	m2, _ := parse(two.Body)
	if m1.message.index != m2.message.index || bytes.Equal(m1.message.nonce, m2.message.nonce) {
		t.Fatal("want one key with two nonces")
	}
	b.receiveAll([]Record{one}, t0)
	if err := b.receive(two, t0); !errors.Is(err, ErrExpired) {
		t.Errorf("the second with that index: %v", err)
	}
}

// TestBadEpochs: whatever a member seals, who is left out notices, starts the
// next, and the others go on in that.
func TestBadEpochs(t *testing.T) {
	for _, name := range []string{"garbage", "another secret", "a prekey that is gone"} {
		ds := group(t, 3, Private, t0)
		a, b, c := ds[0], ds[1], ds[2]
		r := a.start(t0)[0]
		p, _ := parse(bytes.Clone(r.Body))
		at, _ := p.epoch.place(b.w, a.w)
		e := &p.epoch.entries[at]
		switch name {
		case "garbage":
			e.sealed[len(e.sealed)-1] ^= 1
		case "another secret":
			public, err := publicOf(b.s.newest().seed)
			if err != nil {
				t.Fatal(err)
			}
			if e.sealed, err = sealTo(public, secretInfo(testTopic, p.epoch.id, b.w, e.prekey), make([]byte, 32)); err != nil {
				t.Fatal(err)
			}
		default:
			e.prekey[0] ^= 1
		}
		bad := r
		bad.Body = p.encode()
		if err := b.receive(bad, t0); !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
		c.receiveAll([]Record{r}, t0)
		x := c.write(t0, "you do not read this")
		if err := b.receive(x[0], t0); !errors.Is(err, ErrLost) {
			t.Errorf("%s: a text in it: %v", name, err)
		}
		if due := b.s.Due(t0); due.Epoch != DueMembers && due.Epoch != DueLost || due.Start == 0 {
			t.Errorf("%s: due %+v", name, due)
		}
		b.reload()
		next := b.start(t0)
		c.receiveAll(next, t0)
		a.receiveAll(next, t0)
		for _, d := range ds {
			if ref, ok := d.s.Writing(t0); !ok || ref != b.s.current {
				t.Errorf("%s: goes on in %s", name, ref)
			}
		}
		// And if the true one comes after all, it opens.
		b.receiveAll([]Record{r}, t0)
		if b.texts[x[0].ID] == "" {
			t.Errorf("%s: still cannot read what was sealed well", name)
		}
	}
}

func TestForgedEpochs(t *testing.T) {
	ds := group(t, 3, Private, t0)
	a, b, c := ds[0], ds[1], ds[2]
	r := a.start(t0)[0]
	p, _ := parse(r.Body)

	copied := c.forge(t0, p) // under another name
	if err := b.receive(copied, t0); !errors.Is(err, ErrLost) {
		t.Errorf("copied: %v", err)
	}
	b.receiveAll([]Record{r}, t0)

	without := *p.epoch
	without.id[0] ^= 1
	without.members = []Writer{writerOf(50)}
	without.entries = nil
	b.refuses(c.forge(t0, &body{epoch: &without}), ErrForged) // its starter is not in it
	ahead := *p.epoch
	ahead.id[0] ^= 2
	ahead.started = t0 + maxAhead + 1
	b.refuses(a.forge(t0, &body{epoch: &ahead}), ErrForged)

	// An epoch that only some can read is not written in.
	some := []Writer{a.w, c.w}
	slices.SortFunc(some, Writer.compare)
	a.members(some, t0)
	without2 := a.start(t0)
	c.receiveAll(without2, t0)
	if ref, ok := c.s.Writing(t0); ok && ref == a.s.current {
		t.Error("writes in an epoch that leaves a member out")
	}
	if err := b.receive(without2[0], t0); err != nil {
		t.Error(err)
	}
	if err := b.receive(a.write(t0, "not for b")[0], t0); !errors.Is(err, ErrNotForMe) {
		t.Errorf("a text in it: %v", err)
	}
}

func TestBadPrekeys(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	low := append(bytes.Clone(a.rows.now[string(rowKey(rowPublic, b.w[:]))][1:1+1184]), make([]byte, 32)...)
	for _, public := range [][]byte{make([]byte, publicSize), bytes.Repeat([]byte{0xff}, publicSize), low} {
		r := b.forge(t0, &body{prekey: public})
		a.refuses(r, ErrForged)
	}
	older := b.forge(t0, &body{prekey: a.rows.now[string(rowKey(rowPublic, b.w[:]))][1:]})
	older.Seq = 1
	a.refuses(older, nil)
	b.receiveAll(a.write(t0, "still possible"), t0)

	// A text next to a bad prekey is read.
	x, _ := parse(b.write(t0, "x")[0].Body)
	x.prekey = low
	r := b.forge(t0, x)
	r.Seq = b.seq - 1
	if err := a.receive(r, t0); err != nil {
		t.Error(err)
	}
}

// TestFloods: what members can make a session keep is bounded, and a flood pushes
// out its author's own epochs first.
func TestFloods(t *testing.T) {
	d := newDevice(t, 0, Private, t0)
	honest := writerOf(1)
	ms := []Writer{d.w, honest}
	for n := range uint64(20) {
		ms = append(ms, writerOf(100+n))
	}
	slices.SortFunc(ms, Writer.compare)
	d.members(ms, t0)
	add := func(starter Writer, n int) Ref {
		e := &epoch{id: EpochID{byte(n), byte(n >> 8), starter[0], starter[1]}, starter: starter, size: 2, digest: [32]byte{1}, since: t0}
		d.s.insert(e, &covers{members: ms[:2], prekeys: make([]prekeyID, 2)}, &key{})
		return e.id.Ref()
	}
	first := add(honest, 0)
	for n := range 3 * maxByStarter {
		add(writerOf(100), n)
	}
	if len(d.s.epochs) > maxByStarter+1 || d.s.epochs[first] == nil {
		t.Errorf("%d epochs after one writer's flood", len(d.s.epochs))
	}
	for n := range 5000 {
		add(writerOf(101+uint64(n)%19), n)
	}
	if len(d.s.epochs) > maxEpochs || d.s.epochs[first] == nil || len(d.s.closed) > maxClosed {
		t.Errorf("%d epochs, %d closed after everybody's flood", len(d.s.epochs), len(d.s.closed))
	}
	p, err := NewPrekey()
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(maxPrekeys + 50) {
		_ = d.s.AddPrekey(writerOf(1000+n), p.Public, t0)
	}
	if len(d.s.peers) > maxPrekeys {
		t.Errorf("%d strangers' prekeys", len(d.s.peers))
	}
	if err := d.s.AddPrekey(honest, p.Public, t0); err != nil {
		t.Errorf("a member's prekey after the strangers': %v", err)
	}
	for n := range uint64(1000) {
		d.s.noteUse(honest, n, n)
	}
	if n := len(d.s.peers[honest].ahead); n > maxGap {
		t.Errorf("%d uses are remembered", n)
	}
	d.save()
	d.reload()
}

// failing rows give errors from some call on.
type failing struct {
	*memory
	left int
}

var errDisk = errors.New("disk")

func (f *failing) Get(key []byte) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errDisk
	}
	return f.memory.Get(key)
}

func TestRowsThatFail(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	b.receiveAll(a.start(t0), t0)
	r := a.write(t0, "x")[0]
	f := &failing{b.rows, 2}
	s, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(r, t0); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Seal(Draft{Seq: 9, Time: t0}); !errors.Is(err, errDisk) || s.Changes() != nil {
		t.Errorf("goes on after an error: %v", err)
	}
	b.receiveAll([]Record{r}, t0) // with good rows it is all there
}
