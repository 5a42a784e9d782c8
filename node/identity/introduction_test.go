package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

var fuzzTopic = [32]byte{5, 5, 5}

func introduce(t testing.TB, a, d, w byte, topic [32]byte, name string) []byte {
	t.Helper()
	b, err := device(d).Introduce(Introduction{certOf(t, a, d, then), name}, topic, writer(w))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIntroductionVectors(t *testing.T) {
	type vector struct{ AccountSeed, DeviceSeed, WriterSeed, Topic, Name, Bytes string }
	w := public(writer(3))
	var in, vs []vector
	for _, name := range []string{"", "Zoë Ärmel", strings.Repeat("x", MaxName)} {
		in = append(in, vector{hex.EncodeToString(account(1).Seed()), hex.EncodeToString(device(2).Seed()), hex.EncodeToString(writer(3).Seed()),
			hex.EncodeToString(fuzzTopic[:]), name, hex.EncodeToString(introduce(t, 1, 2, 3, fuzzTopic, name))})
	}
	golden(t, "introduction.json", in, &vs)
	if !reflect.DeepEqual(in, vs) {
		t.Errorf("%+v, want %+v", in, vs)
	}
	for _, v := range vs {
		b := unhex(t, v.Bytes)
		i, err := OpenIntroduction(b, fuzzTopic, w)
		if err != nil || i.Name != v.Name || i.Certificate != certOf(t, 1, 2, then) || len(b) > MaxIntroduction {
			t.Errorf("%+v, %v", i, err)
		}
	}
	eachByte(unhex(t, vs[1].Bytes), func(what string, i int, bad []byte) {
		if _, err := OpenIntroduction(bad, fuzzTopic, w); err == nil {
			t.Errorf("%s at %d: taken", what, i)
		}
	})
}

// TestIntroductionClaims tries what somebody would who wants another's name.
func TestIntroductionClaims(t *testing.T) {
	mine := introduce(t, 1, 2, 3, fuzzTopic, "Anna")
	theirs := introduce(t, 11, 12, 13, fuzzTopic, "Mallory")
	w, mallory := public(writer(3)), public(writer(13))
	const sigs = 2 * signatureSize
	said := len(mine) - sigs
	for what, c := range map[string]struct {
		b      []byte
		topic  [32]byte
		writer Key
	}{
		"for another topic":                {mine, [32]byte{6}, w},
		"in another's chain":               {mine, fuzzTopic, mallory},
		"the writer's signature replaced":  {append(bytes.Clone(mine[:len(mine)-64]), theirs[len(theirs)-64:]...), fuzzTopic, w},
		"the writer's, in its own chain":   {append(bytes.Clone(mine[:len(mine)-64]), theirs[len(theirs)-64:]...), fuzzTopic, mallory},
		"the device's signature replaced":  {slice(mine[:said], theirs[len(theirs)-sigs:len(theirs)-64], mine[len(mine)-64:]), fuzzTopic, w},
		"the signatures the wrong way":     {slice(mine[:said], mine[said+64:], mine[said:said+64]), fuzzTopic, w},
		"the device's signature twice":     {slice(mine[:said], mine[said:said+64], mine[said:said+64]), fuzzTopic, w},
		"another's certificate over it":    {slice(theirs[:1+CertificateSize], mine[1+CertificateSize:]), fuzzTopic, w},
		"another's statement, my two keys": {slice(theirs[:len(theirs)-sigs], mine[said:]), fuzzTopic, w},
	} {
		if i, err := OpenIntroduction(c.b, c.topic, c.writer); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %+v, %v", what, i, err)
		}
	}

	// Her device claims his pseudonym: she signs for both, with the keys that she has.
	c := certOf(t, 11, 12, then)
	said = len(Introduction{c, "Anna"}.said())
	forged := Introduction{c, "Anna"}.said()
	context := introContext(fuzzTopic, w, forged)
	forged = append(forged, ed25519.Sign(device(12).signer(), labelled(introDeviceLabel, context))...)
	forged = append(forged, ed25519.Sign(writer(13), labelled(introWriterLabel, context))...)
	if len(forged) != said+sigs {
		t.Fatal("the forgery is malformed and proves nothing")
	}
	if _, err := OpenIntroduction(forged, fuzzTopic, w); !errors.Is(err, ErrSignature) {
		t.Errorf("another's pseudonym: %v", err)
	}
	if _, err := device(12).Introduce(Introduction{Certificate: certOf(t, 1, 2, then)}, fuzzTopic, writer(13)); !errors.Is(err, ErrForm) {
		t.Errorf("under another device's certificate: %v", err)
	}
	// A certificate that she made herself for his account.
	c.Account = account(1).Public()
	own, err := device(12).Introduce(Introduction{Certificate: c}, fuzzTopic, writer(13))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIntroduction(own, fuzzTopic, mallory); !errors.Is(err, ErrSignature) {
		t.Errorf("with a certificate of one's own making: %v", err)
	}
}

func slice(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " Anna ": "Anna", "An\u202ena": "Anna", "a\x00b\x1fc\u0085d": "abcd", "two\nlines\tx": "two lines x",
		"\ufeffZoë": "Zoë", "a\xffb": "ab", "\u2066\u2069 ": "", strings.Repeat("é", 70): strings.Repeat("é", 64), "x" + strings.Repeat("é", 70): "x" + strings.Repeat("é", 63),
		strings.Repeat("a", 127) + " b": strings.Repeat("a", 127),
	} {
		got := CleanName(in)
		if got != want || CleanName(got) != got || len(got) > MaxName || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, bad := range []string{" x", "a\nb", "a\u202eb", "a\xff", strings.Repeat("a", MaxName+1)} {
		if _, err := device(2).Introduce(Introduction{certOf(t, 1, 2, then), bad}, fuzzTopic, writer(3)); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// A dishonest program signs such a name anyway.
	i := Introduction{certOf(t, 1, 2, then), "a\u202eb"}
	if _, _, _, err := decodeIntroduction(append(i.said(), make([]byte, 2*signatureSize)...)); !errors.Is(err, ErrForm) {
		t.Errorf("a name that turns the text around: %v", err)
	}
}

// FuzzDecodeIntroduction goes past the signatures, which a fuzzer does not find.
func FuzzDecodeIntroduction(f *testing.F) {
	f.Add(introduce(f, 1, 2, 3, fuzzTopic, "Anna"))
	f.Add(introduce(f, 1, 2, 3, fuzzTopic, ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, d, w, err := decodeIntroduction(b)
		if err == nil && !bytes.Equal(slice(i.said(), d[:], w[:]), b) {
			t.Errorf("%+v", i)
		}
		if _, err := OpenIntroduction(b, fuzzTopic, public(writer(3))); err == nil && i.Name != CleanName(i.Name) {
			t.Errorf("%q", i.Name)
		}
	})
}

func FuzzCleanName(f *testing.F) {
	f.Add("Anna\u202e\n")
	f.Add(strings.Repeat("é", 70) + "\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if c := CleanName(s); checkName(c) != nil || len(c) > MaxName {
			t.Errorf("%q becomes %q", s, c)
		}
	})
}
