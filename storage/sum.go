package storage

import (
	"encoding/binary"
	"math/bits"
)

// Sum sums up records: how many there are, and the sum of their ids, taken as little-endian numbers, modulo 2^256.
// Two sets of records with the same Sum are the same for all that honest ids can do; whoever compares with strangers
// should mix in what they cannot choose.
type Sum struct {
	Count uint64
	Total [32]byte
}

// with returns s and o together.
func (s Sum) with(o Sum) Sum {
	s.Count += o.Count
	s.Total = addTotal(s.Total, o.Total)
	return s
}

// without returns s less o.
func (s Sum) without(o Sum) Sum {
	s.Count -= o.Count
	s.Total = subTotal(s.Total, o.Total)
	return s
}

func (s *Sum) add(id ID) { *s = s.with(Sum{Count: 1, Total: id}) }

func (s *Sum) sub(id ID) { *s = s.without(Sum{Count: 1, Total: id}) }

func addTotal(a, b [32]byte) (out [32]byte) {
	var carry, w uint64
	for i := 0; i < len(out); i += 8 {
		w, carry = bits.Add64(binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:]), carry)
		binary.LittleEndian.PutUint64(out[i:], w)
	}
	return out
}

func subTotal(a, b [32]byte) (out [32]byte) {
	var borrow, w uint64
	for i := 0; i < len(out); i += 8 {
		w, borrow = bits.Sub64(binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:]), borrow)
		binary.LittleEndian.PutUint64(out[i:], w)
	}
	return out
}
