package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Sum stands for a number of items, in any order. Sums of parts add up to the sum
// of the whole, so that a store can keep them for its blocks. The zero value is
// the sum of no items.
type Sum struct {
	Count uint64
	Total [32]byte // of the ids as little-endian numbers, modulo 2^256
}

// Fingerprint is the digest of a [Sum] that messages carry.
type Fingerprint [16]byte

// Add adds one item by its id.
func (s *Sum) Add(id ID) { s.AddSum(Sum{Count: 1, Total: id}) }

// AddSum adds the items of o.
func (s *Sum) AddSum(o Sum) {
	s.Count += o.Count
	var carry uint64
	for at := 0; at < len(s.Total); at += 8 {
		word, other := s.Total[at:at+8], binary.LittleEndian.Uint64(o.Total[at:])
		var sum uint64
		sum, carry = bits.Add64(binary.LittleEndian.Uint64(word), other, carry)
		binary.LittleEndian.PutUint64(word, sum)
	}
}

// Sub takes the items of o away, all of which s must hold.
func (s *Sum) Sub(o Sum) {
	s.Count -= o.Count
	var borrow uint64
	for at := 0; at < len(s.Total); at += 8 {
		word, other := s.Total[at:at+8], binary.LittleEndian.Uint64(o.Total[at:])
		var diff uint64
		diff, borrow = bits.Sub64(binary.LittleEndian.Uint64(word), other, borrow)
		binary.LittleEndian.PutUint64(word, diff)
	}
}

// Fingerprint returns the first half of SHA-256 over the total and the count
// ("Fingerprint Algorithm" of the negentropy protocol).
func (s Sum) Fingerprint() Fingerprint {
	hash := sha256.Sum256(appendVarint(s.Total[:], s.Count))
	return Fingerprint(hash[:])
}
