package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	cluttered = "dignity pass list indicate nasty swamp pool script soccer toe leaf photo multiply desk host tomato cradle drill spread actor shine dismiss champion exotic"
	clutter   = "3e141609b97933b66a060dcddc71fad1d91677db872031e85f4c015c5e7e8982"
)

// TestWordlist holds the list against the published hash, and against what
// parsing relies on: its order, and that four letters name a word.
func TestWordlist(t *testing.T) {
	const want = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
	if sum := sha256.Sum256([]byte(strings.Join(words, "\n") + "\n")); hex.EncodeToString(sum[:]) != want {
		t.Errorf("SHA-256 of the list is %x, want %s", sum, want)
	}
	if len(words) != 2048 || !slices.IsSorted(words) {
		t.Errorf("%d words, sorted: %v", len(words), slices.IsSorted(words))
	}
	four := map[string]bool{}
	for _, w := range words {
		start := w[:min(4, len(w))]
		if four[start] {
			t.Errorf("%s: another word begins so", w)
		}
		four[start] = true
	}
}

// TestPhraseOfficial runs the vectors of trezor/python-mnemonic for 256 bits,
// of its present and older versions. They are never written anew.
func TestPhraseOfficial(t *testing.T) {
	var vs []struct{ Entropy, Phrase string }
	readVectors(t, "bip39.json", &vs)
	if len(vs) != 16 {
		t.Fatalf("%d vectors", len(vs))
	}
	for _, v := range vs {
		a, err := AccountFrom(unhex(t, v.Entropy))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Phrase().String(); got != v.Phrase {
			t.Errorf("%s: %s, want %s", v.Entropy, got, v.Phrase)
		}
		if got, err := ParsePhrase(v.Phrase); err != nil || got != a {
			t.Errorf("%s: %x, %v", v.Phrase, got.Seed(), err)
		}
	}
}

func TestParsePhraseForgives(t *testing.T) {
	w := strings.Fields(cluttered)
	numbered, columns, cut := "", "", ""
	for i, word := range w {
		numbered += fmt.Sprintf("%d. %s\r\n", i+1, word)
		cut += word[:min(len(word), 4+i%3)] + "  "
	}
	for i := range 12 {
		columns += fmt.Sprintf("%d)%s\t%d)%s\n", i+1, w[i], i+13, w[i+12])
	}
	for name, text := range map[string]string{
		"plain": cluttered, "capitals": strings.ToUpper(cluttered), "title": strings.ToUpper(cluttered[:1]) + cluttered[1:],
		"lines": strings.Join(w, "\n"), "commas": strings.Join(w, ", "), "spaces": "\u00a0 \t" + strings.Join(w, "\u2003 \n") + " ",
		"numbered": numbered, "glued numbers": strings.ReplaceAll(numbered, ". ", ""), "columns": columns, "cut": cut,
		"quoted": "“" + cluttered + ".”", "bullets": "• " + strings.Join(w, "\n• "), "turkish": strings.ReplaceAll(cluttered, "i", "İ"),
		"invisible": "\ufeff" + strings.ReplaceAll(cluttered, "pool", "po\u00adol"), "one number": "24 " + cluttered,
	} {
		a, err := ParsePhrase(text)
		if err != nil || hex.EncodeToString(a.Seed()) != clutter {
			t.Errorf("%s: %q: %v", name, text, err)
		}
	}
}

func TestParsePhraseSaysWhatIsWrong(t *testing.T) {
	w := strings.Fields(cluttered)
	with := func(n int, word string) string {
		c := slices.Clone(w)
		c[n-1] = word
		return strings.Join(c, " ")
	}
	swapped := slices.Clone(w)
	swapped[4], swapped[5] = swapped[5], swapped[4]
	for _, c := range []struct {
		text string
		want PhraseError
		says string
	}{
		{"", PhraseError{}, "no words"},
		{" 1. , 2. ", PhraseError{}, "no words"},
		{"zoo zoo", PhraseError{Words: 2}, "2 words"},
		{cluttered + " zoo", PhraseError{Words: 25}, "25 words"},
		{with(3, "lsit"), PhraseError{24, 3, "lsit", "list"}, `word 3, "lsit"`},
		{with(7, "pol"), PhraseError{24, 7, "pol", "pole"}, `"pole"`},
		{with(9, "socer"), PhraseError{24, 9, "socer", "soccer"}, `"soccer"`},
		{with(9, "Soccerr,"), PhraseError{24, 9, "soccerr", "soccer"}, `"soccer"`},
		{with(19, "xqzjvk"), PhraseError{24, 19, "xqzjvk", ""}, "word 19"},
		{with(19, "слово"), PhraseError{24, 19, "слово", ""}, "word 19"},
		{with(6, "swam p"), PhraseError{25, 7, "p", ""}, "there are 25 words"},
		{with(2, strings.Repeat("x", 200)), PhraseError{24, 2, strings.Repeat("x", 200), ""}, "word 2"},
		{strings.Join(swapped, " "), PhraseError{Words: 24}, "two are swapped"},
		{with(24, "zoo"), PhraseError{Words: 24}, "another word"},
	} {
		a, err := ParsePhrase(c.text)
		var e *PhraseError
		if !errors.As(err, &e) || *e != c.want || !strings.Contains(err.Error(), c.says) || a != (Account{}) {
			t.Errorf("%q: %#v (%v), want %#v", c.text, e, err, c.want)
		}
	}
	if _, err := ParsePhrase(strings.Repeat("zoo ", 1<<20)); err == nil {
		t.Error("four megabytes of zoos are taken")
	}
}

