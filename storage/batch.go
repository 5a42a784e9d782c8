package storage

import (
	"bytes"
	"fmt"
)

// Limits of one batch, so that it always fits one transaction. Beyond them Commit returns ErrTooBig.
const (
	MaxBatchPuts  = 1000    // puts
	MaxBatchItems = 2000    // puts, moves, replacements, events and state values together
	MaxBatchBytes = 1 << 20 // data, events, names and state values, plus putOverhead for each put and replacement
	MaxStateName  = 256     // bytes of a state key
)

// putOverhead is what the keys and fixed values of one put weigh at most, itemOverhead those of an event or state value.
const (
	putOverhead  = 400
	itemOverhead = 64
)

// Put is a record to store. Event, when not nil, is appended to the journal if, and only if, the record was new.
type Put struct {
	Record Record
	Event  []byte
}

// Move puts all records of a chain that are here, from a seq on, into another lane. Place in the lane, id, chain and seq
// stay as they are. A record that is in that lane already is left alone, as is a chain that is not here.
type Move struct {
	Space Space
	Chain Chain
	From  uint64
	To    Lane
}

// Replacement gives a record that is here other bytes: all else of it stays.
type Replacement struct {
	Space Space
	ID    ID
	Data  []byte // at most MaxData
}

// KV is a small sealed value under a plain name of 1 to MaxStateName bytes. In a batch a nil Value deletes it.
type KV struct {
	Key   string
	Value []byte
}

// Batch is stored as a whole or not at all. A Put that turns out to be a duplicate or a conflict is left out, the
// rest is stored. Events are appended after those of Puts. The slices must not change until Commit has returned.
//
// Moves come first, then Puts, then Replace. Moves that do not fit one transaction with the rest (about 1,000 records, or
// 1 MB) are the exception to the whole: they are made ahead of it in steps, each safe by itself, and other batches wait,
// some 20 us for each record. Who does not learn that the batch was stored commits it again: what was moved stays moved.
type Batch struct {
	Moves   []Move
	Puts    []Put
	Replace []Replacement
	State   []KV
	Events  [][]byte
	Durable bool // Commit returns when the batch is on disk, not only safe from a crash of the program
}

// Outcome says what became of a Put or a Replacement. The zero value means that nothing is known (the batch failed).
type Outcome uint8

// Outcomes.
const (
	Stored    Outcome = 1 // new, stored
	Duplicate Outcome = 2 // the same id is already here
	Conflict  Outcome = 3 // another id is here at the same space, chain and seq: not stored
	Replaced  Outcome = 4 // the record has the new bytes now
	Unknown   Outcome = 5 // no such record is here: nothing was replaced
)

// String is the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case Duplicate:
		return "duplicate"
	case Conflict:
		return "conflict"
	case Replaced:
		return "replaced"
	case Unknown:
		return "unknown"
	}
	return "nothing"
}

// Event is an entry of the journal. Seq starts at 1 and has no gaps.
type Event struct {
	Seq  uint64
	Data []byte
}

// weigh is what b takes in a transaction, or why it cannot be stored.
func (b *Batch) weigh() (size, items int, err error) {
	if len(b.Puts) > MaxBatchPuts {
		return 0, 0, fmt.Errorf("%w: %d puts, limit %d", ErrTooBig, len(b.Puts), MaxBatchPuts)
	}
	items = len(b.Puts) + len(b.Moves) + len(b.Replace) + len(b.State) + len(b.Events)
	for i := range b.Puts {
		p := &b.Puts[i]
		if err := p.Record.validate(); err != nil {
			return 0, 0, err
		}
		if p.Event != nil {
			items++
		}
		size += putOverhead + len(p.Record.Data) + len(p.Event)
	}
	for i := range b.Moves {
		if to := b.Moves[i].To; to > MaxLane {
			return 0, 0, fmt.Errorf("%w: move to lane %d", ErrInvalid, to)
		}
	}
	for i := range b.Replace {
		n := len(b.Replace[i].Data)
		if n > MaxData {
			return 0, 0, fmt.Errorf("%w: record of %d bytes, limit %d", ErrTooBig, n, MaxData)
		}
		size += putOverhead + n
	}
	for i := range b.State {
		kv := &b.State[i]
		if len(kv.Key) == 0 || len(kv.Key) > MaxStateName {
			return 0, 0, fmt.Errorf("%w: state key of %d bytes", ErrInvalid, len(kv.Key))
		}
		size += itemOverhead + len(kv.Key) + len(kv.Value)
	}
	for _, e := range b.Events {
		size += itemOverhead + len(e)
	}
	if size > MaxBatchBytes || items > MaxBatchItems {
		return 0, 0, fmt.Errorf("%w: %d bytes and %d items, limits %d and %d", ErrTooBig, size, items, MaxBatchBytes, MaxBatchItems)
	}
	return size, items, nil
}

func (r *Record) validate() error {
	switch {
	case r.Lane > MaxLane:
		return fmt.Errorf("%w: lane %d", ErrInvalid, r.Lane)
	case r.Chain == Chain{}:
		return fmt.Errorf("%w: zero chain", ErrInvalid)
	case r.Seq == 0 || r.Seq > MaxSeq:
		return fmt.Errorf("%w: seq %d", ErrInvalid, r.Seq)
	case r.Time < 0:
		return fmt.Errorf("%w: time %d", ErrInvalid, r.Time)
	case len(r.Data) > MaxData:
		return fmt.Errorf("%w: record of %d bytes, limit %d", ErrTooBig, len(r.Data), MaxData)
	}
	return nil
}

func compareBytes(a, b []byte) int { return bytes.Compare(a, b) }
