package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the vectors anew")

type hexed []byte

func (h hexed) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexed) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// vectors are what another implementation can check itself against.
type vectors struct {
	Topic       hexed          `json:"topic"`
	Derivations []derivation   `json:"derivations"`
	Padding     map[int]int    `json:"padding"` // bytes with their 0x80, and the length that they are filled up to
	Members     []vectorState  `json:"members"`
	Records     []vectorRecord `json:"records"`
}

// derivation goes from an epoch's secret to keys of records.
type derivation struct {
	Secret  hexed         `json:"secret"`
	Starter hexed         `json:"starter"`
	Started int64         `json:"started"`
	Members []hexed       `json:"members"`
	Digest  hexed         `json:"members_digest"`
	Context hexed         `json:"context"`
	Epoch   hexed         `json:"epoch"`
	Root    hexed         `json:"root"`
	Writer  hexed         `json:"writer"`
	Chain   hexed         `json:"chain"`
	Keys    map[int]hexed `json:"keys"` // by index
}

// vectorState is a member with the seed of its prekey.
type vectorState struct {
	Writer   hexed `json:"writer"`
	Seed     hexed `json:"seed"`
	PublicID hexed `json:"prekey_id"`
}

// vectorRecord is a record in order, with what a member (by place) reads in it.
type vectorRecord struct {
	ID     hexed          `json:"id"`
	Writer hexed          `json:"writer"`
	Seq    uint64         `json:"seq"`
	Time   int64          `json:"time"`
	Body   hexed          `json:"body"`
	What   string         `json:"what"`
	Reads  map[int]string `json:"reads,omitempty"`
}

const vectorFile = "testdata/seal.json"

func derive(topic Topic, secret key, starter Writer, started int64, members []Writer, w Writer) derivation {
	digest := membersDigest(members)
	context := contextOf(starter, started, digest)
	id := commit(topic, &secret, context)
	root := rootOf(&secret, id)
	chain := chainOf(&root, w)
	d := derivation{Secret: secret[:], Starter: starter[:], Started: started, Digest: digest[:], Context: context[:], Epoch: id[:], Root: root[:], Writer: w[:], Chain: chain[:], Keys: make(map[int]hexed)}
	for _, m := range members {
		d.Members = append(d.Members, m[:])
	}
	for _, i := range []uint16{0, 1, 2, 511, 512, 1023} {
		k, _, _ := newTree(chain).take(i)
		d.Keys[int(i)] = k[:]
	}
	return d
}

func sortedWriters(n int) (ws []Writer) {
	for i := range n {
		ws = append(ws, writerOf(uint64(i)))
	}
	slices.SortFunc(ws, Writer.compare)
	return ws
}

func makeVectors(t *testing.T) vectors {
	v := vectors{Topic: testTopic[:], Padding: make(map[int]int)}
	for i := range 3 {
		ws := sortedWriters(i + 1)
		v.Derivations = append(v.Derivations, derive(testTopic, hash([]byte{byte(i)}), ws[0], t0+int64(i), ws, ws[i]))
	}
	for _, n := range []int{1, 64, 65, 128, 129, 257, 513, 1024, 1025, 1152, 1153, 5000, 40000, MaxPlaintext + 1} {
		v.Padding[n] = padded(n)
	}
	ds := group(t, 3, Private, t0)
	for _, d := range ds {
		own := d.s.newest()
		v.Members = append(v.Members, vectorState{d.w[:], own.seed[:], own.id[:]})
		if err := d.s.SetPast(Past{All: true}); err != nil {
			t.Fatal(err)
		}
	}
	two := writersOf(ds[:2])
	ds[0].members(two, t0)
	add := func(what string, rs []Record, reads map[int]string) {
		for _, r := range rs {
			v.Records = append(v.Records, vectorRecord{r.ID[:], r.Writer[:], r.Seq, r.Time, r.Body, what, reads})
		}
	}
	add("prekey, epoch for two and a text", ds[0].write(t0, "hello"), map[int]string{1: "hello"})
	add("the next in its chain", ds[0].write(t0+1, "hello again"), map[int]string{1: "hello again"})
	add("a prekey by itself", ds[0].announce(t0+2), nil)
	ds[0].members(writersOf(ds), t0+3)
	add("epoch for three and a text", ds[0].write(t0+3, "now we are three"), map[int]string{1: "now we are three", 2: "now we are three"})
	bodies, err := ds[0].s.Past(ds[2].w)
	if err != nil {
		t.Fatal(err)
	}
	add("the past for the third", ds[0].sign(t0+4, bodies...), nil)
	return v
}

func TestVectors(t *testing.T) {
	if *update {
		raw, err := json.MarshalIndent(makeVectors(t), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Derivations) < 3 || len(v.Members) < 3 || len(v.Records) < 5 || len(v.Padding) < 10 {
		t.Fatal("vectors are missing")
	}
	for _, d := range v.Derivations {
		var ws []Writer
		for _, m := range d.Members {
			ws = append(ws, Writer(m))
		}
		got, _ := json.Marshal(derive(Topic(v.Topic), key(d.Secret), Writer(d.Starter), d.Started, ws, Writer(d.Writer)))
		if want, _ := json.Marshal(d); !bytes.Equal(got, want) {
			t.Errorf("derived %s, want %s", got, want)
		}
	}
	for n, want := range v.Padding {
		if padded(n) != want {
			t.Errorf("%d bytes are filled up to %d, want %d", n, padded(n), want)
		}
	}
	for place := range v.Members {
		v.check(t, place)
	}
}

// check lets a member read all records, and then again what a past opened.
func (v *vectors) check(t *testing.T, place int) {
	m := v.Members[place]
	public, err := publicOf([32]byte(m.Seed))
	if err != nil {
		t.Fatal(err)
	}
	if id := idOfPrekey(public); !bytes.Equal(id[:], m.PublicID) {
		t.Errorf("prekey %x, want %x", id, m.PublicID)
	}
	s, err := New(Config{Topic: Topic(v.Topic), Self: Writer(m.Writer), Kind: Private, Prekey: &Prekey{[32]byte(m.Seed), public}}, newMemory(), t0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Writer
	for _, o := range v.Members {
		all = append(all, Writer(o.Writer))
	}
	if err := s.SetMembers(Membership{Present: all}, t0); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPast(Past{All: place == 2}); err != nil {
		t.Fatal(err)
	}
	for pass := range 2 {
		for i, r := range v.Records {
			if Writer(r.Writer) == s.self {
				continue
			}
			news, err := s.Receive(Record{ID: RecordID(r.ID), Writer: Writer(r.Writer), Seq: r.Seq, Time: r.Time, Body: r.Body}, r.Time)
			want, read := r.Reads[place]
			if pass == 0 && (string(news.Plaintext) != want || read != (err == nil) && r.Reads != nil) {
				t.Errorf("member %d reads %q in record %d (%s), want %q: %v", place, news.Plaintext, i, r.What, want, err)
			}
			if pass == 1 && place == 2 && r.Reads != nil && (err != nil || string(news.Plaintext) != r.Reads[1]) {
				t.Errorf("after the past, record %d (%s): %q, %v", i, r.What, news.Plaintext, err)
			}
		}
	}
}
