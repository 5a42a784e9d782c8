package reconcile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

const vectorFile = "testdata/negentropy.json"

// vectors are what another implementation can run. Item n, in sets, has the id
// SHA-256(n as 8 bytes big-endian) and the time 1,700,000,000,000 + 1000·⌊n/2⌋, so
// that each two share a time. Sets are runs of numbers, "low-high" with high
// included. All bytes are hexadecimal.
type vectors struct {
	Varints []struct {
		Number uint64 `json:"number"`
		Bytes  string `json:"bytes"`
	} `json:"varints"`
	Fingerprints []struct {
		Name        string   `json:"name"`
		IDs         []string `json:"ids"`
		Fingerprint string   `json:"fingerprint"`
	} `json:"fingerprints"`
	Bad []struct {
		Name string `json:"name"`
		Msg  string `json:"message"`
	} `json:"bad_messages"`
	Exchanges []vectorExchange `json:"exchanges"`
}

type vectorExchange struct {
	Name       string   `json:"name"`
	Ours       []string `json:"asker_has"`
	Theirs     []string `json:"answerer_has"`
	MaxFrame   int      `json:"max_frame"`
	Messages   []string `json:"messages"` // ask, reply, ask, reply, …
	Need       []string `json:"need"`     // as runs, in ascending order
	NeedRanges []string `json:"need_ranges"`
	HaveCount  uint64   `json:"have_count"`
}

func load(t testing.TB) vectors {
	t.Helper()
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if len(v.Varints) == 0 || len(v.Fingerprints) == 0 || len(v.Bad) == 0 || len(v.Exchanges) == 0 {
		t.Fatal("vectors are missing")
	}
	return v
}

// seeds returns all messages, for fuzzing.
func (v vectors) seeds() [][]byte {
	var seeds [][]byte
	for _, b := range v.Bad {
		seeds = append(seeds, unhex(b.Msg))
	}
	for _, e := range v.Exchanges {
		for _, m := range e.Messages {
			seeds = append(seeds, unhex(m))
		}
	}
	return seeds
}

func unhex(s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestVarintVectors(t *testing.T) {
	for _, v := range load(t).Varints {
		if got := hex.EncodeToString(appendVarint(nil, v.Number)); got != v.Bytes {
			t.Errorf("%d is written %s, want %s", v.Number, got, v.Bytes)
		}
		r := reader{rest: unhex(v.Bytes)}
		if got := r.varint(); got != v.Number || r.bad != "" || len(r.rest) > 0 {
			t.Errorf("%s is read as %d, %s", v.Bytes, got, r.bad)
		}
	}
}

func TestFingerprintVectors(t *testing.T) {
	for _, v := range load(t).Fingerprints {
		var sum, rest Sum
		for _, s := range v.IDs {
			id := ID(unhex(s))
			sum.Add(id)
			rest.Add(id)
		}
		got := sum.Fingerprint()
		if hex.EncodeToString(got[:]) != v.Fingerprint {
			t.Errorf("%s: %x, want %s", v.Name, got, v.Fingerprint)
		}
		rest.Sub(sum)
		if rest != (Sum{}) {
			t.Errorf("%s: a sum less itself is %+v", v.Name, rest)
		}
	}
}

func TestBadMessageVectors(t *testing.T) {
	for _, v := range load(t).Bad {
		if reply, err := Answer(slice(t, numbered(0, 50)), unhex(v.Msg), Options{}); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: answered % x, %v", v.Name, reply, err)
		}
		a := NewAsker(slice(t, numbered(0, 50)), Options{})
		if _, err := a.Start(); err != nil {
			t.Fatal(err)
		}
		if next, err := a.Next(unhex(v.Msg)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: went on with % x, %v", v.Name, next, err)
		}
	}
}

func TestExchangeVectors(t *testing.T) {
	v := load(t)
	for n, e := range v.Exchanges {
		got := play(t, e)
		if *update {
			v.Exchanges[n] = got
			continue
		}
		if !slices.Equal(got.Messages, e.Messages) {
			t.Errorf("%s: messages\n%s\nwant\n%s", e.Name, strings.Join(got.Messages, "\n"), strings.Join(e.Messages, "\n"))
		}
		if !slices.Equal(got.Need, e.Need) || !slices.Equal(got.NeedRanges, e.NeedRanges) || got.HaveCount != e.HaveCount {
			t.Errorf("%s: found %v, %v, %d, want %v, %v, %d", e.Name, got.Need, got.NeedRanges, got.HaveCount, e.Need, e.NeedRanges, e.HaveCount)
		}
	}
	if !*update {
		return
	}
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play runs an exchange and writes down what happened.
func play(t *testing.T, e vectorExchange) vectorExchange {
	t.Helper()
	ours, theirs := runItems(t, e.Ours), runItems(t, e.Theirs)
	a := NewAsker(slice(t, ours), Options{MaxFrame: e.MaxFrame})
	e.Messages, e.Need, e.NeedRanges, e.HaveCount = nil, []string{}, []string{}, 0
	msg, err := a.Start()
	for err == nil && msg != nil {
		var reply []byte
		if reply, err = Answer(slice(t, theirs), msg, Options{MaxFrame: e.MaxFrame}); err != nil {
			break
		}
		e.Messages = append(e.Messages, hex.EncodeToString(msg), hex.EncodeToString(reply))
		msg, err = a.Next(reply)
	}
	if err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	found := a.Take()
	e.HaveCount = found.HaveCount
	inRange := func(i Item) bool {
		return slices.ContainsFunc(found.NeedRanges, func(r Range) bool { return r.Contains(i) })
	}
	e.Need = runs(theirs, func(i Item) bool { return slices.Contains(found.Need, i.ID) })
	e.NeedRanges = runs(theirs, inRange)
	return e
}
