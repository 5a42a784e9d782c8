package vault

import (
	"runtime"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// maxPassphrase bounds a passphrase in bytes.
const maxPassphrase = 1024

// cost is what one try of a passphrase costs.
type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

var (
	// defaultCost is the second recommendation of RFC 9106 §4.
	defaultCost = cost{memory: 64 << 10, passes: 3, lanes: 4}
	// maxCost bounds what a file may ask for.
	maxCost = cost{memory: 1 << 20, passes: 16, lanes: 16}
)

func (c cost) orDefault() cost {
	if c == (cost{}) {
		return defaultCost
	}
	return c
}

// within tells whether c is a cost that argon2 knows and that is at most limit.
func (c cost) within(limit cost) bool {
	return c.lanes >= 1 && c.lanes <= limit.lanes && c.passes >= 1 && c.passes <= limit.passes &&
		c.memory >= 8*uint32(c.lanes) && c.memory <= limit.memory
}

// derive makes the key of both slots from a passphrase. PROTOCOL.md §10.1
func derive(passphrase []byte, salt [saltSize]byte, c cost) []byte {
	return argon2.IDKey(passphrase, salt[:], c.passes, c.memory, c.lanes, KeySize)
}

func checkPassphrase(p []byte) error {
	if len(p) == 0 || len(p) > maxPassphrase {
		return ErrPassphraseForm
	}
	return nil
}

// Weak tells that a passphrase is so short or so monotonous that somebody who has the
// disk finds it soon: under 12 characters, or under 5 different ones. A false answer
// promises nothing: "correct horse" passes.
func Weak(passphrase []byte) bool {
	seen := map[rune]bool{}
	for _, r := range string(passphrase) {
		seen[r] = true
	}
	return utf8.RuneCount(passphrase) < 12 || len(seen) < 5
}

// Clear fills b with zeros. The package comment says what that is worth.
func Clear(b []byte) {
	clear(b)
	runtime.KeepAlive(b)
}
