package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/linnet-im/linnet/node/record"
)

// How a stream of records ends (PROTOCOL.md §7.4).
const (
	endAll   = 1 // nothing that was asked for is left out
	endLimit = 2 // there is more: ask on behind the last one
)

// window bounds what a reader of a compressed stream has to hold in memory.
const window = 512 << 10

// A line may be slow, and may end: what was sent so far is to be of use. So the stream
// is written in pieces that can be read as they come, small ones first. On a quick line
// they cost little, since what came before still serves to compress what follows.
const (
	firstPiece = 4 << 10 // bytes before compression; doubled up to lastPiece
	lastPiece  = 64 << 10
)

// packer writes records as one compressed stream: frames, an empty one, and how it ends.
type packer struct {
	to    *bufio.Writer
	z     *zstd.Encoder
	w     *bufio.Writer // gathers a piece
	piece int
	err   error
}

func newEncoder() *zstd.Encoder {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return z
}

// pack begins a stream on w, which the caller flushes.
func pack(z *zstd.Encoder, w *bufio.Writer) *packer {
	z.Reset(w)
	return &packer{to: w, z: z, w: bufio.NewWriterSize(z, lastPiece+record.MaxRecord), piece: firstPiece}
}

// add writes one record and reports whether more can follow.
func (p *packer) add(raw []byte) bool {
	if p.err == nil {
		p.err = writeFrame(p.w, raw)
	}
	if p.err == nil && p.w.Buffered() >= p.piece {
		p.piece = min(2*p.piece, lastPiece)
		p.err = errors.Join(p.w.Flush(), p.z.Flush(), p.to.Flush())
	}
	return p.err == nil
}

// end closes the stream.
func (p *packer) end(code byte) error {
	err := errors.Join(p.err, writeFrame(p.w, nil), p.w.WriteByte(code), p.w.Flush())
	return errors.Join(err, p.z.Close())
}

// How many records are handed on together: few at first, so that there is
// something to read soon.
const (
	firstBatch = 64
	maxBatch   = 512
	slowBatch  = 300 * time.Millisecond // after which what has come is handed on before more is waited for
)

// unpack reads a stream and hands its records to take in batches, as long as
// there are no more than limit. It reports whether nothing was left out. What
// take gets is its own.
func unpack(z *zstd.Decoder, r io.Reader, limit int, take func([]*record.Record) error) (all bool, err error) {
	if err := z.Reset(r); err != nil {
		return false, err
	}
	in := bufio.NewReaderSize(z, 64<<10)
	b := batch{take: take, full: firstBatch, since: time.Now()}
	for range limit + 1 {
		if in.Buffered() == 0 && time.Since(b.since) > slowBatch {
			if err := b.flush(); err != nil {
				return false, err
			}
		}
		raw, err := b.read(in)
		if err != nil {
			return false, errors.Join(err, b.flush())
		}
		if raw == nil {
			end, err := in.ReadByte()
			if err == nil && end != endAll && end != endLimit {
				err = fmt.Errorf("%w: end %d", ErrProtocol, end)
			}
			return end == endAll, errors.Join(err, b.flush())
		}
		rec, err := record.Decode(raw)
		if err != nil {
			return false, errors.Join(fmt.Errorf("%w: %w", ErrFalse, err), b.flush())
		}
		if err := b.add(rec); err != nil {
			return false, err
		}
	}
	return false, fmt.Errorf("%w: more than %d records", ErrProtocol, limit)
}

// batch gathers records. Their bytes lie side by side in one piece of memory.
type batch struct {
	take    func([]*record.Record) error
	records []*record.Record
	mem     []byte
	full    int       // records at which it is handed on
	since   time.Time // when that was done last
}

func (b *batch) read(in *bufio.Reader) ([]byte, error) {
	n, err := readLen(in, record.MaxRecord)
	if err != nil || n == 0 {
		return nil, err
	}
	if cap(b.mem)-len(b.mem) < n {
		b.mem = make([]byte, 0, max(n, 64<<10))
	}
	at := len(b.mem)
	b.mem = b.mem[:at+n]
	raw := b.mem[at : at+n : at+n]
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, noEOF(err)
	}
	return raw, nil
}

func (b *batch) add(r *record.Record) error {
	b.records = append(b.records, r)
	if len(b.records) >= b.full {
		b.full = min(2*b.full, maxBatch)
		return b.flush()
	}
	return nil
}

func (b *batch) flush() error {
	if len(b.records) == 0 {
		return nil
	}
	rs := b.records
	b.records = make([]*record.Record, 0, b.full)
	err := b.take(rs)
	b.since = time.Now()
	return err
}

// noEOF makes an end in the middle of something an error that says so.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func newDecoder() *zstd.Decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return z
}
