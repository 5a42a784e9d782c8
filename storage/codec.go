package storage

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var errValue = errors.New("malformed value")

// recordFormat is the first byte of a stored record.
const recordFormat = 1

// uvarint takes a number in its shortest form off the front of b.
func uvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || (n > 1 && b[n-1] == 0) {
		return 0, nil, errValue
	}
	return v, b[n:], nil
}

func appendRecordValue(b []byte, ch Chain, seq uint64, data []byte) []byte {
	b = append(b, recordFormat)
	b = append(b, ch[:]...)
	b = binary.AppendUvarint(b, seq)
	return append(b, data...)
}

// parseRecordValue returns data that shares v's memory.
func parseRecordValue(v []byte) (ch Chain, seq uint64, data []byte, err error) {
	if len(v) < 1+32+1 || v[0] != recordFormat {
		return ch, 0, nil, errValue
	}
	ch = Chain(v[1:33])
	seq, data, err = uvarint(v[33:])
	if err != nil || seq == 0 || seq > MaxSeq {
		return ch, 0, nil, errValue
	}
	return ch, seq, data, nil
}

func appendPlace(b []byte, ln Lane, time int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(ln)), uint64(time))
}

func parsePlace(v []byte) (ln Lane, time int64, err error) {
	if len(v) != 9 || v[0] > byte(MaxLane) {
		return 0, 0, errValue
	}
	time = int64(binary.BigEndian.Uint64(v[1:]))
	if time < 0 {
		return 0, 0, errValue
	}
	return Lane(v[0]), time, nil
}

func appendLink(b []byte, ln Lane, p Pos) []byte {
	return append(appendPlace(b, ln, p.Time), p.ID[:]...)
}

func parseLink(v []byte) (ln Lane, p Pos, err error) {
	if len(v) != 9+32 {
		return 0, Pos{}, errValue
	}
	ln, p.Time, err = parsePlace(v[:9])
	copy(p.ID[:], v[9:])
	return ln, p, err
}

// head is a Head as stored: low is the lowest seq that is here, which tells that a record below it is new without a read.
type head struct {
	Head
	low uint64
}

func appendHead(b []byte, h *head) []byte {
	b = append(b, h.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = binary.AppendUvarint(b, h.Seq)
	b = binary.AppendUvarint(b, h.Count)
	return binary.AppendUvarint(b, h.low)
}

func parseHead(v []byte) (h head, err error) {
	if len(v) < 40+3 {
		return head{}, errValue
	}
	h.ID = ID(v[:32])
	h.Time = int64(binary.BigEndian.Uint64(v[32:]))
	rest := v[40:]
	for _, p := range []*uint64{&h.Seq, &h.Count, &h.low} {
		if *p, rest, err = uvarint(rest); err != nil {
			return head{}, err
		}
	}
	ok := len(rest) == 0 && h.Time >= 0 && h.low >= 1 && h.low <= h.Seq && h.Seq <= MaxSeq &&
		h.Count >= 1 && h.Count <= h.Seq-h.low+1 && (h.Count > 1 || h.low == h.Seq)
	if !ok {
		return head{}, errValue
	}
	return h, nil
}

// appendSpaceValue is the number alone for a space whose stats are to be counted.
func appendSpaceValue(b []byte, sp *space) []byte {
	b = binary.BigEndian.AppendUint32(b, sp.num)
	if sp.open {
		return b
	}
	st := &sp.stats
	b = binary.AppendUvarint(b, st.Records)
	b = binary.AppendUvarint(b, st.Chains)
	b = binary.AppendUvarint(b, st.Missing)
	var mask uint16
	for i, n := range st.PerLane {
		if n > 0 {
			mask |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, uint64(mask))
	for _, n := range st.PerLane {
		if n > 0 {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

func parseSpaceValue(v []byte) (sp space, err error) {
	if len(v) < 4 {
		return space{}, errValue
	}
	sp.num = binary.BigEndian.Uint32(v)
	if len(v) == 4 {
		sp.open = true
		return sp, nil
	}
	st, rest := &sp.stats, v[4:]
	var mask uint64
	for _, p := range []*uint64{&st.Records, &st.Chains, &st.Missing, &mask} {
		if *p, rest, err = uvarint(rest); err != nil {
			return space{}, err
		}
	}
	if mask > 1<<16-1 {
		return space{}, errValue
	}
	for m := mask; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		if st.PerLane[i], rest, err = uvarint(rest); err != nil || st.PerLane[i] == 0 {
			return space{}, errValue
		}
	}
	if len(rest) != 0 {
		return space{}, errValue
	}
	return sp, nil
}

// appendEvent appends one event to the body of a journal chunk.
func appendEvent(b, data []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// parseChunk splits a journal chunk into events that share v's memory.
func parseChunk(v []byte) ([][]byte, error) {
	n, rest, err := uvarint(v)
	if err != nil || n == 0 || n > uint64(len(rest)) {
		return nil, errValue
	}
	out := make([][]byte, 0, n)
	for range n {
		var size uint64
		if size, rest, err = uvarint(rest); err != nil || size > uint64(len(rest)) {
			return nil, errValue
		}
		out = append(out, rest[:size:size])
		rest = rest[size:]
	}
	if len(rest) != 0 {
		return nil, errValue
	}
	return out, nil
}

func appendPos(b []byte, p Pos) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(p.Time)), p.ID[:]...)
}

// takePos reads a place off the front of b.
func takePos(b []byte) (p Pos, rest []byte, err error) {
	if len(b) < 40 {
		return Pos{}, nil, errValue
	}
	p.Time, p.ID = int64(binary.BigEndian.Uint64(b)), ID(b[8:40])
	if p.Time < 0 {
		return Pos{}, nil, errValue
	}
	return p, b[40:], nil
}

func appendBlock(b []byte, bl *block) []byte {
	b = appendPos(appendPos(b, bl.first), bl.last)
	b = append(b, bl.sum.Total[:]...)
	return binary.AppendUvarint(b, bl.sum.Count)
}

func parseBlock(v []byte) (b block, err error) {
	if b.first, v, err = takePos(v); err != nil {
		return block{}, err
	}
	if b.last, v, err = takePos(v); err != nil || len(v) < len(b.sum.Total) {
		return block{}, errValue
	}
	b.sum.Total = [32]byte(v)
	if b.sum.Count, v, err = uvarint(v[32:]); err != nil {
		return block{}, err
	}
	if len(v) != 0 || b.sum.Count == 0 || b.first.Compare(b.last) > 0 {
		return block{}, errValue
	}
	return b, nil
}
