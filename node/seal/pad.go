package seal

import (
	"bytes"
	"math/bits"
)

// padded returns the length to which n bytes are filled up: 64, 128, 256, 512,
// 1,024, and from there eight steps for each doubling. Short texts, which are
// most, fall into five classes; from 1 KiB on at most an eighth is added, because
// there bytes cost more than the eighth tells (as in Padmé, Nikitin et al., 2019).
func padded(n int) int {
	if n <= 64 {
		return 64
	}
	step := 1 << bits.Len(uint(n-1)) // the next power of two
	if step > 1024 {
		step /= 16
	}
	return (n + step - 1) / step * step
}

// pad appends 0x80 and zeros (ISO/IEC 7816-4).
func pad(text []byte) []byte {
	out := make([]byte, padded(len(text)+1), padded(len(text)+1)+tagSize)
	copy(out, text)
	out[len(text)] = 0x80
	return out
}

func unpad(b []byte) ([]byte, bool) {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 || b[len(b)-1] != 0x80 {
		return nil, false
	}
	return b[:len(b)-1], true
}
