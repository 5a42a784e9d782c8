package storage

import (
	"bytes"
	"fmt"
)

// Limits of one batch, so that it always fits one transaction. Beyond them Commit returns ErrTooBig.
const (
	MaxBatchPuts  = 1000    // puts
	MaxBatchItems = 2000    // puts, events and state values together
	MaxBatchBytes = 1 << 20 // data, events, names and state values, plus putOverhead for each put
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

// KV is a small sealed value under a plain name of 1 to MaxStateName bytes. In a batch a nil Value deletes it.
type KV struct {
	Key   string
	Value []byte
}

// Batch is stored as a whole or not at all. A Put that turns out to be a duplicate or a conflict is left out, the
// rest is stored. Events are appended after those of Puts. The slices must not change until Commit has returned.
type Batch struct {
	Puts    []Put
	State   []KV
	Events  [][]byte
	Durable bool // Commit returns when the batch is on disk, not only safe from a crash of the program
}

// Outcome says what became of a Put. The zero value means that nothing is known (the batch failed).
type Outcome uint8

// Outcomes.
const (
	Stored    Outcome = 1 // new, stored
	Duplicate Outcome = 2 // the same id is already here
	Conflict  Outcome = 3 // another id is here at the same space, chain and seq: not stored
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
	}
	return "unknown"
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
	items = len(b.Puts) + len(b.State) + len(b.Events)
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
