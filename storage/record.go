package storage

import "encoding/hex"

// ID names one record. See the package comment for what it promises.
type ID [32]byte

// String is the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Space is a set of records that is ordered, counted and dropped together (a topic, a mailbox).
type Space [32]byte

// String is the space in hexadecimal.
func (sp Space) String() string { return hex.EncodeToString(sp[:]) }

// Chain names a sequence of records within a space (one writer's). The zero Chain is not valid in a record.
type Chain [32]byte

// String is the chain in hexadecimal.
func (ch Chain) String() string { return hex.EncodeToString(ch[:]) }

// Lane is 0 to MaxLane, chosen by the caller. Each lane of a space is an order of its own.
type Lane uint8

const (
	MaxLane Lane   = 15        // highest lane
	MaxSeq  uint64 = 1<<48 - 1 // highest seq of a record; keeps Stats.Missing from running over
	MaxData        = 512 << 10 // bytes of Record.Data
)

// Pos is a place in a lane: by time, then by id.
type Pos struct {
	Time int64 // milliseconds, 0 or more
	ID   ID
}

// Compare is -1 if p comes before q, 0 if they are the same, 1 if it comes after.
func (p Pos) Compare(q Pos) int {
	switch {
	case p.Time < q.Time:
		return -1
	case p.Time > q.Time:
		return 1
	}
	return compareBytes(p.ID[:], q.ID[:])
}

// Record is one immutable entry. Data that the store returns belongs to the caller.
type Record struct {
	Space Space
	Lane  Lane
	Chain Chain
	Seq   uint64 // 1 to MaxSeq, place in the chain
	Time  int64  // milliseconds, 0 or more
	ID    ID
	Data  []byte // at most MaxData
}

// Pos is the record's place in its lane.
func (r Record) Pos() Pos { return Pos{Time: r.Time, ID: r.ID} }

// Head sums up a chain: its record with the highest seq, and how many of the chain are here.
type Head struct {
	Seq   uint64
	ID    ID
	Time  int64
	Count uint64
}

// ChainHead is a chain with its head.
type ChainHead struct {
	Chain Chain
	Head
}

// Stats sums up a space. Missing is the sum over its chains of (head seq - count): the holes below the heads.
type Stats struct {
	Records uint64
	PerLane [MaxLane + 1]uint64
	Chains  uint64
	Missing uint64
}
