package identity

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxName is the length in bytes of UTF-8 of the longest name of a person, the
// same as of a topic.
const MaxName = 128

// CleanName makes of any text a name that an introduction or a link can carry
// (PROTOCOL.md §3.4): one line without surrounding space, without control and
// direction-changing characters, cut to MaxName bytes. It may be empty.
func CleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unsafeInName(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(s)
	for len(s) > MaxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// checkName reports what CleanName would change.
func checkName(s string) error {
	if s != CleanName(s) {
		return fmt.Errorf("%w: a name must be one line of ordinary text of at most %d bytes", ErrForm, MaxName)
	}
	return nil
}

// unsafeInName names the characters by which one name can pass for another or
// change the text around it: controls, line and paragraph separators, bidi overrides.
func unsafeInName(r rune) bool {
	return r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 ||
		(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfeff
}
