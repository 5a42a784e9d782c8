package topic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/linnet-im/linnet/node/record"
)

// MaxHeads is how many chains one checkpoint names at most.
const MaxHeads = 800

// Head is a place in a chain: that all up to Seq exist, and which one is there.
type Head struct {
	Writer record.Writer
	Seq    uint64
	ID     record.ID
}

// headSize is the length of an encoded head: writer 32, seq 8 big-endian, id 32.
const headSize = 72

// Checkpoint says how much there is: each chain's head, as its author has it,
// complete from the first record on.
type Checkpoint struct {
	Number uint64 // 1, 2, 3… of its author
	Posts  uint64 // that its author has
	Chains uint64 // that its author knows; Heads may name fewer
	Heads  []Head // ascending by writer, at most MaxHeads
}

type checkpointBody struct {
	Number uint64 `cbor:"1,keyasint"`
	Posts  uint64 `cbor:"2,keyasint"`
	Chains uint64 `cbor:"3,keyasint"`
	Heads  []byte `cbor:"4,keyasint"`
}

// Encode is the body of the checkpoint's record. It sorts c.Heads and leaves
// out those above MaxHeads.
func (c Checkpoint) Encode() ([]byte, error) {
	slices.SortFunc(c.Heads, func(a, b Head) int { return bytes.Compare(a.Writer[:], b.Writer[:]) })
	b := checkpointBody{Number: c.Number, Posts: c.Posts, Chains: c.Chains, Heads: []byte{}}
	for _, h := range c.Heads[:min(len(c.Heads), MaxHeads)] {
		b.Heads = append(b.Heads, h.Writer[:]...)
		b.Heads = binary.BigEndian.AppendUint64(b.Heads, h.Seq)
		b.Heads = append(b.Heads, h.ID[:]...)
	}
	return record.EncodeBody(b)
}

// OpenCheckpoint reads the body of a checkpoint record. The error matches ErrOp.
func OpenCheckpoint(r *record.Record) (c Checkpoint, err error) {
	var b checkpointBody
	if err := openBody(r, &b); err != nil {
		return c, err
	}
	if b.Number == 0 || len(b.Heads)%headSize != 0 || len(b.Heads) > MaxHeads*headSize {
		return c, fmt.Errorf("%w: checkpoint", ErrOp)
	}
	c = Checkpoint{Number: b.Number, Posts: b.Posts, Chains: b.Chains}
	for raw := b.Heads; len(raw) > 0; raw = raw[headSize:] {
		h := Head{Writer: record.Writer(raw[:32]), Seq: binary.BigEndian.Uint64(raw[32:]), ID: record.ID(raw[40:headSize])}
		if n := len(c.Heads); h.Seq == 0 || n > 0 && bytes.Compare(c.Heads[n-1].Writer[:], h.Writer[:]) >= 0 {
			return c, fmt.Errorf("%w: heads of a checkpoint", ErrOp)
		}
		c.Heads = append(c.Heads, h)
	}
	return c, nil
}
