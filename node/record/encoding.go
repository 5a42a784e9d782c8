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

func decodeHeader(b []byte) (*Header, error) {
	var w wireHeader
	if err := wire.dec.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("%w: header: %v", ErrForm, err)
	}
	if w.Version != Version {
		return nil, fmt.Errorf("%w: %d", ErrVersion, w.Version)
	}
	if len(w.Topic) != 32 || len(w.Writer) != 32 || len(w.BodyHash) != 32 || (len(w.Prev) != 32 && len(w.Prev) != 0) {
		return nil, fmt.Errorf("%w: length of a field", ErrForm)
	}
	if w.Seq >= maxSeq || w.Time >= maxTime || w.Kind >= maxKind || w.BodyLen > MaxBody || len(w.After) > MaxAfter {
		return nil, fmt.Errorf("%w: header", ErrLimit)
	}
	h := &Header{
		Topic: TopicID(w.Topic), Writer: Writer(w.Writer), Seq: w.Seq, Time: int64(w.Time),
		Kind: Kind(w.Kind), BodyLen: uint32(w.BodyLen), BodyHash: [32]byte(w.BodyHash),
	}
	if len(w.Prev) == 32 {
		h.Prev = ID(w.Prev)
	}
	for _, a := range w.After {
		if len(a) != 32 {
			return nil, fmt.Errorf("%w: length of an id in after", ErrForm)
		}
		h.After = append(h.After, ID(a))
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	// One header has one encoding: the decoder lets longer integers pass, we do not.
	again, err := encodeHeader(h)
	if err != nil || !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: header is not deterministic CBOR", ErrForm)
	}
	return h, nil
}
