package reconcile

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// Numbers on the wire: negentropy-protocol-v1.md, "Message" and "Range".
const (
	version = 0x61

	modeSkip        = 0 // nothing to be said about the range
	modeFingerprint = 1 // the fingerprint of the sender's items in the range
	modeList        = 2 // the ids of all of them
)

// maxRanges bounds what one message can make the reader do: each range costs at
// least one sum. A frame of 60 KiB holds some 3,000 fingerprints.
const maxRanges = 4096

// The most bytes that parts of a message take.
const (
	idSize    = len(ID{})
	boundSize = 10 + 1 + idSize               // time, length, id
	skipSize  = boundSize + 1                 // bound, mode
	printSize = skipSize + boundSize + 1 + 16 // a gap, then bound, mode, fingerprint
	listSize  = skipSize + boundSize + 1 + 10 // a gap, then bound, mode, count; ids come on top
)

// claim is what a message says about one range.
type claim struct {
	Range
	mode  uint64
	print Fingerprint // in mode fingerprint
	ids   []byte      // in mode list: the ids, one after the other, in the message's memory
}

// parse reads a whole message. The claims are adjacent, from the beginning up to
// the end or to where the message stops, and may be empty ranges.
func parse(msg []byte) ([]claim, error) {
	if len(msg) == 0 || len(msg) > maxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(msg))
	}
	if msg[0]&0xf0 != version&0xf0 {
		return nil, fmt.Errorf("%w: does not begin with a version", ErrMessage)
	}
	if msg[0] != version {
		return nil, fmt.Errorf("%w: %#x", ErrVersion, msg[0])
	}
	r := reader{rest: msg[1:]}
	var claims []claim
	for len(r.rest) > 0 {
		c := r.claim()
		if r.bad != "" {
			return nil, fmt.Errorf("%w: range %d: %s", ErrMessage, len(claims), r.bad)
		}
		if len(claims) == maxRanges {
			return nil, fmt.Errorf("%w: more than %d ranges", ErrMessage, maxRanges)
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// reader takes a message apart. After the first fault, bad says what it was and
// the rest is empty.
type reader struct {
	rest []byte
	at   Bound // up to where the message was read
	bad  string
}

func (r *reader) fail(why string) {
	if r.bad == "" {
		r.bad = why
	}
	r.rest = nil
}

func (r *reader) claim() claim {
	c := claim{Range: Range{From: r.at}}
	c.To = r.bound()
	c.mode = r.varint()
	switch c.mode {
	case modeSkip:
	case modeFingerprint:
		copy(c.print[:], r.take(uint64(len(c.print))))
	case modeList:
		n := r.varint()
		if n > uint64(len(r.rest)/idSize) {
			r.fail("more ids than bytes")
			return c
		}
		c.ids = r.take(n * uint64(idSize))
		if n > 0 && c.empty() {
			r.fail("ids in an empty range")
		}
	default:
		r.fail("unknown mode")
	}
	return c
}

func (r *reader) bound() Bound {
	time, length := r.varint(), r.varint()
	if length > uint64(idSize) {
		r.fail("id prefix too long")
		return Bound{}
	}
	prefix := r.take(length)
	next := Bound{End: time == 0}
	switch {
	case next.End && length > 0:
		r.fail("id prefix at infinity")
	case next.End:
	case r.at.End:
		r.fail("bound after infinity")
	case time-1 > uint64(MaxTime-r.at.Time):
		r.fail("time too late")
	default:
		next.Time = r.at.Time + int64(time-1)
		copy(next.ID[:], prefix) // the bytes left out are zero
	}
	if next.Compare(r.at) < 0 {
		r.fail("bounds go back")
	}
	r.at = next
	return next
}

// varint reads digits to the base of 128, the most significant first.
func (r *reader) varint() uint64 {
	var n uint64
	for i, b := range r.rest {
		if n > math.MaxUint64>>7 || i == 0 && b == 0x80 {
			break // too large, or begins with a zero that means nothing
		}
		n = n<<7 | uint64(b&0x7f)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail("bad number")
	return 0
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("ends too early")
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func appendVarint(buf []byte, n uint64) []byte {
	var digits [10]byte
	at := len(digits) - 1
	digits[at] = byte(n & 0x7f)
	for n >>= 7; n > 0; n >>= 7 {
		at--
		digits[at] = byte(n&0x7f) | 0x80
	}
	return append(buf, digits[at:]...)
}

// writer makes a message. Ranges are written in ascending order; gaps between
// them become skips.
type writer struct {
	buf []byte
	at  Bound // up to where the message was written
}

func newWriter() writer { return writer{buf: []byte{version}} }

func (w *writer) fingerprint(r Range, f Fingerprint) {
	w.head(r, modeFingerprint)
	w.buf = append(w.buf, f[:]...)
}

func (w *writer) list(r Range, items []Item) {
	w.head(r, modeList)
	w.buf = appendVarint(w.buf, uint64(len(items)))
	w.buf = slices.Grow(w.buf, len(items)*idSize)
	for _, i := range items {
		w.buf = append(w.buf, i.ID[:]...)
	}
}

func (w *writer) head(r Range, mode byte) {
	if w.at.Compare(r.From) < 0 {
		w.bound(r.From)
		w.buf = append(w.buf, modeSkip)
	}
	w.bound(r.To)
	w.buf = append(w.buf, mode)
}

func (w *writer) bound(b Bound) {
	if b.End {
		w.buf = append(w.buf, 0, 0)
		w.at = End()
		return
	}
	w.buf = appendVarint(w.buf, uint64(b.Time-w.at.Time)+1)
	prefix := bytes.TrimRight(b.ID[:], "\x00")
	w.buf = appendVarint(w.buf, uint64(len(prefix)))
	w.buf = append(w.buf, prefix...)
	w.at = b
}
