package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// The newest events stay in memory, within both limits.
const (
	ringEvents = 4096
	ringBytes  = 1 << 20
)

// A chunk is one key of the journal.
const (
	chunkEvents = 256
	chunkBytes  = 64 << 10
)

// journal is what readers see of it: its ends, and its newest events.
type journal struct {
	mu      sync.Mutex
	head    uint64 // newest seq, 0 if there is none
	floor   uint64 // oldest seq kept
	ring    [][]byte
	start   int // index of the oldest in ring
	held    int // events in ring, the newest is head
	bytes   int
	changed chan struct{} // closed at the next event; nil when nobody waits
	closed  bool
}

func (j *journal) init(head, floor uint64) {
	j.head, j.floor = head, floor
	j.ring = make([][]byte, ringEvents)
}

// append takes over the events, and wakes those who wait.
func (j *journal) append(events [][]byte) {
	if len(events) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range events {
		if j.held == ringEvents {
			j.dropOldestLocked()
		}
		j.ring[(j.start+j.held)%ringEvents] = e
		j.held++
		j.bytes += len(e)
	}
	for j.bytes > ringBytes && j.held > 1 {
		j.dropOldestLocked()
	}
	j.head += uint64(len(events))
	j.wakeLocked()
}

func (j *journal) dropOldestLocked() {
	j.bytes -= len(j.ring[j.start])
	j.ring[j.start] = nil
	j.start = (j.start + 1) % ringEvents
	j.held--
}

func (j *journal) wakeLocked() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.wakeLocked()
}

func (j *journal) ends() (head, floor uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head, j.floor
}

func (j *journal) setFloor(floor uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.floor = floor
}

// read answers from memory. ok is false if the ring does not go back that far.
func (j *journal) read(after uint64, limit int) (out []Event, ok bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case after > j.head || after+1 < j.floor:
		return nil, true, ErrTrimmed
	case after == j.head:
		return nil, true, nil
	}
	missing := j.head - after // events to return if limit allows
	if missing > uint64(j.held) {
		return nil, false, nil
	}
	n := int(missing)
	first := j.start + j.held - n
	if limit > 0 {
		n = min(n, limit)
	}
	out = make([]Event, n)
	for i := range out {
		out[i] = Event{Seq: after + 1 + uint64(i), Data: j.ring[(first+i)%ringEvents]}
	}
	return out, true, nil
}

// Journal returns up to limit events (0: all) with a seq above after, in order. Their Data must not be changed.
// It is ErrTrimmed when events right after `after` are no longer kept, or when `after` is ahead of the head (another
// epoch's number): the reader has to reload. At least the newest Options.JournalKeep events are kept.
func (s *Store) Journal(after uint64, limit int) ([]Event, error) {
	// The snapshot comes first: what is trimmed later is still visible in it.
	sn, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer sn.close()
	if out, ok, err := s.journal.read(after, limit); ok || err != nil {
		return out, err
	}
	var out []Event
	err = scan(sn.txn, []byte{keyJournal}, journalKey(after+1), func(k, v []byte) error {
		first, events, err := parseJournalEntry(k, v)
		if err != nil {
			return err
		}
		if next := after + 1 + uint64(len(out)); first > next {
			return fmt.Errorf("events %d to %d are gone", next, first-1)
		}
		for i, e := range events {
			if seq := first + uint64(i); seq > after {
				out = append(out, Event{Seq: seq, Data: append([]byte{}, e...)})
			}
			if limit > 0 && len(out) == limit {
				return errStop
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: journal after %d: %w", ErrDamaged, after, err)
	}
	return out, nil
}

// parseJournalEntry is a chunk's events and the seq of its first. They share v's memory.
func parseJournalEntry(k, v []byte) (first uint64, events [][]byte, err error) {
	last, err := parseJournalKey(k)
	if err != nil {
		return 0, nil, err
	}
	events, err = parseChunk(v)
	if err != nil || uint64(len(events)) > last {
		return 0, nil, errValue
	}
	return last - uint64(len(events)) + 1, events, nil
}

// JournalHead is the seq of the newest event, 0 if there has been none.
func (s *Store) JournalHead() uint64 {
	head, _ := s.journal.ends()
	return head
}

// WaitJournal returns when the journal's head is above after, with ctx's error, or with ErrClosed.
func (s *Store) WaitJournal(ctx context.Context, after uint64) error {
	for {
		s.journal.mu.Lock()
		if s.journal.closed {
			s.journal.mu.Unlock()
			return ErrClosed
		}
		if s.journal.head > after {
			s.journal.mu.Unlock()
			return nil
		}
		if s.journal.changed == nil {
			s.journal.changed = make(chan struct{})
		}
		changed := s.journal.changed
		s.journal.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) loadJournal(txn *badger.Txn) error {
	head, floor := uint64(0), uint64(1)
	err := scanKeys(txn, []byte{keyJournal}, journalKey(1<<64-1), true, func(it *badger.Item) (err error) {
		if head, err = parseJournalKey(it.Key()); err != nil {
			return err
		}
		return errStop
	})
	if err != nil {
		return fmt.Errorf("%w: journal head: %w", ErrDamaged, err)
	}
	raw, err := getCopy(txn, metaKey("floor"))
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	case len(raw) != 8:
		return fmt.Errorf("%w: journal floor", ErrDamaged)
	default:
		floor = binary.BigEndian.Uint64(raw)
	}
	s.journal.init(head, floor)
	return nil
}

// writeEvents adds the group's events to txn and returns them in memory that the ring may keep.
func (w *writer) writeEvents(txn *badger.Txn) ([][]byte, error) {
	head, _ := w.s.journal.ends()
	kept := make([][]byte, 0, len(w.events))
	for rest := w.events; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && n < chunkEvents && (n == 0 || size+len(rest[n]) <= chunkBytes) {
			size += len(rest[n]) + binary.MaxVarintLen32
			n++
		}
		chunk := binary.AppendUvarint(make([]byte, 0, size+binary.MaxVarintLen32), uint64(n))
		for _, e := range rest[:n] {
			chunk = appendEvent(chunk, e)
			kept = append(kept, chunk[len(chunk)-len(e):len(chunk):len(chunk)])
		}
		rest = rest[n:]
		head += uint64(n)
		if err := w.set(txn, journalKey(head), chunk); err != nil {
			return nil, err
		}
	}
	return kept, nil
}
