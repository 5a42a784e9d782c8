package seal

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The first byte of a body: the version in its upper half, and below it which
// parts follow, in this order (PROTOCOL.md §11.1).
const (
	bodyVersion = 1 << 4
	hasPrekey   = 1
	hasEpoch    = 2
	hasMessage  = 4
	hasPast     = 8
)

// body is what one record of a sealed topic carries.
type body struct {
	prekey  []byte // a public key, or nil
	epoch   *epochPart
	message *message
	past    *pastPart
}

// epochPart is one body's part of an epoch: the whole context, and some entries.
type epochPart struct {
	id      EpochID
	started int64
	members []Writer
	offset  int // of the first entry among the members without the starter
	entries []entry
}

// entry is the secret, sealed to one member.
type entry struct {
	prekey prekeyID
	sealed []byte
}

type message struct {
	ref    Ref
	index  uint16
	nonce  []byte
	sealed []byte
}

type pastPart struct {
	to     Writer
	prekey prekeyID
	sealed []byte
}

const (
	messageOverhead = 16 + 2 + nonceSize + tagSize
	epochOverhead   = 32 + 8 + 2 + 2 + 2
	pastOverhead    = 32 + 8
)

func (p *epochPart) size() int {
	return epochOverhead + 32*len(p.members) + entrySize*len(p.entries)
}

func (b *body) size() int {
	n := 1 + len(b.prekey)
	if b.epoch != nil {
		n += b.epoch.size()
	}
	return n
}

func (b *body) encode() []byte {
	out := []byte{bodyVersion}
	if b.prekey != nil {
		out[0] |= hasPrekey
		out = append(out, b.prekey...)
	}
	if e := b.epoch; e != nil {
		out[0] |= hasEpoch
		out = append(out, e.id[:]...)
		out = appendTime(out, e.started)
		out = appendWriters(out, e.members)
		out = binary.BigEndian.AppendUint16(out, uint16(e.offset))
		out = binary.BigEndian.AppendUint16(out, uint16(len(e.entries)))
		for _, n := range e.entries {
			out = append(append(out, n.prekey[:]...), n.sealed...)
		}
	}
	if m := b.message; m != nil {
		out[0] |= hasMessage
		out = append(out, m.ref[:]...)
		out = binary.BigEndian.AppendUint16(out, m.index)
		out = append(append(out, m.nonce...), m.sealed...)
	}
	if p := b.past; p != nil {
		out[0] |= hasPast
		out = append(append(append(out, p.to[:]...), p.prekey[:]...), p.sealed...)
	}
	return out
}

// parse reads a body from anybody. What it returns points into raw.
func parse(raw []byte) (*body, error) {
	if len(raw) == 0 || len(raw) > MaxBody {
		return nil, fmt.Errorf("%w: %d bytes", ErrForm, len(raw))
	}
	if raw[0]&0xf0 != bodyVersion {
		return nil, fmt.Errorf("%w: %d", ErrVersion, raw[0]>>4)
	}
	r := &reader{b: raw}
	has := r.u8() &^ bodyVersion
	if has == 0 || has > hasPast {
		return nil, fmt.Errorf("%w: begins with %#x", ErrForm, raw[0])
	}
	var b body
	if has&hasPrekey != 0 {
		b.prekey = r.bytes(publicSize)
	}
	if has&hasEpoch != 0 {
		b.epoch = parseEpoch(r)
	}
	if has&hasMessage != 0 {
		b.message = &message{ref: Ref(r.bytes(16)), index: r.u16(), nonce: r.bytes(nonceSize), sealed: r.rest()}
		n := len(b.message.sealed) - tagSize
		r.bad = r.bad || n < 64 || padded(n) != n || b.message.index >= chainLength
	}
	if has&hasPast != 0 {
		b.past = &pastPart{to: Writer(r.key()), prekey: prekeyID(r.bytes(8)), sealed: r.rest()}
		r.bad = r.bad || len(b.past.sealed) < encSize+tagSize
	}
	if !r.whole() {
		return nil, ErrForm
	}
	return &b, nil
}

func parseEpoch(r *reader) *epochPart {
	e := &epochPart{id: EpochID(r.key()), started: r.time()}
	e.members = r.writers(int(r.u16()))
	e.offset = int(r.u16())
	n := int(r.u16())
	if len(e.members) == 0 || e.offset+n > len(e.members)-1 || n*entrySize > r.left() {
		r.bad = true
		return e
	}
	for range n {
		e.entries = append(e.entries, entry{prekeyID(r.bytes(8)), r.bytes(entrySize - 8)})
	}
	return e
}

// Check says whether a body has the form of this version; the errors are
// ErrForm and ErrVersion.
// It knows no keys, so that a mirror can ask it too.
func Check(raw []byte) error {
	_, err := parse(raw)
	return err
}

// RefOf returns the epoch under which a body's text is sealed, so that a caller
// can find it again when News names that epoch; false when it holds no text.
func RefOf(raw []byte) (Ref, bool) {
	b, err := parse(raw)
	if err != nil || b.message == nil {
		return Ref{}, false
	}
	return b.message.ref, true
}

// place is the position of w's entry among the members without the starter.
func (p *epochPart) place(w, starter Writer) (int, bool) {
	at, ok := position(p.members, w)
	if !ok || w == starter {
		return 0, false
	}
	if before, found := position(p.members, starter); found && before < at {
		at--
	}
	return at, true
}

func position(sorted []Writer, w Writer) (int, bool) {
	return slices.BinarySearchFunc(sorted, w, Writer.compare)
}
