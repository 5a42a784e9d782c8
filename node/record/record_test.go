package record

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// vector is one record in testdata/records.json, for other implementations.
type vector struct {
	Name      string   `json:"name"`
	Seed      string   `json:"seed"` // Ed25519 seed of the writer
	Topic     string   `json:"topic,omitempty"`
	Seq       uint64   `json:"seq"`
	Prev      string   `json:"prev,omitempty"`
	After     []string `json:"after,omitempty"`
	Time      int64    `json:"time_ms"`
	Kind      Kind     `json:"kind"`
	Body      string   `json:"body"`
	Header    string   `json:"header"`
	Signature string   `json:"signature"`
	ID        string   `json:"id"`
	Record    string   `json:"record"`
}

func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

// inputs are the vectors before signing.
func inputs() []vector {
	seed := hex.EncodeToString(key(7).Seed())
	topic := strings.Repeat("11", 32)
	return []vector{
		{Name: "genesis", Seed: seed, Seq: 1, Time: 1_700_000_000_000, Kind: KindGenesis, Body: "a1"},
		{Name: "first of a chain, empty body", Seed: seed, Topic: topic, Seq: 1, Time: 0, Kind: KindIntro, Body: ""},
		{Name: "behind another, two after", Seed: seed, Topic: topic, Seq: 2, Prev: strings.Repeat("22", 32),
			After: []string{strings.Repeat("33", 32), strings.Repeat("44", 32)}, Time: 1_700_000_000_123, Kind: KindPost, Body: "a10165686c6c6f21"},
		{Name: "large numbers, long body", Seed: seed, Topic: topic, Seq: 1<<48 - 1, Prev: strings.Repeat("22", 32),
			Time: 1<<47 - 1, Kind: 65535, Body: strings.Repeat("5a", 300)},
	}
}

