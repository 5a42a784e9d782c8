package drip

import (
	"bytes"
	"testing"
)

// FuzzBoxes hands what an outbox gives out to an inbox, in an order and with
// losses and repetitions that the fuzzer chooses, and holds what comes out against
// what went in. Whatever happens, neither holds more than its size.
func FuzzBoxes(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 9, 1, 5, 2, 0, 3, 0, 4, 9})
	f.Add([]byte{0, 200, 1, 3, 1, 50, 2, 1, 2, 0, 3, 1, 3, 0, 5, 0, 4, 100, 6, 0, 1, 60, 2, 0})
	f.Add(bytes.Repeat([]byte{0, 77, 1, 13, 1, 7, 2, 1, 3, 0, 4, 50}, 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		const size = 256
		type piece struct {
			span
			end  bool
			data []byte
		}
		in, out := inbox{size: size}, outbox{size: size, limit: size}
		var wrote, read []byte
		var way []piece
		for ; len(script) >= 2; script = script[2:] {
			op, n := script[0]%7, int(script[1])
			switch {
			case op == 0 && !out.ended:
				b := make([]byte, n)
				for i := range b {
					b[i] = byte(len(wrote) + i)
				}
				wrote = append(wrote, b[:out.put(b)]...)
			case op == 1:
				s, end := out.next(n)
				p := piece{s, end, out.data(s)}
				if end {
					p.to++
				}
				if p.from < p.to {
					out.mark(p.span)
					way = append(way, p)
				}
			case op == 2 && len(way) > 0: // one arrives, and may arrive again
				p := way[n%len(way)]
				if kept, _ := in.put(p.from, p.data, p.end); !kept && len(in.spans) < maxSpans {
					t.Fatalf("a piece that was sent is refused: %+v", p)
				}
			case op == 3 && len(way) > 0: // one is lost
				i := n % len(way)
				out.unmark(way[i].span)
				way = append(way[:i], way[i+1:]...)
			case op == 4:
				b := make([]byte, n)
				read = append(read, b[:in.take(b)]...)
			case op == 5:
				if _, ok := out.confirm(in.ack(), in.window()); !ok {
					t.Fatalf("a true ack is refused: %d", in.ack())
				}
			case op == 6 && n < 3:
				out.finish()
			}
			if len(out.buf) > size || len(in.buf) > size || len(in.spans) > maxSpans {
				t.Fatalf("too much is held: %d, %d, %d", len(out.buf), len(in.buf), len(in.spans))
			}
			if !bytes.HasPrefix(wrote, read) {
				t.Fatal("what is read is not what was written")
			}
		}
		out.finish()
		for round := 0; !in.done() || in.ready() > 0; round++ {
			out.rewind()
			out.confirm(in.ack(), in.window())
			s, end := out.next(100)
			in.put(s.from, out.data(s), end)
			b := make([]byte, 100)
			read = append(read, b[:in.take(b)]...)
			if round > 100 {
				t.Fatalf("never ends: in %+v, out %+v", in, out)
			}
		}
		out.confirm(in.ack(), in.window())
		if !bytes.Equal(read, wrote) || !out.done() {
			t.Fatalf("read %d of %d bytes, done %v", len(read), len(wrote), out.done())
		}
	})
}

// FuzzInbox hands an inbox pieces that no outbox made.
func FuzzInbox(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 9, 0, 1, 5, 1, 0, 255, 3, 1, 0, 2, 2, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		const size = 200
		in := inbox{size: size}
		total := 0
		for ; len(script) >= 4; script = script[4:] {
			op, at, n, end := script[0]%3, uint64(script[1])+uint64(script[0]/3), int(script[2]), script[3]%4 == 0
			switch op {
			case 0:
				total += in.take(make([]byte, n))
			default:
				in.put(at, make([]byte, n), end)
			}
			if len(in.buf) > size || len(in.spans) > maxSpans || in.next < in.read || in.ready() > len(in.buf) || in.ended && in.highest() > in.end {
				t.Fatalf("%+v", in)
			}
			for i, s := range in.spans {
				if s.from >= s.to || s.from <= in.next || i > 0 && s.from <= in.spans[i-1].to {
					t.Fatalf("spans %v behind %d", in.spans, in.next)
				}
			}
		}
		if uint64(total) != in.read {
			t.Fatalf("%d bytes read, %d counted", total, in.read)
		}
	})
}
