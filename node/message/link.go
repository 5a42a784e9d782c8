package message

import (
	"net/url"
	"regexp"
	"strings"
)

// Span is a link inside a text. Offset and Length count UTF-16 code units, as
// pages do.
type Span struct {
	Offset, Length int
	URL            string // http, https or mailto
}

// maxLinks bounds the links that one text shows.
const maxLinks = 100

var linkLike = regexp.MustCompile(`(?i)\b(?:https?://|mailto:)[^\s<>"'` + "`" + `\x{0000}-\x{001f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]+`)

// Links finds the web and mail addresses that are written out in text. They are
// found by the reader, so a writer cannot make one text lead to another place.
func Links(text string) []Span {
	if !strings.Contains(text, ":") {
		return nil // most texts
	}
	var spans []Span
	at, units := 0, 0 // units = UTF-16 length of text[:at]
	for _, m := range linkLike.FindAllStringIndex(text, maxLinks) {
		found := trimLink(text[m[0]:m[1]])
		u, err := url.Parse(found)
		if err != nil || (u.Host == "" && u.Opaque == "") {
			continue
		}
		units += utf16Len(text[at:m[0]])
		at = m[0]
		spans = append(spans, Span{Offset: units, Length: utf16Len(found), URL: found})
	}
	return spans
}

// trimLink cuts what belongs to the sentence rather than to the address.
func trimLink(s string) string {
	for {
		t := strings.TrimRight(s, ".,;:!?*_~…»”’")
		if strings.HasSuffix(t, ")") && strings.Count(t, ")") > strings.Count(t, "(") {
			t = t[:len(t)-1]
		}
		if strings.HasSuffix(t, "]") && strings.Count(t, "]") > strings.Count(t, "[") {
			t = t[:len(t)-1]
		}
		if t == s {
			return s
		}
		s = t
	}
}

// utf16Len counts code units; an invalid byte is one, as it is on a page.
func utf16Len(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}
