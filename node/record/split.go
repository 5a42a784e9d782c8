package record

import "fmt"

// split takes the outer array of a record apart without copying: three byte
// strings, or two and null. It is on the path of every message, also of those
// that gossip brings a second time, so it does not go through the general decoder.
func split(raw []byte) (header, sig, body []byte, hasBody bool, err error) {
	rest := raw
	if len(rest) == 0 || rest[0] != 0x83 { // array of 3
		return nil, nil, nil, false, fmt.Errorf("%w: not an array of three", ErrForm)
	}
	rest = rest[1:]
	if header, rest, err = byteString(rest); err != nil {
		return nil, nil, nil, false, err
	}
	if sig, rest, err = byteString(rest); err != nil {
		return nil, nil, nil, false, err
	}
	if len(rest) == 1 && rest[0] == 0xf6 { // null
		return header, sig, nil, false, nil
	}
	if body, rest, err = byteString(rest); err != nil {
		return nil, nil, nil, false, err
	}
	if len(rest) != 0 {
		return nil, nil, nil, false, fmt.Errorf("%w: %d bytes behind the record", ErrForm, len(rest))
	}
	return header, sig, body, true, nil
}

// byteString reads one definite-length CBOR byte string in its shortest form
// (RFC 8949 §3.1, §4.2.1) of at most 2^24 bytes.
func byteString(b []byte) (s, rest []byte, err error) {
	bad := func() ([]byte, []byte, error) { return nil, nil, fmt.Errorf("%w: byte string", ErrForm) }
	if len(b) == 0 || b[0]>>5 != 2 {
		return bad()
	}
	n, head := int(b[0]&0x1f), 1
	switch {
	case n < 24:
	case n == 24 && len(b) >= 2 && b[1] >= 24:
		n, head = int(b[1]), 2
	case n == 25 && len(b) >= 3 && b[1] != 0:
		n, head = int(b[1])<<8|int(b[2]), 3
	case n == 26 && len(b) >= 5 && b[1] == 0 && b[2] != 0:
		n, head = int(b[2])<<16|int(b[3])<<8|int(b[4]), 5
	default:
		return bad()
	}
	if len(b)-head < n {
		return bad()
	}
	return b[head : head+n : head+n], b[head+n:], nil
}

// headerFields is how many fields a header has.
const headerFields = 10

// headerReader reads the parts of a header, each in its shortest form only (RFC
// 8949 §4.2.1). After something else bad is set, and what it returns is zero.
type headerReader struct {
	rest []byte
	bad  bool
}

// head reads the initial byte and the argument of an item of one major type.
func (r *headerReader) head(major byte) uint64 {
	if r.bad || len(r.rest) == 0 || r.rest[0]>>5 != major {
		r.bad = true
		return 0
	}
	info := r.rest[0] & 0x1f
	r.rest = r.rest[1:]
	if info < 24 {
		return uint64(info)
	}
	size := 1 << (info - 24) // bytes of the argument: 1, 2, 4, 8
	if info > 27 || len(r.rest) < size {
		r.bad = true
		return 0
	}
	var v uint64
	for _, c := range r.rest[:size] {
		v = v<<8 | uint64(c)
	}
	r.rest = r.rest[size:]
	if size == 1 && v < 24 || size > 1 && v>>(4*size) == 0 { // would have fitted in less
		r.bad = true
	}
	return v
}

func (r *headerReader) uint() uint64 { return r.head(0) }

func (r *headerReader) array() uint64 { return r.head(4) }

func (r *headerReader) bytes() []byte {
	n := r.head(2)
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *headerReader) bytes32() (b [32]byte) {
	if s := r.bytes(); len(s) == 32 {
		return [32]byte(s)
	}
	r.bad = true
	return b
}
