package seal

import (
	"errors"
	"strings"
	"testing"
)

const t0 = int64(1_790_000_000_000)

func textOf(t *testing.T, d *device, r Record) string {
	t.Helper()
	text, ok := d.texts[r.ID]
	if !ok {
		t.Fatalf("%s has not read record %d of %s: %v", d.w, r.Seq, r.Writer, d.errs[r.ID])
	}
	return text
}

func last(rs []Record) Record { return rs[len(rs)-1] }

func TestConversation(t *testing.T) {
	ds := group(t, 2, Direct, t0)
	a, b := ds[0], ds[1]
	var refs []Ref
	for n, from := range []*device{a, a, b, b, a, b} {
		to := b
		if from == b {
			to = a
		}
		now := t0 + int64(n)*minute
		rs := from.write(now, strings.Repeat("x", n*300))
		if len(rs) != 1 {
			t.Fatalf("turn in %d records", len(rs))
		}
		to.receiveAll(rs, now)
		if err := to.s.Complete(from.w, from.seq, now); err != nil {
			t.Fatal(err)
		}
		to.save()
		if got := textOf(t, to, rs[0]); len(got) != n*300 {
			t.Errorf("text of %d bytes", len(got))
		}
		if err := to.receive(rs[0], now); !errors.Is(err, ErrExpired) {
			t.Errorf("the same again: %v", err)
		}
		ref, _ := RefOf(rs[0].Body)
		refs = append(refs, ref)
		from.reload()
		to.reload()
	}
	for n, fresh := range []bool{true, false, true, false, true, true} {
		if n > 0 && (refs[n] != refs[n-1]) != fresh {
			t.Errorf("record %d: epoch %s after %s", n, refs[n], refs[n-1])
		}
	}
	if n := len(a.s.own) + len(b.s.own); n > 4 {
		t.Errorf("%d private halves are kept after six turns", n)
	}
}

func TestGroup(t *testing.T) {
	ds := group(t, 5, Private, t0)
	first := ds[0].write(t0, "hello")
	for _, d := range ds[1:] {
		d.receiveAll(first, t0)
	}
	// The last is removed; the next to write starts an epoch without it.
	four := writersOf(ds[:4])
	for _, d := range ds[:4] {
		d.members(four, t0)
	}
	if due := ds[1].s.Due(t0); due.Epoch != DueMembers || due.Start < t0 {
		t.Errorf("due: %+v", due)
	}
	second := ds[1].write(t0, "without you")
	for _, d := range ds[2:4] {
		d.receiveAll(second, t0)
	}
	if err := ds[4].receive(last(second), t0); !errors.Is(err, ErrNotForMe) {
		t.Errorf("who was removed: %v", err)
	}
	if err := ds[0].receive(last(second), t0); err != nil {
		t.Errorf("of two epochs: %v", err)
	}
	if _, err := ds[4].s.Start(Draft{Time: t0}); err != nil {
		t.Errorf("who does not know that it was removed: %v", err)
	}
	ds[4].members(four, t0)
	if _, err := ds[4].s.Seal(Draft{Time: t0}); !errors.Is(err, ErrNotMember) {
		t.Errorf("who knows that it was removed: %v", err)
	}
}

