package seal

import "encoding/binary"

// reader takes numbers and bytes from the front of a slice. Once something was
// missing it stays bad and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, min(max(n, 0), 64))
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() uint8    { return r.bytes(1)[0] }
func (r *reader) u16() uint16  { return binary.BigEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32  { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) u64() uint64  { return binary.BigEndian.Uint64(r.bytes(8)) }
func (r *reader) key() (k key) { copy(k[:], r.bytes(32)); return k }
func (r *reader) rest() []byte { return r.bytes(len(r.b)) }
func (r *reader) whole() bool  { return !r.bad && len(r.b) == 0 }
func (r *reader) left() int    { return len(r.b) }

func (r *reader) flag() bool {
	v := r.u8()
	r.bad = r.bad || v > 1
	return v == 1
}

// time reads what is never negative.
func (r *reader) time() (t int64) {
	if t = int64(r.u64()); t < 0 {
		r.bad = true
	}
	return t
}

// writers reads a list in strictly ascending order.
func (r *reader) writers(n int) []Writer {
	if n > MaxMembers || n*32 > len(r.b) {
		r.bad = true
		return nil
	}
	out := make([]Writer, n)
	for i := range out {
		out[i] = Writer(r.key())
		if i > 0 && string(out[i-1][:]) >= string(out[i][:]) {
			r.bad = true
		}
	}
	return out
}

func appendTime(b []byte, t int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(t)) }

func appendFlag(b []byte, f bool) []byte {
	if f {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendWriters(b []byte, ws []Writer) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(ws)))
	for _, w := range ws {
		b = append(b, w[:]...)
	}
	return b
}
