package message

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/linnet-im/linnet/node/record"
)

// TestPostVectors keeps posts readable for ever.
func TestPostVectors(t *testing.T) {
	for _, v := range []struct {
		body string
		post Post
	}{
		{"a1016568656c6c6f", Post{Text: "hello"}},
		{"a20165c3a9e299a5" + "02" + "5820" + strings.Repeat("07", 32), Post{Text: "é♥", ReplyTo: record.ID(bytes.Repeat([]byte{7}, 32))}},
	} {
		b, err := hex.DecodeString(v.body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(b)
		if err == nil && got == v.post {
			again, err := got.Encode()
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s is encoded as %x, %v", v.body, again, err)
			}
			continue
		}
		t.Errorf("%s: %+v, %v", v.body, got, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for text, want := range map[string]error{"": ErrEmpty, " \n\t": ErrEmpty, strings.Repeat("x", MaxText+1): ErrLong, "a\xff": ErrForm} {
		if _, err := (Post{Text: text}).Encode(); !errors.Is(err, want) {
			t.Errorf("%.10q: %v, want %v", text, err, want)
		}
	}
	b, err := Post{Text: strings.Repeat("x", MaxText)}.Encode()
	if err != nil || len(b) > record.MaxBody {
		t.Errorf("the longest text: %d bytes, %v", len(b), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, h := range []string{"", "00", "a0", "a10140", "a10160", "a2016161024101", "a101d8206161", "ff"} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := Open(b); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %+v, %v", h, p, err)
		}
	}
	if p, err := Open([]byte("\xa2\x01\x61a\x18\x63\x01")); err != nil || p.Text != "a" {
		t.Errorf("a field of a later version: %+v, %v", p, err)
	}
}

func TestLinks(t *testing.T) {
	for text, want := range map[string][]string{
		"nothing here":                               nil,
		"see https://example.org/a.":                 {"https://example.org/a"},
		"(https://example.org/a_(b))":                {"https://example.org/a_(b)"},
		"HTTP://EXAMPLE.org, and mailto:a@b.example": {"HTTP://EXAMPLE.org", "mailto:a@b.example"},
		"😀 https://example.org 😀":                    {"https://example.org"},
		"javascript:alert(1) data:text/html,x":       nil,
		"xhttps://example.org":                       nil,
		"https://":                                   nil,
		"https://a.example\u202ehttps://b.example":   {"https://a.example", "https://b.example"},
		"<https://a.example>":                        {"https://a.example"},
	} {
		units := utf16.Encode([]rune(text))
		var got []string
		for _, s := range Links(text) {
			got = append(got, s.URL)
			if at := string(utf16.Decode(units[s.Offset : s.Offset+s.Length])); at != s.URL {
				t.Errorf("%q: at %d+%d stands %q, not %q", text, s.Offset, s.Length, at, s.URL)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, p := range []Post{{Text: "hello"}, {Text: "x", ReplyTo: record.ID{1}}} {
		b, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Open(b)
		if err != nil {
			return
		}
		if _, err := p.Encode(); err != nil {
			t.Errorf("%+v was read and cannot be written: %v", p, err)
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add("see https://example.org/a(b), mailto:x@y 😀 http://x")
	f.Fuzz(func(t *testing.T, text string) {
		n, end := len(utf16.Encode([]rune(text))), 0
		for _, s := range Links(text) {
			if s.Offset < end || s.Length <= 0 || s.Offset+s.Length > n {
				t.Errorf("%q: %+v of %d", text, s, n)
			}
			end = s.Offset + s.Length
		}
	})
}