// TestPhraseRoundTrip shows that each account has one phrase, and that a random
// wrong word or swap is noticed as often as a checksum of 8 bits can.
func TestPhraseRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	const rounds = 2000
	missed := 0
	for range rounds {
		var s [SeedSize]byte
		for i := range s {
			s[i] = byte(r.Uint32())
		}
		p := Account{s}.Phrase()
		if a, err := ParsePhrase(p.String()); err != nil || a.seed != s {
			t.Fatalf("%s: %x, %v", p, a.seed, err)
		}
		i, j := r.IntN(PhraseWords), r.IntN(PhraseWords)
		if p[i] == p[j] {
			continue
		}
		p[i], p[j] = p[j], p[i]
		if _, err := ParsePhrase(p.String()); err == nil {
			missed++
		}
	}
	if missed > rounds/256*4 { // 7.8 expected
		t.Errorf("%d swaps of %d unnoticed", missed, rounds)
	}
}

func TestPhraseQuestions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	seen := map[int]bool{}
	for range 300 {
		q := PhraseQuestions(r, 3)
		if len(q) != 3 || q[0] >= q[1] || q[1] >= q[2] || q[0] < 1 || q[2] > PhraseWords {
			t.Fatalf("%v", q)
		}
		for _, n := range q {
			seen[n] = true
		}
	}
	if len(seen) != PhraseWords {
		t.Errorf("only %d positions are ever asked", len(seen))
	}
	if len(PhraseQuestions(r, 99)) != PhraseWords || len(PhraseQuestions(r, -1)) != 0 {
		t.Error("k out of bounds")
	}

	a, err := ParsePhrase(cluttered)
	if err != nil {
		t.Fatal(err)
	}
	p := a.Phrase()
	for typed, want := range map[string]bool{"swamp": true, " Swamp. ": true, "swam": true, "6. swamp": true, "swa": false, "pool": false, "": false, "swamp swamp": false} {
		if p.Matches(6, typed) != want {
			t.Errorf("word 6 matches %q: %v", typed, !want)
		}
	}
	if p.Matches(0, "zoo") || p.Matches(25, "zoo") {
		t.Error("a word that there is not")
	}
}

// TestPhraseVectors holds what hangs on a phrase: the account's keys.
func TestPhraseVectors(t *testing.T) {
	type vector struct{ Phrase, Seed, Account string }
	var in []vector
	for _, s := range [][]byte{bytes.Repeat([]byte{1}, SeedSize), unhex(t, clutter)} {
		in = append(in, vector{Seed: hex.EncodeToString(s)})
	}
	for i := range in {
		a, err := AccountFrom(unhex(t, in[i].Seed))
		if err != nil {
			t.Fatal(err)
		}
		k := a.Public()
		in[i].Phrase, in[i].Account = a.Phrase().String(), hex.EncodeToString(k[:])
	}
	var vs []vector
	golden(t, "phrase.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	for _, v := range vs {
		if a, err := ParsePhrase(v.Phrase); err != nil || hex.EncodeToString(a.Seed()) != v.Seed {
			t.Errorf("%s: %v", v.Phrase, err)
		}
	}
}

func FuzzParsePhrase(f *testing.F) {
	f.Add(cluttered)
	f.Add("1. dignity, 2. pass")
	f.Add("24) exotic 23) champion")
	f.Add("abandno \xff ſ ß İ \u202e 99999999999999999999 x")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParsePhrase(s)
		var e *PhraseError
		if err != nil {
			if !errors.As(err, &e) || e.Error() == "" {
				t.Errorf("%v", err)
			}
			return
		}
		if again, err := ParsePhrase(a.Phrase().String()); err != nil || again != a {
			t.Errorf("%q is an account, its phrase is not: %v", s, err)
		}
	})
}