func TestPast(t *testing.T) {
	for _, past := range []Past{{}, {Last: 3}, {All: true}} {
		ds := group(t, 3, Private, t0)
		for _, d := range ds {
			if err := d.s.SetPast(past); err != nil {
				t.Fatal(err)
			}
			d.save()
		}
		var old []Record
		for n := range int64(8) {
			from := ds[n%2]
			rs := from.write(t0+n*minute, "old")
			old = append(old, rs...)
			for _, d := range ds {
				if d != from {
					d.receiveAll(rs, t0+n*minute)
				}
			}
		}
		now := t0 + hour
		newcomer := newDevice(t, 9, Private, now)
		if err := newcomer.s.SetPast(past); err != nil {
			t.Fatal(err)
		}
		all := append(writersOf(ds), newcomer.w)
		prekey := newcomer.announce(now)
		newcomer.members(all, now)
		for _, r := range old {
			newcomer.receive(r, now)
		}
		ds[0].members(all, now)
		ds[0].receiveAll(prekey, now)
		newcomer.receiveAll(ds[0].write(now, "welcome"), now)
		bodies, err := ds[0].s.Past(newcomer.w)
		if (past == Past{}) {
			if !errors.Is(err, ErrNoPast) {
				t.Errorf("a past where none is given: %v", err)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		newcomer.receiveAll(ds[0].sign(now, bodies...), now)
		newcomer.reload()
		read := 0
		for _, r := range old {
			if newcomer.texts[r.ID] == "old" {
				read++
			}
		}
		want := map[Past]int{{}: 0, {Last: 3}: 2, {All: true}: 8}[past] // "welcome" is one of three
		if read != want {
			t.Errorf("%+v: read %d of 8, want %d", past, read, want)
		}
	}
}

// TestParts: of an epoch in several records, each member needs only its own, and
// writes in it as soon as it has that.
func TestParts(t *testing.T) {
	from := starter(t, 120)
	var some []*device
	for _, n := range []uint64{1, 60, 119} {
		d := newDevice(t, n, Private, t0)
		from.receiveAll(d.announce(t0+minute), t0+minute)
		if p := from.s.peers[d.w]; p.id != d.s.newest().id {
			t.Fatal("a prekey in a record does not replace the one of a link")
		}
		some = append(some, d)
	}
	rs := from.write(t0+minute, strings.Repeat("long", 10_000))
	if len(rs) < 4 {
		t.Fatalf("%d records", len(rs))
	}
	for _, d := range some {
		d.members(from.s.members, t0+minute)
		if err := d.receive(last(rs), t0+minute); !errors.Is(err, ErrPending) {
			t.Errorf("a text without its epoch: %v", err)
		}
		opened := 0
		for i := len(rs) - 2; i >= 0; i-- {
			had := len(d.s.epochs)
			if err := d.receive(rs[i], t0+minute); err != nil {
				t.Error(err)
			}
			opened += len(d.s.epochs) - had
		}
		if ref, ok := d.s.Writing(t0 + minute); opened != 1 || !ok || ref != from.s.current {
			t.Errorf("%d parts opened the epoch, writes in %s: %v", opened, ref, ok)
		}
		if len(textOf(t, d, last(rs))) != 40_000 {
			t.Error("the text is not whole")
		}
	}
}

func TestLimits(t *testing.T) {
	d := group(t, 2, Private, t0)[0]
	if _, err := d.s.Seal(Draft{Seq: 9, Time: t0, Text: make([]byte, MaxPlaintext+1)}); !errors.Is(err, ErrLimit) {
		t.Errorf("a text that is too long: %v", err)
	}
	rs := d.write(t0, strings.Repeat("x", MaxPlaintext))
	if len(rs) != 1 {
		t.Logf("%d records for the longest text with an epoch", len(rs))
	}
	many := make([]Writer, MaxMembers+1)
	if err := d.s.SetMembers(Membership{Present: many}, t0); !errors.Is(err, ErrLimit) {
		t.Errorf("too many members: %v", err)
	}
	if _, err := New(Config{Kind: 9}, newMemory(), t0); !errors.Is(err, ErrLimit) {
		t.Errorf("an unknown kind: %v", err)
	}
	if _, err := Load(newMemory()); !errors.Is(err, ErrState) {
		t.Errorf("from no rows: %v", err)
	}
	if err := Check([]byte{2 << 4}); !errors.Is(err, ErrVersion) {
		t.Errorf("a later version: %v", err)
	}
}

// TestLinkPrekey: a prekey given away in a link is enough for the first text.
func TestLinkPrekey(t *testing.T) {
	p, err := NewPrekey()
	if err != nil {
		t.Fatal(err)
	}
	a := newDevice(t, 1, Direct, t0)
	b := newDevice(t, 2, Direct, t0)
	if b.s, err = New(Config{Topic: testTopic, Self: b.w, Kind: Direct, Prekey: &p}, b.rows, t0); err != nil {
		t.Fatal(err)
	}
	b.save()
	both := []Writer{a.w, b.w}
	a.members(both, t0)
	b.members(both, t0)
	if _, err := a.s.Seal(Draft{Seq: 1, Time: t0}); !errors.Is(err, ErrNoPrekey) {
		t.Errorf("sealed to nobody: %v", err)
	}
	if err := a.s.SetMembers(Membership{Present: both, Former: []Writer{b.w}}, t0); err != nil || a.s.alone() {
		t.Errorf("it waits for the device in whose place it came, %v", err)
	}
	a.members(both, t0)
	if due := a.s.Due(t0); due.Start != 0 || len(a.s.Unreachable()) != 1 {
		t.Errorf("due %+v, unreachable %v", due, a.s.Unreachable())
	}
	if err := a.s.AddPrekey(b.w, p.Public, t0); err != nil {
		t.Fatal(err)
	}
	first := a.write(t0, "from your link")
	b.reload()
	b.receiveAll(first, t0+90*day)
	a.receiveAll(b.write(t0+90*day, "hello"), t0+90*day)
}

// TestPastWaits: keys that were given wait for their records, whatever is written or
// read before these come. History brings the newest first.
func TestPastWaits(t *testing.T) {
	ds := group(t, 2, Private, t0)
	past := Past{Last: 2}
	for _, d := range ds {
		if err := d.s.SetPast(past); err != nil {
			t.Fatal(err)
		}
	}
	var old []Record
	for n := range int64(3) {
		rs := ds[0].write(t0+n*minute, "old")
		ds[1].receiveAll(rs, t0+n*minute)
		old = append(old, rs...)
	}
	now := t0 + hour
	newcomer := newDevice(t, 9, Private, now)
	if err := newcomer.s.SetPast(past); err != nil {
		t.Fatal(err)
	}
	prekey := newcomer.announce(now)
	for _, d := range append(ds, newcomer) {
		d.members(append(writersOf(ds), newcomer.w), now)
		if d != newcomer {
			d.receiveAll(prekey, now)
		}
	}
	bodies, err := ds[0].s.Past(newcomer.w)
	if err != nil {
		t.Fatal(err)
	}
	newcomer.receiveAll(ds[0].sign(now, bodies...), now)
	for n := range int64(4) {
		newcomer.receiveAll(ds[0].write(now+n*minute, "new"), now+n*minute)
		newcomer.reload()
	}
	read := 0
	for _, r := range old {
		if newcomer.receive(r, now+hour); newcomer.texts[r.ID] == "old" {
			read++
		}
	}
	if read != 2 || newcomer.s.given != 0 {
		t.Errorf("read %d of the last two, %d keys are left", read, newcomer.s.given)
	}
}
