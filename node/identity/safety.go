package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	safetyLabel = "linnet/safety-number/1"
	codeLabel   = "linnet/safety-code/1"
	codeScheme  = "LINNET-SAFETY:"
	codeVersion = "1"

	// safetyRounds makes a try at a number that looks alike 2^16 times as dear:
	// 30 digits are 99.7 bits, with the rounds about 2^115 hashes.
	safetyRounds = 1 << 16
	halfGroups   = 6
)

// SafetyNumber lets two people see that they have each other's account keys and
// nobody stands between them. It covers the two account keys and nothing else:
// a new device changes nothing, a new account changes it. Make it anew after
// either key changed (PROTOCOL.md §2.6).
//
// It has two forms. The 60 digits are read out over the phone: each person's 30
// depend on that person's key alone, so that both see the same twelve groups,
// and so that somebody in the middle needs two keys that each give a certain 30
// digits, not just any two that agree, which would take the square root of the work.
// The code is scanned when people meet; it carries a whole hash.
type SafetyNumber struct {
	groups       [2 * halfGroups]string
	mine, theirs [sha256.Size]byte
}

// NewSafetyNumber works out the number, some 25 to 50 ms: not for each row of a list.
func NewSafetyNumber(mine, theirs Key) SafetyNumber {
	a, b := safetyHalf(mine), safetyHalf(theirs)
	if strings.Join(a[:], "") > strings.Join(b[:], "") {
		a, b = b, a
	}
	s := SafetyNumber{mine: safetyCode(mine, theirs), theirs: safetyCode(theirs, mine)}
	copy(s.groups[copy(s.groups[:], a[:]):], b[:])
	return s
}

// Groups returns the twelve groups of five digits, the same for both people.
func (s SafetyNumber) Groups() [2 * halfGroups]string { return s.groups }

// String returns the groups with spaces between them.
func (s SafetyNumber) String() string { return strings.Join(s.groups[:], " ") }

// Code returns what to show as a QR code. Its characters are all of the QR
// alphanumeric set, which makes it small. Who knows neither key learns neither from it.
func (s SafetyNumber) Code() string {
	return codeScheme + codeVersion + ":" + codeText.EncodeToString(s.mine[:])
}

var codeText = base32.StdEncoding.WithPadding(base32.NoPadding)

// Comparison is what came of scanning somebody's code.
type Comparison uint8

// Outcomes of Compare. Only Match is good news, and only Different is bad.
const (
	Unreadable   Comparison = 0 // no code of a safety number, or damaged: scan again
	Match        Comparison = 1
	Different    Comparison = 2 // one of the two has another key for the other, or it is a third person's code
	OtherVersion Comparison = 3 // made by another version of Linnet: compare the digits, or update
	Own          Comparison = 4 // this side's own code: scan the other's screen
)

func (c Comparison) String() string {
	switch c {
	case Unreadable:
		return "unreadable"
	case Match:
		return "match"
	case Different:
		return "different"
	case OtherVersion:
		return "other version"
	case Own:
		return "own code"
	}
	return fmt.Sprintf("comparison %d", uint8(c))
}

// Compare holds the scanned text of the other's Code against what it must be.
func (s SafetyNumber) Compare(scanned string) Comparison {
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(scanned)), codeScheme)
	v, text, found := strings.Cut(rest, ":")
	if !ok || !found {
		return Unreadable
	}
	if v != codeVersion {
		return OtherVersion
	}
	if s.mine == s.theirs {
		return Unreadable // the zero value, or one account twice: nobody to compare with
	}
	b, err := codeText.DecodeString(text)
	switch {
	case err != nil || codeText.EncodeToString(b) != text || len(b) != sha256.Size:
		return Unreadable
	case bytes.Equal(b, s.theirs[:]):
		return Match
	case bytes.Equal(b, s.mine[:]):
		return Own
	}
	return Different
}

// safetyHalf is one account's 30 digits: SHA-512 of label and key, then
// safetyRounds times SHA-512 of the hash and the key; of the first 30 bytes each
// five, as a big-endian number modulo 100,000.
func safetyHalf(account Key) (groups [halfGroups]string) {
	hash := sha512.Sum512(append([]byte(safetyLabel), account[:]...))
	var round [sha512.Size + len(account)]byte
	copy(round[sha512.Size:], account[:])
	for range safetyRounds {
		copy(round[:], hash[:])
		hash = sha512.Sum512(round[:])
	}
	for i := range groups {
		var n [8]byte
		copy(n[3:], hash[5*i:5*i+5])
		groups[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint64(n[:])%100_000)
	}
	return groups
}

// safetyCode is what from shows to to.
func safetyCode(from, to Key) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte(codeLabel), from[:]...), to[:]...))
}
