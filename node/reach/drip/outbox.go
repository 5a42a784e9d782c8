package drip

import "slices"

// outbox keeps what this side wrote until the other has it. It holds at most size
// bytes. The end of the stream counts as one byte behind the last.
type outbox struct {
	size  int
	acked uint64 // offset of buf[0]: the other side has all up to here
	buf   []byte
	ended bool   // nothing is written any more
	final uint64 // with ended: the offset of the end
	limit uint64 // up to here the other side has room
	spans []span // on their way, or held by the other side ahead of a gap: apart, ascending
}

// put appends as much of b as there is room for.
func (out *outbox) put(b []byte) int {
	n := min(len(b), out.size-len(out.buf))
	out.buf = append(out.buf, b[:n]...)
	return n
}

// finish marks the end behind what was written.
func (out *outbox) finish() {
	if !out.ended {
		out.ended, out.final = true, out.acked+uint64(len(out.buf))
	}
}

// done reports whether the other side has all, the end included.
func (out *outbox) done() bool { return out.ended && out.acked > out.final }

// confirm takes an ack and a window of the other side. It reports whether they
// say something new; ok is false if they cannot be true.
func (out *outbox) confirm(ack uint64, window uint32) (fresh, ok bool) {
	top := out.acked + uint64(len(out.buf))
	if out.ended {
		top = out.final + 1
	}
	if ack > top {
		return false, false
	}
	if limit := ack + uint64(window); limit > out.limit {
		out.limit, fresh = limit, true
	}
	if ack > out.acked {
		if out.buf = out.buf[min(int(ack-out.acked), len(out.buf)):]; len(out.buf) == 0 {
			out.buf = nil
		}
		out.acked, fresh = ack, true
		out.unmark(span{0, ack})
	}
	return fresh, true
}

// next returns the first range that is not on its way and that the other side has
// room for, of at most most bytes, and whether the end follows it. An empty range
// without the end means that there is nothing to send.
func (out *outbox) next(most int) (s span, end bool) {
	top := out.acked + uint64(len(out.buf))
	if out.done() {
		return s, false
	}
	s.from = out.acked
	ceiling := min(top, out.limit)
	for _, x := range out.spans {
		if x.from > s.from {
			ceiling = min(ceiling, x.from)
			break
		}
		s.from = x.to
	}
	s.to = max(s.from, min(s.from+uint64(most), ceiling))
	return s, out.ended && s.to == out.final && s.from <= out.final
}

// data returns the bytes of a range that next returned. They are a copy.
func (out *outbox) data(s span) []byte {
	if s.from == s.to {
		return nil // the end alone may lie behind all that is kept
	}
	return slices.Clone(out.buf[s.from-out.acked : s.to-out.acked])
}

// mark notes that a range is on its way.
func (out *outbox) mark(s span) {
	i, j := out.touching(s)
	for _, x := range out.spans[i:j] {
		s.from, s.to = min(s.from, x.from), max(s.to, x.to)
	}
	out.spans = slices.Replace(out.spans, i, j, s)
}

// unmark notes that a range is not on its way any more, so that next returns it again.
func (out *outbox) unmark(s span) {
	i, j := out.touching(s)
	var rest []span
	for _, x := range out.spans[i:j] {
		if x.from < s.from {
			rest = append(rest, span{x.from, min(x.to, s.from)})
		}
		if x.to > s.to {
			rest = append(rest, span{max(x.from, s.to), x.to})
		}
	}
	out.spans = slices.Replace(out.spans, i, j, rest...)
}

// rewind forgets what is on its way.
func (out *outbox) rewind() { out.spans = nil }

// touching returns which spans overlap s or touch it.
func (out *outbox) touching(s span) (i, j int) {
	for i < len(out.spans) && out.spans[i].to < s.from {
		i++
	}
	for j = i; j < len(out.spans) && out.spans[j].from <= s.to; {
		j++
	}
	return i, j
}
