package bundle

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/linnet-im/linnet/node/record"
)

// records are n records of one chain with bodies that do not compress.
func records(t testing.TB, n int) (raws [][]byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	r := rand.New(rand.NewPCG(1, 1))
	var prev record.ID
	for seq := range n {
		body := make([]byte, 400)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		rec, err := record.Sign(record.Header{Topic: record.TopicID{1}, Seq: uint64(seq + 1), Prev: prev, Time: int64(seq), Kind: record.KindPost}, body, key)
		if err != nil {
			t.Fatal(err)
		}
		prev = rec.ID()
		raws = append(raws, rec.Bytes())
	}
	return raws
}

var manifest = Manifest{Created: 5, Topics: []ManifestTopic{{Topic: record.TopicID{1}, Name: "Allotments", Kind: 2}}, Partial: true}

func write(t testing.TB, raws [][]byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range raws {
		if err := w.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func read(b []byte) (raws [][]byte, r *Reader, err error) {
	r = NewReader(bytes.NewReader(b))
	for {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			return raws, r, nil
		}
		if err != nil {
			return raws, r, err
		}
		raws = append(raws, raw)
	}
}

func TestRoundTrip(t *testing.T) {
	want := records(t, 3000)
	file := write(t, want)
	got, r, err := read(file)
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(r.Manifest(), manifest) {
		t.Fatalf("%d of %d records, %+v, %v", len(got), len(want), r.Manifest(), err)
	}
	if a := r.Account(); a != (Account{Records: 3000, Whole: true, Read: int64(len(file))}) {
		t.Errorf("%+v of %d bytes", a, len(file))
	}
	empty, r, err := read(write(t, nil))
	if err != nil || len(empty) != 0 || !r.Account().Whole {
		t.Errorf("an empty one: %+v, %v", r.Account(), err)
	}
}

// TestDamage flips, cuts out and puts in bytes anywhere: what is read is right,
// at most the chunks that were touched are lost, and the account says so.
func TestDamage(t *testing.T) {
	all := records(t, 3000)
	known := map[string]bool{}
	for _, raw := range all {
		known[string(raw)] = true
	}
	good := write(t, all)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		file := bytes.Clone(good)
		at := len(Magic) + r.IntN(len(file)-len(Magic))
		switch r.IntN(4) {
		case 0:
			file[at] ^= 1 << r.IntN(8)
		case 1:
			n := min(r.IntN(3000)+1, len(file)-at)
			file = append(file[:at:at], file[at+n:]...)
		case 2:
			file = append(append(file[:at:at], []byte("\x89LNTb\r\n\x1a and more nonsense")...), good[at:]...)
		case 3:
			file = file[:at]
		}
		got, reader, err := read(file)
		if errors.Is(err, ErrNoBundle) && at < 400 {
			continue // nothing is left of it
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range got {
			if !known[string(raw)] {
				t.Fatal("a record that was never written")
			}
		}
		if reader.Account().Whole {
			t.Errorf("damage at %d is not noticed", at)
		}
		const inChunk = maxRaw/500 + 1
		if len(file) > len(good)-4000 && len(got) < len(all)-2*inChunk {
			t.Errorf("damage at %d of %d costs %d records", at, len(good), len(all)-len(got))
		}
	}
	if _, _, err := read([]byte("an ordinary file")); !errors.Is(err, ErrNoBundle) {
		t.Errorf("another file: %v", err)
	}
}

// TestBomb reads a small chunk that would become a large one.
func TestBomb(t *testing.T) {
	w, err := NewWriter(io.Discard, manifest)
	if err != nil {
		t.Fatal(err)
	}
	file := appendChunk([]byte(Magic), kindRecords, w.z.EncodeAll(make([]byte, 64<<20), nil))
	if len(file) > 100_000 {
		t.Fatalf("the bomb has %d bytes", len(file))
	}
	got, r, err := read(append(file, write(t, records(t, 3))...))
	if err != nil || len(got) != 3 || r.Account().Damaged == 0 {
		t.Errorf("%d records, %+v, %v", len(got), r.Account(), err)
	}
}

func TestNote(t *testing.T) {
	n := Note{record.TopicID{2}: {record.Writer{3}: 7, record.Writer{1}: 1 << 40}, record.TopicID{1}: {}}
	b, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseNote(b)
	if err != nil || !reflect.DeepEqual(got, n) {
		t.Errorf("%v, %v", got, err)
	}
	if !n.Has(record.TopicID{2}, record.Writer{3}, 7) || n.Has(record.TopicID{2}, record.Writer{3}, 8) || n.Has(record.TopicID{9}, record.Writer{3}, 1) {
		t.Error("Has")
	}
	for i := range b {
		if _, err := ParseNote(b[:i]); i != len(noteMagic) && err == nil && i != len(noteMagic)+36 {
			t.Errorf("cut at %d it is read", i)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, records(f, 3)))
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, r, err := read(b)
		if a := r.Account(); err == nil && (a.Records != len(got) || a.Read != int64(len(b))) {
			t.Errorf("%+v of %d bytes", a, len(b))
		}
	})
}

func FuzzNote(f *testing.F) {
	b, err := Note{record.TopicID{2}: {record.Writer{3}: 7}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = ParseNote(b) })
}

func BenchmarkBundle(b *testing.B) {
	raws := records(b, 10_000)
	for b.Loop() {
		if got, _, err := read(write(b, raws)); err != nil || len(got) != len(raws) {
			b.Fatal(fmt.Sprint(len(got)), err)
		}
	}
}
