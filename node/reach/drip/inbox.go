package drip

import "slices"

// maxSpans bounds how many separate pieces an inbox holds ahead of a gap.
const maxSpans = 64

// span is a range of a stream: from inclusive, to exclusive.
type span struct{ from, to uint64 }

// inbox puts the other side's stream together: pieces come in any order, several
// times or not at all, and leave once and in order. It holds at most size bytes.
// The end of the stream counts as one byte behind the last.
type inbox struct {
	size  int
	read  uint64 // offset of buf[0]: what was read up to here
	next  uint64 // up to here nothing is missing
	buf   []byte // from read on, with gaps between next and the last span
	spans []span // what lies beyond next: apart, ascending
	end   uint64 // offset of the end
	ended bool   // whether end is known
	waste bool   // nobody reads: what comes is thrown away
}

// ack is what the other side need not send again.
func (in *inbox) ack() uint64 {
	if in.done() {
		return in.end + 1
	}
	return in.next
}

// done reports whether all came, the end included.
func (in *inbox) done() bool { return in.ended && in.next == in.end }

// ready is how many bytes can be read.
func (in *inbox) ready() int { return int(in.next - in.read) }

// window is how many bytes beyond next there is room for.
func (in *inbox) window() uint32 { return uint32(in.size - in.ready()) }

// gap returns how much is missing before the first piece that is held ahead, 0
// if there is none.
func (in *inbox) gap() int {
	if len(in.spans) == 0 {
		return 0
	}
	return int(in.spans[0].from - in.next)
}

// put takes data that begins at offset, and whether it ends the stream. It
// reports whether all of it is held or was known, and whether anything is new.
func (in *inbox) put(offset uint64, data []byte, end bool) (kept, fresh bool) {
	to := offset + uint64(len(data))
	if to > in.read+uint64(in.size) || in.ended && (to > in.end || end && to != in.end) || end && in.highest() > to {
		return false, false // beyond the room given, or it contradicts what was said before
	}
	was := in.ack()
	if end {
		in.end, in.ended = to, true
	}
	if from := max(offset, in.next); from < to {
		fits, added := in.add(span{from, to}, data[from-offset:])
		if !fits {
			return false, false
		}
		fresh = added
	}
	if in.waste {
		in.discard()
	}
	return true, fresh || in.ack() != was
}

// highest is the end of all that is held.
func (in *inbox) highest() uint64 {
	if n := len(in.spans); n > 0 {
		return in.spans[n-1].to
	}
	return in.next
}

// add holds s, whose bytes are data, and joins it with what touches it.
func (in *inbox) add(s span, data []byte) (fits, fresh bool) {
	i, _ := slices.BinarySearchFunc(in.spans, s.from, func(x span, from uint64) int {
		if x.to < from {
			return -1
		}
		return 1
	})
	j := i
	joined := s
	for ; j < len(in.spans) && in.spans[j].from <= s.to; j++ {
		joined.from, joined.to = min(joined.from, in.spans[j].from), max(joined.to, in.spans[j].to)
	}
	if j == i && s.from > in.next && len(in.spans) >= maxSpans {
		return false, false
	}
	fresh = j == i || j-i > 1 || joined != in.spans[i]
	if n := int(s.to - in.read); n > len(in.buf) {
		in.buf = append(in.buf, make([]byte, n-len(in.buf))...)
	}
	copy(in.buf[s.from-in.read:], data)
	in.spans = slices.Replace(in.spans, i, j, joined)
	if in.spans[0].from <= in.next {
		in.next = max(in.next, in.spans[0].to)
		in.spans = slices.Delete(in.spans, 0, 1)
	}
	return true, fresh
}

// take moves what can be read into b.
func (in *inbox) take(b []byte) int {
	n := copy(b, in.buf[:in.ready()])
	in.skip(n)
	return n
}

// discard throws away what is there and what is still to come.
func (in *inbox) discard() {
	in.waste = true
	in.skip(in.ready())
}

func (in *inbox) skip(n int) {
	in.read += uint64(n)
	if n == len(in.buf) {
		in.buf = nil // give back what a busy moment needed
		return
	}
	in.buf = in.buf[n:]
}
