package seal

import (
	"errors"
	"strings"
	"testing"
)

// live lets days pass for running devices.
func live(t *testing.T, now int64, days int, ds ...*device) int64 {
	t.Helper()
	for range days * 4 {
		now += 6 * hour
		for _, d := range ds {
			if err := d.s.Tick(now); err != nil {
				t.Fatal(err)
			}
			d.save()
		}
	}
	return now
}

// holds counts the rows of d that belong to an epoch.
func (d *device) holds(kinds string, ref Ref) (n int) {
	for k := range d.rows.now {
		if strings.ContainsRune(kinds, rune(k[0])) && strings.HasPrefix(k[1:], string(ref[:])) {
			n++
		}
	}
	return n
}

func TestWindowOfEpochs(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	first := a.write(t0, "one")
	ref := a.s.current
	b.receiveAll(first, t0)
	late, later := a.write(t0, "two"), a.write(t0, "three")
	b.receiveAll(a.start(t0+minute), t0+minute)
	now := live(t, t0+minute, 29, b)
	b.receiveAll(late, now)
	if b.holds("c", ref) != 2 {
		t.Error("no chains within the window")
	}
	now = live(t, now, 2, b)
	if n := b.holds("cern", ref); n > 0 {
		t.Errorf("%d rows of an epoch past its window", n)
	}
	for _, again := range []bool{false, true} {
		if err := b.receive(later[0], now); !errors.Is(err, ErrExpired) {
			t.Errorf("past the window, epoch offered again %v: %v", again, err)
		}
		_ = b.receive(first[0], now) // its epoch again: it must not come back
		b.reload()
	}
	if n := b.holds("cern", ref); n > 0 {
		t.Errorf("the epoch came back: %d rows", n)
	}
	if now = live(t, now, 60, b); b.holds("c", b.s.current) != 2 {
		t.Error("the epoch to write in is gone")
	}
}

// TestAway: a device that was off for most of a year reads all that came meanwhile.
func TestAway(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	b.receiveAll(a.write(t0, "one"), t0)
	late := a.write(t0, "two")
	b.receiveAll(a.start(t0+minute), t0+minute)
	now := t0
	var missed []Record
	for range 40 {
		now = live(t, now, 8, a)
		missed = append(missed, a.write(now, "meanwhile")...)
	}
	if len(missed) < 40 || a.s.newest().number < 5 {
		t.Fatalf("%d records, prekey %d", len(missed), a.s.newest().number)
	}
	b.reload()
	b.receiveAll(late, now)
	for i := range missed {
		b.receiveAll(missed[len(missed)-1-i:][:1], now)
	}
	if a.receiveAll(b.write(now, "I am back"), now); len(a.s.own) > 6 {
		t.Errorf("%d private halves are kept", len(a.s.own))
	}
}

func TestWindowOfPrekeys(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	old := b.s.newest().id
	held := func() bool { return b.rows.now[string(rowKey(rowOwn, old[:]))] != nil }
	now := live(t, t0, 100, b)
	if !held() {
		t.Fatal("the newest prekey is gone")
	}
	b.receiveAll(a.write(now, "after a hundred days"), now)
	fresh := b.announce(now)
	inFlight := a.start(now) // had not seen it
	a.receiveAll(fresh, now)
	if now = live(t, now, 29, b); !held() {
		t.Fatal("erased before the window is over")
	}
	b.receiveAll(inFlight, now)
	if now = live(t, now, 2, b); held() {
		t.Error("kept past the window")
	}

	// With Complete it goes as soon as the other has used a newer one.
	old = b.s.newest().id
	a.receiveAll(b.announce(now), now)
	next := a.start(now)
	complete := func(seq uint64) {
		if err := b.s.Complete(a.w, seq, now); err != nil {
			t.Fatal(err)
		}
		b.save()
	}
	b.receiveAll(next, now)
	if complete(a.seq - 1); !held() {
		t.Error("erased before all that came earlier has arrived")
	}
	b.reload()
	if complete(a.seq); held() {
		t.Error("kept although nobody can use it any more")
	}
	if b.s.newest() == nil {
		t.Error("the newest prekey is gone")
	}
}

