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
