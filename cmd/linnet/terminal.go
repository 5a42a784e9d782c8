package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// What peers wrote is hostile: a terminal obeys escape sequences, and bidi
// controls make text read as something else than it is. Everything that is
// printed for people goes through line or paragraph.

// line returns s fit for one line of a terminal: line breaks and tabs become
// spaces, controls and invisible formatting vanish.
func line(s string) string { return strings.Map(printable, s) }

// paragraph returns s fit for a terminal with its line breaks kept, each further
// line behind indent, so that no line of it can pass for one of ours.
func paragraph(s, indent string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = line(lines[i])
	}
	return strings.Join(lines, "\n"+indent)
}

// printable maps a rune to what is shown of it, -1 for nothing.
func printable(r rune) rune {
	switch {
	case r == '\n', r == '\r', r == '\t', r == '\u0085', r == '\u2028', r == '\u2029':
		return ' '
	case r == '\u200c', r == '\u200d': // joiners: Persian, Indic scripts and emoji need them
		return r
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return -1
	}
	return r // bytes that are no UTF-8 have become U+FFFD
}

// writeJSON writes v as one line of JSON. Controls that a terminal would obey
// stand there as \u escapes, which mean the same to whoever parses it.
func writeJSON(w io.Writer, v any) {
	var plain, b strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false) // no page reads this
	if err := e.Encode(v); err != nil {
		panic(err) // plain structs always encode
	}
	for _, r := range plain.String() {
		switch {
		case r == '\n' || printable(r) == r: // the only break is the one at the end
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	_, _ = io.WriteString(w, b.String()) // nobody is left to tell
}
