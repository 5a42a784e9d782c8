package record

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// wireHeader is the array that is signed (PROTOCOL.md §1.1).
type wireHeader struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	Topic    []byte
	Writer   []byte
	Seq      uint64
	Prev     []byte
	After    [][]byte
	Time     uint64
	Kind     uint64
	BodyLen  uint64
	BodyHash []byte
}

// wireRecord is the array that travels and is stored (PROTOCOL.md §1.2).
type wireRecord struct {
	_      struct{} `cbor:",toarray"`
	Header []byte
	Sig    []byte
	Body   []byte // nil is CBOR null: the body was dropped
}

// codec pairs the two directions of CBOR; see newCodec.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var wire = newCodec()

// newCodec sets up deterministic CBOR (RFC 8949 §4.2.1) without tags, with small limits.
func newCodec() codec {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // constant options
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  4,
		MaxArrayElements: 64,
		MaxMapPairs:      16,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return codec{enc, dec}
}

func encodeHeader(h *Header) ([]byte, error) {
	after := make([][]byte, len(h.After))
	for i := range h.After {
		after[i] = h.After[i][:]
	}
	prev := h.Prev[:]
	if h.Prev.IsZero() {
		prev = []byte{}
	}
	return wire.enc.Marshal(wireHeader{
		Version: Version, Topic: h.Topic[:], Writer: h.Writer[:], Seq: h.Seq, Prev: prev, After: after,
		Time: uint64(h.Time), Kind: uint64(h.Kind), BodyLen: uint64(h.BodyLen), BodyHash: h.BodyHash[:],
	})
}

func encodeRecord(header, sig, body []byte) ([]byte, error) {
	return wire.enc.Marshal(wireRecord{Header: header, Sig: sig, Body: body})
}

// Decode reads a record from bytes that anybody may have made. It checks form,
// limits and body hash and computes the id; it does not check the signature
// (Verify) nor who may write. It keeps raw, which must not change afterwards.
func Decode(raw []byte) (*Record, error) {
	if len(raw) > MaxRecord {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrLimit, len(raw), MaxRecord)
	}
	header, sig, body, hasBody, err := split(raw)
	if err != nil {
		return nil, err
	}
	if len(header) > MaxHeader || len(sig) != 64 {
		return nil, fmt.Errorf("%w: header of %d bytes, signature of %d", ErrForm, len(header), len(sig))
	}
	h, err := decodeHeader(header)
	if err != nil {
		return nil, err
	}
	if hasBody && (uint32(len(body)) != h.BodyLen || sha256.Sum256(body) != h.BodyHash) {
		return nil, ErrBody
	}
	r := &Record{Header: *h, raw: raw, header: header, sig: sig, body: body, hasBody: hasBody}
	r.id = idOf(header, sig)
	return r, nil
}

// MessageID names a message on the wire: the record's id where raw has the form
// of a record whose body is its own, and a hash of all the bytes otherwise.
// So nobody can spend a record's id on a damaged copy that comes first.
func MessageID(raw []byte) string {
	if len(raw) <= MaxRecord {
		header, sig, body, hasBody, err := split(raw)
		if n := len(header) - sha256.Size; err == nil && hasBody && n > 0 {
			// The hash of the body is the last field of the header.
			if hash := sha256.Sum256(body); bytes.Equal(header[n:], hash[:]) {
				id := idOf(header, sig)
				return string(id[:])
			}
		}
	}
	hash := sha256.Sum256(raw)
	return "?" + string(hash[:])
}

func idOf(header, sig []byte) ID {
	hash := sha256.New()
	hash.Write(header)
	hash.Write(sig)
	return ID(hash.Sum(nil))
}

// decodeHeader reads a header. It is on the path of every record, and lets only
// the deterministic form pass, so it reads that form and nothing else.
func decodeHeader(b []byte) (*Header, error) {
	r := headerReader{rest: b}
	if r.array() != headerFields {
		return nil, fmt.Errorf("%w: header is not an array of %d", ErrForm, headerFields)
	}
	if v := r.uint(); !r.bad && v != Version {
		return nil, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	h := &Header{Topic: TopicID(r.bytes32()), Writer: Writer(r.bytes32()), Seq: r.uint()}
	if prev := r.bytes(); len(prev) == 32 {
		h.Prev = ID(prev)
		r.bad = r.bad || h.Prev.IsZero() // none is written as no bytes
	} else if len(prev) != 0 {
		r.bad = true
	}
	if n := r.array(); n > MaxAfter {
		return nil, fmt.Errorf("%w: %d ids in after, at most %d", ErrLimit, n, MaxAfter)
	} else if n > 0 {
		h.After = make([]ID, 0, n)
		for range n {
			h.After = append(h.After, ID(r.bytes32()))
		}
	}
	time, kind, length := r.uint(), r.uint(), r.uint()
	h.BodyHash = r.bytes32()
	if r.bad || len(r.rest) != 0 {
		return nil, fmt.Errorf("%w: header is not deterministic CBOR of the right shape", ErrForm)
	}
	if time >= maxTime || kind >= maxKind || length > MaxBody {
		return nil, fmt.Errorf("%w: header", ErrLimit)
	}
	h.Time, h.Kind, h.BodyLen = int64(time), Kind(kind), uint32(length)
	if err := h.check(); err != nil {
		return nil, err
	}
	return h, nil
}
