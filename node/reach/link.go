package reach

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Limits of a bridge link.
const (
	MaxLinkText = 1024 // characters
	MaxLinkName = 128  // bytes
	MaxLinkAt   = 8    // addresses
	MaxDoor     = 255  // bytes
	maxLinkPeer = 64   // bytes of a peer id
)

// Errors of bridge links. Their texts, with what is wrapped around them, are for people.
var (
	ErrLink = errors.New("reach: broken bridge link")
	// ErrNotBridge means that a text holds no link, or one of another kind, which
	// other rooms may know.
	ErrNotBridge = errors.New("reach: not a bridge link")
	// ErrNewerLink means that the link is whole, but of a later version.
	ErrNewerLink = errors.New("reach: the bridge link was made by a newer Linnet, update this one")
)

// The frame of a bridge link. Like that of a contact link it is the same in every version.
const (
	linkScheme  = "linnet:"
	linkKind    = 'b' // a contact link begins with C, a topic link with a CBOR array, 0x80 to 0x9f
	linkVersion = 1
	linkHead    = 4 // kind, version, length of head and content (2, big-endian)
	linkCheck   = 4 // bytes of SHA-256 behind it, so that a mangled one is noticed

	maxTextAround = 64 << 10 // bytes of a text in which a link is looked for
)

// Link is what a bridge's owner gives somebody whose network is blocked
// (PROTOCOL.md §16.1). It is as secret as the pass in it.
type Link struct {
	Name string           // what the owner calls the bridge; may be empty
	Peer []byte           // binary peer id
	At   []netip.AddrPort // where it listens, 1 to MaxLinkAt; no zones
	Door []byte           // how to get in there, as a bridge address has it (§16.2); secret
}

// Text writes the link. The error matches ErrLink and says which limit is passed.
func (l Link) Text() (string, error) {
	if err := l.check(); err != nil {
		return "", err
	}
	b := append(make([]byte, linkHead), byte(len(l.Peer)))
	b = append(b, l.Peer...)
	b = append(append(b, byte(len(l.Name))), l.Name...)
	b = append(b, byte(len(l.At)))
	for _, at := range l.At {
		ip := at.Addr().AsSlice()
		b = append(append(b, byte(len(ip))), ip...)
		b = binary.BigEndian.AppendUint16(b, at.Port())
	}
	b = append(append(b, byte(len(l.Door))), l.Door...)
	b[0], b[1] = linkKind, linkVersion
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return frame(b), nil
}

// frame writes bytes that begin with a head as text.
func frame(b []byte) string {
	sum := sha256.Sum256(b)
	return linkScheme + base64.RawURLEncoding.EncodeToString(append(b, sum[:linkCheck]...))
}

// ParseLink finds the first bridge link in a text that may have words around it
// and breaks inside. The error matches ErrLink, ErrNotBridge or ErrNewerLink and
// says what is wrong in a way that helps.
func ParseLink(text string) (Link, error) {
	b, err := unframe(text)
	if err != nil {
		return Link{}, err
	}
	r := reader{rest: b[linkHead:]}
	l := Link{Peer: r.short(maxLinkPeer)}
	l.Name = string(r.short(MaxLinkName))
	for range r.count(MaxLinkAt) {
		ip, ok := netip.AddrFromSlice(r.short(16))
		r.bad = r.bad || !ok
		l.At = append(l.At, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(r.take(2))))
	}
	l.Door = r.short(MaxDoor)
	if r.bad || len(r.rest) > 0 {
		return Link{}, fmt.Errorf("%w: what is in it makes no sense", ErrLink)
	}
	return l, l.check()
}

// check holds the rules that a link fulfils whoever made it.
func (l Link) check() error {
	if _, err := peer.IDFromBytes(l.Peer); err != nil || len(l.Peer) > maxLinkPeer {
		return fmt.Errorf("%w: it names no bridge", ErrLink)
	}
	if len(l.Name) > MaxLinkName || !utf8.ValidString(l.Name) || l.Name != strings.TrimSpace(l.Name) || strings.ContainsFunc(l.Name, unsafeInName) {
		return fmt.Errorf("%w: the name in it is not a name", ErrLink)
	}
	if _, err := decodeDoor(l.Door); err != nil {
		return fmt.Errorf("%w: it does not say how to get in", ErrLink)
	}
	if len(l.At) == 0 || len(l.At) > MaxLinkAt {
		return fmt.Errorf("%w: it must have 1 to %d addresses", ErrLink, MaxLinkAt)
	}
	for _, at := range l.At {
		ip := at.Addr()
		if !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() || ip.IsUnspecified() || ip.IsMulticast() || at.Port() == 0 {
			return fmt.Errorf("%w: %s is not an address at which a bridge can be", ErrLink, at)
		}
	}
	return nil
}

// unsafeInName names the characters by which one name can pass for another or
// change the text around it, as PROTOCOL.md §3.4 has them.
func unsafeInName(r rune) bool {
	return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 ||
		(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfeff
}

// unframe returns the bytes of the first bridge link in a text, without the checksum.
func unframe(text string) ([]byte, error) {
	if len(text) > maxTextAround {
		return nil, fmt.Errorf("%w: the text is too long, copy the link alone", ErrNotBridge)
	}
	rest, ok := cutScheme(text)
	if !ok {
		return nil, fmt.Errorf("%w: a Linnet link begins with %q", ErrNotBridge, linkScheme)
	}
	for ; ok; rest, ok = cutScheme(rest) {
		chars := linkChars(strings.TrimLeft(rest, "/"))
		kind, err := base64.RawURLEncoding.DecodeString(chars[:min(len(chars), 2)])
		if err == nil && len(kind) == 1 && kind[0] == linkKind {
			return unframeChars(chars)
		}
	}
	return nil, fmt.Errorf("%w: the link leads to something else, or all of it is missing", ErrNotBridge)
}

func unframeChars(chars string) ([]byte, error) {
	head, err := base64.RawURLEncoding.DecodeString(chars[:min(len(chars), 6)])
	if err != nil || len(head) < linkHead {
		return nil, fmt.Errorf("%w: nearly all of it is missing, copy all of it", ErrLink)
	}
	length := int(binary.BigEndian.Uint16(head[2:]))
	need := base64.RawURLEncoding.EncodedLen(length + linkCheck)
	switch {
	case length < linkHead || need > MaxLinkText-len(linkScheme):
		return nil, errChanged
	case len(chars) < need:
		return nil, fmt.Errorf("%w: only %d of its %d characters are here; a program cut it, copy all of it", ErrLink, len(chars), need)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(chars[:need])
	if err != nil {
		return nil, errChanged
	}
	b, check := b[:length], b[length:]
	if sum := sha256.Sum256(b); !bytes.Equal(check, sum[:linkCheck]) {
		return nil, errChanged
	}
	if b[1] != linkVersion {
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
// mail and chat programs put between them.
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

// reader takes values from the front of bytes that anybody may have made. After
// the first that is not there, or is out of bounds, it is bad and gives zeroes.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// short reads at most max bytes behind their number.
func (r *reader) short(max int) []byte { return r.take(r.count(max)) }

// count reads a number of up to max things that follow.
func (r *reader) count(max int) int {
	n := int(r.take(1)[0])
	if n > max {
		r.bad = true
		return 0
	}
	return n
}
