package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
)

// The frame of a contact link: head, what the version says, checksum. It is the
// same in every version, so that a program can tell a broken link from a newer one.
const (
	linkScheme = "linnet:"
	linkKind   = 'C' // topic links begin with a CBOR array, 0x80 to 0x9f
	headSize   = 4   // kind, version, length of head and content (2, big-endian)
	checkSize  = 4   // bytes of SHA-256 behind it, so that a mangled one is noticed
	headText   = 6   // characters that hold the head

	maxTextAround = 64 << 10 // bytes of a text in which a link is looked for
)

func putHead(b []byte, length int) {
	b[0], b[1] = linkKind, version
	binary.BigEndian.PutUint16(b[2:], uint16(length))
}

// frame writes bytes that begin with a head as text.
func frame(b []byte) string {
	sum := sha256.Sum256(b)
	return linkScheme + base64.RawURLEncoding.EncodeToString(append(b, sum[:checkSize]...))
}

// unframe finds the first contact link in a text and returns its bytes without
// the checksum. Because the head says how long it is, white space that a program
// put into it is passed over, and letters that stick to its end do no harm.
func unframe(text string) ([]byte, error) {
	if len(text) > maxTextAround {
		return nil, fmt.Errorf("%w: the text is too long, copy the link alone", ErrNotContact)
	}
	rest, ok := cutScheme(text)
	if !ok {
		return nil, fmt.Errorf("%w: a Linnet link begins with %q", ErrNotContact, linkScheme)
	}
	for ; ok; rest, ok = cutScheme(rest) {
		chars := linkChars(strings.TrimLeft(rest, "/"))
		if isContact(chars) {
			return unframeChars(chars)
		}
	}
	return nil, fmt.Errorf("%w: the link leads to something else, or all of it is missing", ErrNotContact)
}

// isContact looks at the kind, which is in the first two characters.
func isContact(chars string) bool {
	b, err := base64.RawURLEncoding.DecodeString(chars[:min(len(chars), 2)])
	return err == nil && len(b) == 1 && b[0] == linkKind
}

func unframeChars(chars string) ([]byte, error) {
	if len(chars) < headText {
		return nil, fmt.Errorf("%w: nearly all of it is missing, copy all of it", ErrLink)
	}
	head, err := base64.RawURLEncoding.DecodeString(chars[:headText])
	if err != nil {
		return nil, errChanged
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	need := base64.RawURLEncoding.EncodedLen(length + checkSize)
	switch {
	case length < headSize:
		return nil, errChanged
	case need > MaxLinkText-len(linkScheme):
		return nil, fmt.Errorf("%w: it says that it has %d characters, at most %d are taken; was it changed on the way?", ErrLink, need, MaxLinkText)
	case len(chars) < need:
		return nil, fmt.Errorf("%w: only %d of its %d characters are here; a program cut it, copy all of it", ErrLink, len(chars), need)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(chars[:need])
	if err != nil {
		return nil, errChanged
	}
	b, check := b[:length], b[length:]
	if sum := sha256.Sum256(b); !bytes.Equal(check, sum[:checkSize]) {
		return nil, errChanged
	}
	if b[1] != version {
		return nil, ErrNewerLink
	}
	return b, nil
}

var errChanged = fmt.Errorf("%w: a character in it is wrong or missing, copy all of it again", ErrLink)

// cutScheme returns what stands behind the first "linnet:", in any case.
func cutScheme(text string) (rest string, ok bool) {
	for i := 0; i+len(linkScheme) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(linkScheme)], linkScheme) {
			return text[i+len(linkScheme):], true
		}
	}
	return "", false
}

// linkChars returns the characters of a link, at most MaxLinkText, without what
// mail and chat programs put between them: white space, invisible characters,
// and the mark of a quoted line.
func linkChars(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_':
			b.WriteRune(r)
		case !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && r != '>':
			return b.String()
		}
		if b.Len() >= MaxLinkText {
			break
		}
	}
	return b.String()
}
