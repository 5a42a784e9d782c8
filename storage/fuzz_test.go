package storage

import (
	"bytes"
	"testing"
)

// FuzzKeys: what a parser accepts, the builder makes again, byte for byte.
func FuzzKeys(f *testing.F) {
	f.Add(appendRecordKey(nil, 7, 3, Pos{Time: 5, ID: ID{1}}))
	f.Add(appendIDKey(nil, 7, ID{1}))
	f.Add(appendChainKey(nil, 7, Chain{1}, 9))
	f.Add(appendHeadKey(nil, 7, Chain{1}))
	f.Add(spaceKey(Space{4}))
	f.Add(journalKey(12))
	f.Add(dropKey(3))
	f.Add(appendBlockKey(nil, laneRef{7, 3}, 9))
	f.Fuzz(func(t *testing.T, k []byte) {
		again := func(got []byte) {
			if !bytes.Equal(got, k) {
				t.Errorf("%x comes back as %x", k, got)
			}
		}
		if num, ln, p, err := parseRecordKey(k); err == nil {
			again(appendRecordKey(nil, num, ln, p))
		}
		if num, id, err := parseIDKey(k); err == nil {
			again(appendIDKey(nil, num, id))
		}
		if num, ch, seq, err := parseChainKey(k); err == nil {
			again(appendChainKey(nil, num, ch, seq))
		}
		if num, ch, err := parseHeadKey(k); err == nil {
			again(appendHeadKey(nil, num, ch))
		}
		if sp, err := parseSpaceKey(k); err == nil {
			again(spaceKey(sp))
		}
		if last, err := parseJournalKey(k); err == nil {
			again(journalKey(last))
		}
		if ref, no, err := parseBlockKey(k); err == nil {
			again(appendBlockKey(nil, ref, no))
		}
		if num, err := parseDropKey(k); err == nil {
			again(dropKey(num))
		}
	})
}

// FuzzValues is the same for values.
func FuzzValues(f *testing.F) {
	f.Add(appendRecordValue(nil, Chain{1}, 300, []byte("data")))
	f.Add(appendPlace(nil, 3, 77))
	f.Add(appendLink(nil, 3, Pos{Time: 77, ID: ID{1}}))
	f.Add(appendHead(nil, &head{Head: Head{Seq: 9, ID: ID{1}, Time: 5, Count: 3}, low: 2}))
	f.Add(appendSpaceValue(nil, &space{num: 5, stats: Stats{Records: 300, Chains: 2, Missing: 1, PerLane: [16]uint64{1, 299}}}))
	f.Add(appendSpaceValue(nil, &space{num: 5, open: true}))
	f.Add(appendBlock(nil, &block{first: Pos{1, ID{2}}, last: Pos{3, ID{4}}, sum: Sum{300, [32]byte{9}}}))
	f.Add(appendEvent(appendEvent([]byte{2}, []byte("one")), []byte{}))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, v []byte) {
		again := func(got []byte) {
			if !bytes.Equal(got, v) {
				t.Errorf("%x comes back as %x", v, got)
			}
		}
		if ch, seq, data, err := parseRecordValue(v); err == nil {
			again(appendRecordValue(nil, ch, seq, data))
		}
		if ln, at, err := parsePlace(v); err == nil {
			again(appendPlace(nil, ln, at))
		}
		if ln, p, err := parseLink(v); err == nil {
			again(appendLink(nil, ln, p))
		}
		if h, err := parseHead(v); err == nil {
			again(appendHead(nil, &h))
		}
		if sp, err := parseSpaceValue(v); err == nil {
			again(appendSpaceValue(nil, &sp))
		}
		if b, err := parseBlock(v); err == nil {
			again(appendBlock(nil, &b))
		}
		if events, err := parseChunk(v); err == nil {
			_, rest, err := uvarint(v)
			if err != nil {
				t.Fatal(err)
			}
			got := v[: len(v)-len(rest) : len(v)-len(rest)]
			for _, e := range events {
				got = appendEvent(got, e)
			}
			again(got)
		}
		if _, err := parseFormat(v); err == nil && len(v) < len(`{"format":1}`) {
			t.Errorf("format %q was accepted", v)
		}
	})
}
