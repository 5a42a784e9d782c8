package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/linnet-im/linnet/node/record"
)

// ErrNote says that a note cannot be read.
var ErrNote = errors.New("bundle: malformed note")

// Note says what somebody has, so that others write only the rest: for each
// topic and writer, up to which number there is no hole.
type Note map[record.TopicID]map[record.Writer]uint64

// MaxNote is the size of the largest note, in bytes.
const MaxNote = 8 << 20

const noteMagic = "linnet note 1\n"

// Encode is the note as a file: its magic, then for each topic, ascending, the id
// (32), how many chains (4, big-endian) and these, ascending: writer (32), number (8, big-endian).
func (n Note) Encode() ([]byte, error) {
	b := []byte(noteMagic)
	for _, id := range sorted(n) {
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(n[id])))
		for _, w := range sorted(n[id]) {
			b = binary.BigEndian.AppendUint64(append(b, w[:]...), n[id][w])
		}
	}
	if len(b) > MaxNote {
		return nil, errors.New("bundle: too much for one note")
	}
	return b, nil
}

func sorted[K ~[32]byte, V any](m map[K]V) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		x, y := [32]byte(a), [32]byte(b)
		return bytes.Compare(x[:], y[:])
	})
}

// ParseNote reads what Encode writes. The error matches ErrNote.
func ParseNote(b []byte) (Note, error) {
	rest, ok := bytes.CutPrefix(b, []byte(noteMagic))
	if !ok || len(b) > MaxNote {
		return nil, ErrNote
	}
	n := Note{}
	for len(rest) > 0 {
		if len(rest) < 36 {
			return nil, ErrNote
		}
		id, count := record.TopicID(rest[:32]), binary.BigEndian.Uint32(rest[32:])
		rest = rest[36:]
		if uint64(count)*40 > uint64(len(rest)) {
			return nil, ErrNote
		}
		chains := make(map[record.Writer]uint64, count)
		for range count {
			chains[record.Writer(rest[:32])] = binary.BigEndian.Uint64(rest[32:])
			rest = rest[40:]
		}
		n[id] = chains
	}
	return n, nil
}

// Has reports whether a note says that a record is there.
func (n Note) Has(id record.TopicID, w record.Writer, seq uint64) bool { return seq <= n[id][w] }
