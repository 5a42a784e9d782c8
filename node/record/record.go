package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Limits of version 1 (PROTOCOL.md §1.3).
const (
	Version    = 1
	MaxBody    = 64 << 10 // bytes of a body
	MaxAfter   = 4        // ids in Header.After
	MaxHeader  = 512      // bytes of an encoded header
	MaxRecord  = MaxBody + MaxHeader + 128
	MaxAhead   = 10 * time.Minute // how far ahead of the clock a live record's time may be
	maxTime    = 1 << 47          // ms since 1970, the year 6429
	maxSeq     = 1 << 48
	maxKind    = 1 << 16
	signPrefix = "linnet/record/1" // domain of the signature
)

// Errors of Decode, Sign and Verify. All of them mean that the bytes are provably
// not a record of this version, whoever they come from.
var (
	ErrForm      = errors.New("record: malformed")
	ErrLimit     = errors.New("record: over a limit")
	ErrVersion   = errors.New("record: unknown version")
	ErrBody      = errors.New("record: body does not match its hash")
	ErrSignature = errors.New("record: wrong signature")
)

// Header is what a writer signs.
type Header struct {
	Topic  TopicID // zero in a genesis record, whose own id becomes the topic id
	Writer Writer  // set by Sign
	Seq    uint64  // 1, 2, 3… in the writer's chain
	Prev   ID      // the writer's record before this one; zero for Seq 1
	After  []ID    // newest records of other writers that the writer had seen, at most MaxAfter
	Time   int64   // milliseconds since 1970, never goes back within a chain
	Kind   Kind

	BodyLen  uint32   // set by Sign
	BodyHash [32]byte // SHA-256 of the body, set by Sign
}

// Record is one signed record. It is immutable: the slices that its methods
// return belong to it and must not be changed.
type Record struct {
	Header
	id      ID
	raw     []byte // the whole, as received
	header  []byte // signed bytes, inside raw
	sig     []byte // inside raw
	body    []byte // inside raw
	hasBody bool
}

// ID returns the record's id.
func (r *Record) ID() ID { return r.id }

// Bytes returns the record as it was signed or received, for storing and serving.
func (r *Record) Bytes() []byte { return r.raw }

// Body returns the body, and false where it was dropped.
func (r *Record) Body() ([]byte, bool) { return r.body, r.hasBody }

// TopicID returns the topic that r belongs to; for a genesis record that is its own id.
func (r *Record) TopicID() TopicID {
	if r.Kind == KindGenesis {
		return TopicID(r.id)
	}
	return r.Topic
}

// Sign makes the record that key's writer signs. It sets h.Writer, BodyLen and
// BodyHash itself and copies body.
func Sign(h Header, body []byte, key ed25519.PrivateKey) (*Record, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: body of %d bytes, at most %d", ErrLimit, len(body), MaxBody)
	}
	h.Writer = WriterOf(key)
	h.BodyLen, h.BodyHash = uint32(len(body)), sha256.Sum256(body)
	if err := h.check(); err != nil {
		return nil, err
	}
	header, err := encodeHeader(&h)
	if err != nil {
		return nil, err
	}
	if body == nil {
		body = []byte{} // nil would be a dropped body
	}
	raw, err := encodeRecord(header, ed25519.Sign(key, signed(header)), body)
	if err != nil {
		return nil, err
	}
	return Decode(raw)
}

// Verify checks the signature, about 50 µs. A record that a verified later one
// of its chain names through Prev needs no check of its own.
func (r *Record) Verify() error {
	if !ed25519.Verify(r.Writer[:], signed(r.header), r.sig) {
		return ErrSignature
	}
	return nil
}

// WithoutBody returns the same record with its body dropped. It still has its
// id, and its signature still verifies.
func (r *Record) WithoutBody() (*Record, error) {
	raw, err := encodeRecord(r.header, r.sig, nil)
	if err != nil {
		return nil, err
	}
	return Decode(raw)
}

// Follows reports whether r may stand directly behind prev in one chain
// (PROTOCOL.md §1.5).
func (r *Record) Follows(prev *Record) bool {
	return r.Writer == prev.Writer && r.TopicID() == prev.TopicID() &&
		r.Seq == prev.Seq+1 && r.Prev == prev.id && r.Time >= prev.Time
}

func signed(header []byte) []byte {
	return append([]byte(signPrefix), header...)
}

// check holds the rules that a header fulfils by itself.
func (h *Header) check() error {
	switch {
	case len(h.After) > MaxAfter:
		return fmt.Errorf("%w: %d ids in after, at most %d", ErrLimit, len(h.After), MaxAfter)
	case h.Seq == 0 || h.Seq >= maxSeq:
		return fmt.Errorf("%w: seq %d", ErrLimit, h.Seq)
	case h.Time < 0 || h.Time >= maxTime:
		return fmt.Errorf("%w: time %d", ErrLimit, h.Time)
	case h.BodyLen > MaxBody:
		return fmt.Errorf("%w: body of %d bytes, at most %d", ErrLimit, h.BodyLen, MaxBody)
	case h.Kind == 0:
		return fmt.Errorf("%w: kind 0", ErrForm)
	case (h.Seq == 1) != h.Prev.IsZero():
		return fmt.Errorf("%w: seq %d with prev %s", ErrForm, h.Seq, h.Prev)
	case (h.Kind == KindGenesis) != h.Topic.IsZero():
		return fmt.Errorf("%w: %s in topic %s", ErrForm, h.Kind, h.Topic)
	case h.Kind == KindGenesis && (h.Seq != 1 || len(h.After) > 0):
		return fmt.Errorf("%w: a genesis record is the first of its chain and follows nothing", ErrForm)
	}
	for i, a := range h.After {
		for _, b := range h.After[:i] {
			if a == b {
				return fmt.Errorf("%w: an id twice in after", ErrForm)
			}
		}
	}
	return nil
}
