package topic

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind says who may write in a topic. The numbers are on the wire.
type Kind uint8

// Kinds of topics.
const (
	Broadcast Kind = 1 // who was granted a role writes, anybody reads
	Open      Kind = 2 // anybody writes and reads
	Private   Kind = 3 // members write and read, sealed
	Direct    Kind = 4 // two people write and read, sealed
)

// kinds are those of this version.
var kinds = [...]Kind{Broadcast, Open, Private, Direct}

// IsKnown reports whether this version knows k.
func (k Kind) IsKnown() bool { return slices.Contains(kinds[:], k) }

// IsSealed reports whether only members can read.
func (k Kind) IsSealed() bool { return k == Private || k == Direct }

func (k Kind) String() string {
	switch k {
	case Broadcast:
		return "broadcast"
	case Open:
		return "open"
	case Private:
		return "private"
	case Direct:
		return "direct"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Role is what a key may do. The numbers are on the wire, a higher one may do
// all that a lower one may, and rules over lower ones only.
type Role uint8

// Roles.
const (
	Reader Role = 0
	Writer Role = 1 // posts
	Admin  Role = 2 // grants and revokes writers, changes settings
	Owner  Role = 3 // grants and revokes admins
	root   Role = 4 // the genesis key itself, which may stay offline
)

func (r Role) String() string {
	switch r {
	case Reader:
		return "reader"
	case Writer:
		return "writer"
	case Admin:
		return "admin"
	case Owner, root:
		return "owner"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// Limits of texts, in bytes of UTF-8.
const (
	MaxName        = 128
	MaxDescription = 2048
)

// CleanName checks a name of a person or topic: UTF-8, one line, not empty, no
// control or direction-changing characters, at most MaxName bytes. It returns
// it without surrounding space.
func CleanName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", fmt.Errorf("%w: a name must not be empty", ErrText)
	case len(s) > MaxName:
		return "", fmt.Errorf("%w: the name is %d bytes long, at most %d", ErrText, len(s), MaxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unsafeInName):
		return "", fmt.Errorf("%w: a name must be one line of ordinary text", ErrText)
	}
	return s, nil
}

// CleanDescription is CleanName for a description, which may be empty and have several lines.
func CleanDescription(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case len(s) > MaxDescription:
		return "", fmt.Errorf("%w: the description is %d bytes long, at most %d", ErrText, len(s), MaxDescription)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && unsafeInName(r) }):
		return "", fmt.Errorf("%w: a description must be ordinary text", ErrText)
	}
	return s, nil
}

// unsafeInName names the characters by which one name can pass for another or
// change the text around it: controls, line and paragraph separators, bidi overrides.
func unsafeInName(r rune) bool {
	return r < 0x20 || (r >= 0x7f && r < 0xa0) || r == 0x2028 || r == 0x2029 ||
		(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0xfeff
}