func TestVectors(t *testing.T) {
	const file = "testdata/records.json"
	if *update {
		var out []vector
		for _, v := range inputs() {
			out = append(out, complete(t, v))
		}
		b, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(inputs()) {
		t.Fatalf("%d vectors, want %d", len(want), len(inputs()))
	}
	for _, v := range want {
		got := complete(t, v)
		if got.Record != v.Record || got.ID != v.ID || got.Header != v.Header || got.Signature != v.Signature {
			t.Errorf("%s: signed anew it is\n%+v, want\n%+v", v.Name, got, v)
		}
		raw := unhex(t, v.Record)
		r, err := Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if err := r.Verify(); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if id := r.ID(); hex.EncodeToString(id[:]) != v.ID {
			t.Errorf("%s: id %x, want %s", v.Name, id, v.ID)
		}
		if MessageID(raw) != string(unhex(t, v.ID)) {
			t.Errorf("%s: the message id is not the record id", v.Name)
		}
	}
}

func complete(t *testing.T, v vector) vector {
	t.Helper()
	h := Header{Seq: v.Seq, Time: v.Time, Kind: v.Kind}
	copy(h.Topic[:], unhex(t, v.Topic))
	copy(h.Prev[:], unhex(t, v.Prev))
	for _, a := range v.After {
		h.After = append(h.After, ID(unhex(t, a)))
	}
	r, err := Sign(h, unhex(t, v.Body), ed25519.NewKeyFromSeed(unhex(t, v.Seed)))
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	id := r.ID()
	v.Header, v.Signature = hex.EncodeToString(r.header), hex.EncodeToString(r.sig)
	v.ID, v.Record = hex.EncodeToString(id[:]), hex.EncodeToString(r.Bytes())
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func post(t *testing.T, seq uint64, prev ID, body string) *Record {
	t.Helper()
	r, err := Sign(Header{Topic: TopicID{1}, Seq: seq, Prev: prev, Time: int64(seq), Kind: KindPost}, []byte(body), key(1))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWithoutBody(t *testing.T) {
	r := post(t, 1, ID{}, "secret words")
	bare, err := r.WithoutBody()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := bare.Body(); ok || bytes.Contains(bare.Bytes(), []byte("secret words")) {
		t.Error("the body is still there")
	}
	if bare.ID() != r.ID() || bare.Verify() != nil {
		t.Error("without its body the record does not verify any more")
	}
	if MessageID(bare.Bytes()) == MessageID(r.Bytes()) {
		t.Error("a copy without body must not take the record's message id")
	}
	empty := post(t, 1, ID{}, "")
	if body, ok := empty.Body(); !ok || len(body) != 0 {
		t.Error("an empty body is not a dropped one")
	}
}

func TestFollows(t *testing.T) {
	a := post(t, 1, ID{}, "a")
	b := post(t, 2, a.ID(), "b")
	if !b.Follows(a) || a.Follows(b) || post(t, 2, ID{9}, "x").Follows(a) || post(t, 3, a.ID(), "x").Follows(a) {
		t.Error("Follows")
	}
}

func TestSignRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		h    Header
		body []byte
		want error
	}{
		"seq 0":            {Header{Topic: TopicID{1}, Kind: KindPost}, nil, ErrLimit},
		"seq 1 with prev":  {Header{Topic: TopicID{1}, Seq: 1, Prev: ID{1}, Kind: KindPost}, nil, ErrForm},
		"seq 2 without":    {Header{Topic: TopicID{1}, Seq: 2, Kind: KindPost}, nil, ErrForm},
		"kind 0":           {Header{Topic: TopicID{1}, Seq: 1}, nil, ErrForm},
		"no topic":         {Header{Seq: 1, Kind: KindPost}, nil, ErrForm},
		"genesis of topic": {Header{Topic: TopicID{1}, Seq: 1, Kind: KindGenesis}, nil, ErrForm},
		"genesis after":    {Header{Seq: 1, After: []ID{{1}}, Kind: KindGenesis}, nil, ErrForm},
		"five after":       {Header{Topic: TopicID{1}, Seq: 1, Kind: KindPost, After: []ID{{1}, {2}, {3}, {4}, {5}}}, nil, ErrLimit},
		"one after twice":  {Header{Topic: TopicID{1}, Seq: 1, Kind: KindPost, After: []ID{{1}, {1}}}, nil, ErrForm},
		"negative time":    {Header{Topic: TopicID{1}, Seq: 1, Kind: KindPost, Time: -1}, nil, ErrLimit},
		"body over 64 KiB": {Header{Topic: TopicID{1}, Seq: 1, Kind: KindPost}, make([]byte, MaxBody+1), ErrLimit},
		"seq beyond 2^48":  {Header{Topic: TopicID{1}, Seq: 1 << 48, Prev: ID{1}, Kind: KindPost}, nil, ErrLimit},
		"time beyond 2^47": {Header{Topic: TopicID{1}, Seq: 1, Time: 1 << 47, Kind: KindPost}, nil, ErrLimit},
	} {
		if _, err := Sign(c.h, c.body, key(1)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Sign(Header{Topic: TopicID{1}, Seq: 1, Kind: KindPost}, make([]byte, MaxBody), key(1)); err != nil {
		t.Errorf("a body of exactly 64 KiB: %v", err)
	}
}

// TestDecodeRefuses changes a good record in every way that keeps its length,
// and some that do not.
func TestDecodeRefuses(t *testing.T) {
	good := post(t, 2, ID{5}, "hello").Bytes()
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			r, err := Decode(bad)
			if err == nil && r.Verify() == nil {
				t.Fatalf("byte %d changed and the record still verifies", i)
			}
			if MessageID(bad) == MessageID(good) {
				t.Fatalf("byte %d changed and the message id is the same", i)
			}
		}
	}
	for n := range good {
		if _, err := Decode(good[:n]); err == nil {
			t.Fatalf("the first %d bytes decode", n)
		}
	}
	if _, err := Decode(append(bytes.Clone(good), 0)); !errors.Is(err, ErrForm) {
		t.Errorf("a byte behind it: %v", err)
	}
	if _, err := Decode(make([]byte, MaxRecord+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("too long: %v", err)
	}
}

// TestDeterministic shows that a header with a longer encoding of the same
// values is refused, although its signature is right.
func TestDeterministic(t *testing.T) {
	r := post(t, 1, ID{}, "x")
	// The version is the second byte of the header: 01 becomes 18 01.
	long := append([]byte{r.header[0], 0x18, 0x01}, r.header[2:]...)
	raw, err := encodeRecord(long, ed25519.Sign(key(1), signed(long)), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(raw); !errors.Is(err, ErrForm) {
		t.Errorf("a header that is not in its shortest form: %v", err)
	}
}

func TestIDText(t *testing.T) {
	id := post(t, 1, ID{}, "x").ID()
	back, err := ParseID(id.String())
	if err != nil || back != id {
		t.Errorf("ParseID(%q) = %v, %v", id, back, err)
	}
	for _, s := range []string{"", "x", id.String()[1:], id.String() + "A", strings.Repeat("!", 43)} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) is taken", s)
		}
		if _, err := ParseTopicID(s); err == nil {
			t.Errorf("ParseTopicID(%q) is taken", s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := os.ReadFile("testdata/records.json")
	if err != nil {
		f.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		f.Fatal(err)
	}
	for _, v := range vs {
		raw, err := hex.DecodeString(v.Record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		id := MessageID(raw)
		r, err := Decode(raw)
		if err != nil {
			return
		}
		if _, ok := r.Body(); ok {
			if rid := r.ID(); id != string(rid[:]) {
				t.Errorf("message id %x of record %x", id, rid)
			}
		}
		_ = r.Verify()
		bare, err := r.WithoutBody()
		if err != nil || bare.ID() != r.ID() {
			t.Errorf("without body: %v", err)
		}
		header, err := encodeHeader(&r.Header)
		if err != nil || !bytes.Equal(header, r.header) {
			t.Errorf("header encodes to %x, was %x", header, r.header)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := benchRecord(b).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessageID(b *testing.B) {
	raw := benchRecord(b).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		MessageID(raw)
	}
}

func BenchmarkVerify(b *testing.B) {
	r := benchRecord(b)
	for b.Loop() {
		if err := r.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	r := benchRecord(b)
	body, _ := r.Body()
	for b.Loop() {
		if _, err := Sign(r.Header, body, key(1)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRecord(b *testing.B) *Record {
	b.Helper()
	r, err := Sign(Header{Topic: TopicID{1}, Seq: 9, Prev: ID{1}, After: []ID{{2}, {3}}, Time: 1_700_000_000_000, Kind: KindPost},
		bytes.Repeat([]byte("x"), 300), key(1))
	if err != nil {
		b.Fatal(err)
	}
	return r
}
