package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"\x1b[31mred\x1b[0m":       "[31mred[0m",
		"\x1b]0;title\x07":         "]0;title",
		"c1 \u009b31m":             "c1 31m",
		"a\nb\tc\rd\u2028e\u0085f": "a b c d e f",
		"bidi \u202egnp.exe\u2066": "bidi gnp.exe",
		"del\x7f nul\x00":          "del nul",
		"bad \xff utf8":            "bad \ufffd utf8",
		"family 👨\u200d👩, می\u200cخواهم": "family 👨\u200d👩, می\u200cخواهم",
		"tag\U000e0041 zwsp\u200b":       "tag zwsp",
	} {
		if got := line(in); got != want {
			t.Errorf("line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParagraph(t *testing.T) {
	got := paragraph("one\r\n12:00 boss: you are fired\u2028\x1b[2Jthree\vfour", "  ")
	if want := "one\n  12:00 boss: you are fired\n  [2Jthree\n  four"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWriteJSON(t *testing.T) {
	in := map[string]string{"text": "a\u009b \u202e \U000e0041 \n \x1b <&> é 👨\u200d👩"}
	var b bytes.Buffer
	writeJSON(&b, in)
	harmless(t, strings.TrimSuffix(b.String(), "\n"))
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["text"] != in["text"] {
		t.Errorf("%s gives %q, %v", b.String(), out, err)
	}
	if !strings.Contains(b.String(), "<&> é") {
		t.Errorf("%s is escaped more than needed", b.String())
	}
}

// FuzzTerminal shows that nothing gets through that a terminal obeys, and that
// JSON means the same as before.
func FuzzTerminal(f *testing.F) {
	for _, s := range []string{"", "a\x1b[0m", "\u202e\u2066", "a\nb", "\xff\xc2", "\u009b", "\U000e0041", "\u200d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		harmless(t, line(s))
		for i, l := range strings.Split(paragraph(s, "\t"), "\n") {
			rest, indented := strings.CutPrefix(l, "\t")
			if i > 0 && !indented {
				t.Errorf("line %d of %q is not indented", i, s)
			}
			harmless(t, rest)
		}
		var b bytes.Buffer
		writeJSON(&b, s)
		harmless(t, strings.TrimSuffix(b.String(), "\n"))
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	})
}

func harmless(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			t.Errorf("%q holds %U", s, r)
		}
	}
}
