package identity

import (
	"encoding/hex"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestSafetyVectors(t *testing.T) {
	type vector struct{ Mine, Theirs, Number, Code string }
	var in, vs []vector
	for _, pair := range [][2]byte{{1, 2}, {2, 1}, {1, 3}} {
		a, b := account(pair[0]).Public(), account(pair[1]).Public()
		s := NewSafetyNumber(a, b)
		in = append(in, vector{hex.EncodeToString(a[:]), hex.EncodeToString(b[:]), s.String(), s.Code()})
	}
	golden(t, "safety.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	if vs[0].Number != vs[1].Number || vs[0].Code == vs[1].Code {
		t.Error("both people must see the same digits, and each a code of their own")
	}
	if !regexp.MustCompile(`^\d{5}( \d{5}){11}$`).MatchString(vs[0].Number) {
		t.Errorf("%q", vs[0].Number)
	}
	if !regexp.MustCompile(`^[0-9A-Z $%*+\-./:]+$`).MatchString(vs[0].Code) {
		t.Errorf("%q is not of the alphanumeric set of QR codes", vs[0].Code)
	}
}

func TestSafetyCompare(t *testing.T) {
	a, b, m := account(1).Public(), account(2).Public(), account(3).Public()
	anna, ben := NewSafetyNumber(a, b), NewSafetyNumber(b, a)
	code := ben.Code()
	for scanned, want := range map[string]Comparison{
		code: Match, " " + strings.ToLower(code) + "\n": Match,
		anna.Code():                              Own,
		NewSafetyNumber(b, m).Code():             Different, // somebody stands between them
		NewSafetyNumber(m, a).Code():             Different, // another person's code
		strings.Replace(code, ":1:", ":2:", 1):   OtherVersion,
		strings.Replace(code, ":1:", ":2:X:", 1): OtherVersion,
		code[:len(code)-1]:                       Unreadable,
		code + "A":                               Unreadable,
		"":                                       Unreadable,
		codeScheme:                               Unreadable,
		codeScheme + "1":                         Unreadable,
		"linnet:QwEAAA":                          Unreadable,
		strings.Replace(code, code[20:21], "!", 1): Unreadable,
	} {
		if got := anna.Compare(scanned); got != want {
			t.Errorf("%q: %s, want %s", scanned, got, want)
		}
	}
	if ben.Compare(anna.Code()) != Match {
		t.Error("the other way round")
	}
	var none SafetyNumber
	if none.Compare(none.Code()) == Match || none.Compare(code) == Match {
		t.Error("a number that nobody made matches")
	}
}

// Each key moves its own half, and no digit hangs on the other's.
func TestSafetyHalves(t *testing.T) {
	a, b := account(1).Public(), account(2).Public()
	want := NewSafetyNumber(a, b).Groups()
	for i := 0; i < 32; i += 13 {
		a2, b2 := a, b
		a2[i] ^= 1
		b2[i] ^= 1
		for _, got := range [][12]string{NewSafetyNumber(a2, b).Groups(), NewSafetyNumber(a, b2).Groups()} {
			if got == want {
				t.Error("a key changed, the number did not")
			}
		}
	}
	half := safetyHalf(a)
	if joined := strings.Join(half[:], " "); !strings.Contains(NewSafetyNumber(a, b).String(), joined) {
		t.Errorf("%s is not in the number", joined)
	}
}

func FuzzSafetyCompare(f *testing.F) {
	s := NewSafetyNumber(account(1).Public(), account(2).Public())
	other := NewSafetyNumber(account(2).Public(), account(1).Public()).Code()
	f.Add(other)
	f.Add(s.Code())
	f.Add("LINNET-SAFETY:2:")
	f.Fuzz(func(t *testing.T, text string) {
		if s.Compare(text) == Match && !strings.EqualFold(strings.TrimSpace(text), other) {
			t.Errorf("%q matches", text)
		}
	})
}

func BenchmarkSafetyNumber(b *testing.B) {
	for b.Loop() {
		NewSafetyNumber(Key{1}, Key{2})
	}
}