// TestRemovedHoldsPrekeys: in an epoch of who was removed others may still write,
// before they know, so that it counts as long as the window.
func TestRemovedHoldsPrekeys(t *testing.T) {
	ds := group(t, 3, Private, t0)
	a, b, c := ds[0], ds[1], ds[2]
	old := b.s.newest().id
	held := func() bool { return b.rows.now[string(rowKey(rowOwn, old[:]))] != nil }
	b.members([]Writer{a.w, b.w}, t0, c.w)
	a.members([]Writer{a.w, b.w}, t0, c.w)
	a.receiveAll(b.announce(t0), t0)
	b.receiveAll(a.start(t0), t0)
	if err := b.s.Complete(a.w, a.seq, t0); err != nil {
		t.Fatal(err)
	}
	if b.save(); !held() {
		t.Error("erased although the removed one may have used it")
	}
	if live(t, t0, 31, b); held() {
		t.Error("kept past the window")
	}
}

func TestWhenDue(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a, b := ds[0], ds[1]
	due := func(now int64, want Reason) {
		t.Helper()
		if got := a.s.Due(now); got.Epoch != want {
			t.Errorf("due: %+v, want %v", got, want)
		}
	}
	due(t0, DueMembers)
	rs := a.write(t0, "x")
	due(t0, NotDue)
	due(t0+MaxAge-1, NotDue)
	due(t0+MaxAge, DueAge)
	b.receiveAll(rs, t0)
	for n := range MaxRecords - 1 {
		if n%2 == 0 {
			rs = append(rs, a.write(t0, "x")...)
		} else {
			rs = b.write(t0, "x")
			a.receiveAll(rs, t0)
		}
	}
	a.reload()
	due(t0, DueRecords)
	if rs = a.write(t0, "x"); len(rs[0].Body) < 1000 {
		t.Error("no new epoch")
	}
	b.receiveAll(rs, t0)
	if d := a.s.Due(t0 + day); d.Prekey {
		t.Error("a prekey that nobody used is due after a day")
	}
	if d := a.s.Due(t0 + MaxAge); !d.Prekey {
		t.Error("no prekey is due after a week")
	}
	b.receiveAll(a.write(t0+day, "x"), t0+day)
	if d := b.s.Due(t0 + day); !d.Prekey {
		t.Error("a prekey that was used is not due after a day")
	}
}

// TestWhoStarts: of the members who see that an epoch is due, each waits for a time of its own.
func TestWhoStarts(t *testing.T) {
	ds := group(t, 5, Private, t0)
	at := make(map[int64]bool)
	for _, d := range ds {
		at[d.s.Due(t0).Start] = true
	}
	for n := range int64(5) {
		if !at[t0+n*turnWait] {
			t.Errorf("nobody starts after %d waits", n)
		}
	}
}

func TestPastIsErased(t *testing.T) {
	ds := group(t, 2, Private, t0)
	a := ds[0]
	count := func(kind string) (n int) {
		for k := range a.rows.now {
			if k[:1] == kind {
				n++
			}
		}
		return n
	}
	set := func(p Past) {
		if err := a.s.SetPast(p); err != nil {
			t.Fatal(err)
		}
		a.save()
	}
	a.write(t0, "x")
	if count("s")+count("l") > 0 {
		t.Error("keys are kept where no past is given")
	}
	set(Past{All: true})
	a.start(t0)
	if count("s") != 1 {
		t.Error("no secret is kept")
	}
	set(Past{Last: 3})
	if count("s") != 0 {
		t.Error("secrets are kept that the setting does not allow")
	}
	for range 5 {
		a.write(t0, "x")
	}
	if count("l") != 3 {
		t.Errorf("%d keys are kept of the last 3", count("l"))
	}
	a.reload()
	set(Past{Last: 1})
	if count("l") != 1 {
		t.Errorf("%d keys are kept of the last 1", count("l"))
	}
	set(Past{})
	if count("l") != 0 {
		t.Errorf("%d keys are kept of none", count("l"))
	}
	if err := a.s.SetPast(Past{Last: MaxPast + 1}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

// TestPastOfRemoved: an inviter who does not know of a removal gives nothing that
// was sealed in knowledge of it.
func TestPastOfRemoved(t *testing.T) {
	ds := group(t, 3, Private, t0)
	a, b, c := ds[0], ds[1], ds[2]
	for _, d := range ds {
		if err := d.s.SetPast(Past{All: true}); err != nil {
			t.Fatal(err)
		}
	}
	rs := a.write(t0, "with c")
	b.receiveAll(rs, t0)
	c.receiveAll(rs, t0)
	a.members([]Writer{a.w, b.w}, t0+minute, c.w)
	without := a.write(t0+minute, "without c")
	b.receiveAll(without, t0+minute) // b has not seen the removal
	if _, err := b.s.Past(c.w); !errors.Is(err, ErrNoPast) {
		t.Errorf("gives a past: %v", err)
	}
}
