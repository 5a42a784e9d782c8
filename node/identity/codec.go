package identity

import (
	"encoding/binary"
	"errors"
	"time"
)

// Errors of everything that is read here, except phrases and links, which have
// words of their own for people. All but ErrVersion mean that the bytes are
// provably wrong, whoever they come from.
var (
	ErrForm      = errors.New("identity: malformed")
	ErrVersion   = errors.New("identity: made by a newer Linnet")
	ErrSignature = errors.New("identity: wrong signature")
	ErrAccount   = errors.New("identity: of another account")
)

// version is the first byte of every statement.
const version = 1

// maxTime bounds a time in ms since 1970, as in a record.
const maxTime = 1 << 47

// signatureSize is the length in bytes of an Ed25519 signature.
const signatureSize = 64

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

func (r *reader) byte() byte           { return r.take(1)[0] }
func (r *reader) key() Key             { return Key(r.take(len(Key{}))) }
func (r *reader) sig() (s [64]byte)    { return [64]byte(r.take(signatureSize)) }
func (r *reader) short(max int) []byte { return r.take(r.count(max)) }

// count reads a number of up to max things that follow.
func (r *reader) count(max int) int {
	n := int(r.byte())
	if n > max {
		r.bad = true
		return 0
	}
	return n
}

func (r *reader) time() time.Time {
	ms := binary.BigEndian.Uint64(r.take(8))
	if ms >= maxTime {
		r.bad = true
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// whole reports whether everything was there and nothing is left.
func (r *reader) whole() bool { return !r.bad && len(r.rest) == 0 }

// open returns a reader of what stands behind the version byte.
func open(b []byte) (reader, error) {
	switch {
	case len(b) == 0 || b[0] == 0:
		return reader{}, ErrForm
	case b[0] != version:
		return reader{}, ErrVersion
	}
	return reader{rest: b[1:]}, nil
}

// appendTime writes t in whole milliseconds. A time that cannot be written,
// which only a broken clock shows, becomes the nearest that can.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(min(max(t.UnixMilli(), 0), maxTime-1)))
}

// appendShort writes at most 255 bytes behind their number.
func appendShort(b, s []byte) []byte {
	return append(append(b, byte(len(s))), s...)
}

// labelled is what is signed: a label for one purpose, then the bytes.
func labelled(label string, b []byte) []byte {
	return append([]byte(label), b...)
}
