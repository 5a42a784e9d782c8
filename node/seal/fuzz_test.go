package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"testing"
)

// seeds are records of every kind, and devices of which the first wrote most.
func seeds(f *testing.F) (rs []Record, ds []*device) {
	f.Helper()
	ds = group(f, 3, Private, t0)
	for _, d := range ds {
		if err := d.s.SetPast(Past{All: true}); err != nil {
			f.Fatal(err)
		}
	}
	a := ds[0]
	rs = slices.Concat(a.start(t0), a.write(t0, "a text"), a.announce(t0))
	entries := a.s.archivedUntil(t0 + day)
	sealed, err := sealTo(a.rows.now[string(rowKey(rowPublic, ds[1].w[:]))][1:], nil, append([]byte{pastEpochs}, entries...))
	if err != nil {
		f.Fatal(err)
	}
	past := &body{past: &pastPart{ds[1].w, ds[1].s.newest().id, sealed}}
	direct := group(f, 2, Direct, t0)
	return append(append(rs, a.forge(t0, past)), direct[0].write(t0, "a turn")...), ds
}

// FuzzBody: what is taken for a body is written the same again.
func FuzzBody(f *testing.F) {
	rs, _ := seeds(f)
	for _, r := range rs {
		f.Add(r.Body)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parse(raw)
		if err != nil {
			if !errors.Is(err, ErrForm) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(b.encode(), raw) {
			t.Fatalf("%x is written as %x", raw, b.encode())
		}
	})
}

// FuzzReceive offers any body as a member's record: nothing panics, and what is
// stored can be loaded.
func FuzzReceive(f *testing.F) {
	rs, ds := seeds(f)
	for _, r := range rs {
		f.Add(r.Body, r.Seq, int64(0))
	}
	rows := ds[1].rows
	f.Fuzz(func(t *testing.T, raw []byte, seq uint64, after int64) {
		m := rows.clone()
		s, err := Load(m)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			now := t0 + max(after, 0)%(1<<40)
			_, _ = s.Receive(Record{Writer: ds[0].w, Seq: seq, Time: now, Body: raw}, now)
			if s.broken != nil {
				t.Fatal(s.broken)
			}
			s.Due(now)
			m.write(s.Changes())
			if s, err = Load(m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzRow: a stored row is refused or taken, and what is taken is written the same again.
func FuzzRow(f *testing.F) {
	rs, ds := seeds(f)
	ds[1].receiveAll(rs[:2], t0)
	for _, d := range ds {
		for _, k := range slices.Sorted(maps.Keys(d.rows.now)) {
			f.Add([]byte(k), d.rows.now[k])
		}
	}
	f.Fuzz(func(t *testing.T, k, v []byte) {
		if len(k) == 0 {
			return
		}
		s := empty(newMemory())
		if !s.take(k, v) {
			return
		}
		var again []byte
		switch k[0] {
		case rowHead:
			again = s.encodeHead()
		case rowMembers:
			again = appendWriters([]byte{rowsVersion}, s.members)
		case rowOwn:
			again = s.own[0].encode()
		case rowPeer:
			again = s.peers[Writer(k[1:])].encode()
		case rowEpoch:
			again = s.epochs[Ref(k[1:])].encode()
		case rowClosed:
			again = s.closed[Ref(k[1:])].encode()
		case rowKept:
			again, k = k, s.kept[0].row()
			v = k
		case rowGiven:
			again = v
		default:
			t.Fatalf("row %q is taken", k)
		}
		if !bytes.Equal(again, v) {
			t.Fatalf("%x is written as %x", v, again)
		}
	})
}

// FuzzChain covers the rows that are read when they are needed.
func FuzzChain(f *testing.F) {
	_, t1, _ := newTree(key{1}).take(500)
	_, t2, _ := t1.take(3)
	f.Add(encodeTree(t1), uint16(1))
	f.Add(encodeTree(t2), uint16(500))
	c := covers{[]Writer{{1}, {2}}, make([]prekeyID, 2)}
	f.Add(c.encode(), uint16(0))
	a := archived{starter: Writer{1}, started: t0}
	f.Add(a.encode(), uint16(0))
	f.Fuzz(func(t *testing.T, v []byte, leaf uint16) {
		if c, ok := decodeCovers(v); ok && !bytes.Equal(c.encode(), v) {
			t.Fatal("members of an epoch are written otherwise")
		}
		if a, ok := decodeArchived(v); ok && !bytes.Equal(a.encode(), v) {
			t.Fatal("a secret is written otherwise")
		}
		chain, ok := decodeTree(v)
		if !ok {
			return
		}
		if !bytes.Equal(encodeTree(chain), v) {
			t.Fatal("a chain is written otherwise")
		}
		_, rest, ok := chain.take(leaf)
		if !ok {
			return
		}
		if again, ok := decodeTree(encodeTree(rest)); !ok || !again.valid() {
			t.Fatal("a chain is not valid after a key was taken")
		}
		if _, _, ok := rest.take(leaf); ok {
			t.Fatal("a key can be taken twice")
		}
	})
}

// FuzzPast imports whatever an inviter may have sealed.
func FuzzPast(f *testing.F) {
	_, ds := seeds(f)
	f.Add(ds[0].s.archivedUntil(t0+day), true)
	f.Add(make([]byte, 2*recordEntry), false)
	f.Fuzz(func(t *testing.T, entries []byte, all bool) {
		m := newMemory()
		s, err := New(Config{Topic: testTopic, Self: Writer{1}, Kind: Private}, m, t0)
		if err != nil {
			t.Fatal(err)
		}
		past, size := Past{Last: 2}, recordEntry
		if all {
			past, size = Past{All: true}, epochEntry
		}
		if err := s.SetPast(past); err != nil {
			t.Fatal(err)
		}
		entries = entries[:len(entries)/size*size]
		if all {
			s.importEpochs(entries)
		} else if s.importRecords(entries, t0); s.given > 2 {
			t.Fatalf("%d keys are kept of 2", s.given)
		}
		m.write(s.Changes())
		if _, err := Load(m); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzPadding(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, ok := unpad(b); ok && !bytes.HasPrefix(b, append(bytes.Clone(text), 0x80)) {
			t.Fatal(hex.EncodeToString(b))
		}
		if text, ok := unpad(pad(b)); !ok || !bytes.Equal(text, b) {
			t.Fatal(hex.EncodeToString(b))
		}
	})
}

func TestTree(t *testing.T) {
	whole := newTree(key{7})
	var want [chainLength]key
	for i := range uint16(chainLength) {
		want[i], _, _ = whole.take(i)
	}
	for i := range want {
		for j := range i {
			if want[i] == want[j] {
				t.Fatalf("leaves %d and %d are the same", j, i)
			}
		}
	}
	left := whole
	for i := range uint16(chainLength) {
		leaf := i * 389 % chainLength // 389 is odd: every leaf once
		var k key
		var ok bool
		if k, left, ok = left.take(leaf); !ok || k != want[leaf] {
			t.Fatalf("leaf %d: %v", leaf, ok)
		}
		if _, _, again := left.take(leaf); again || !left.valid() || len(left) > chainLength/2 {
			t.Fatalf("leaf %d after it was taken: %v, %d nodes", leaf, again, len(left))
		}
	}
	if _, ok := left.first(); ok || len(left) > 0 {
		t.Error("something is left")
	}
}
