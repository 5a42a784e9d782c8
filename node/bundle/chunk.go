package bundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Magic begins every bundle.
const Magic = "linnet bundle 1\n"

// Each chunk stands by itself, so that damage costs one of them: its magic, kind
// (1), length of the payload (4, big-endian), the first 16 bytes of SHA-256 of
// kind, length and payload, and the payload, compressed with zstd.
const (
	chunkMagic = "\x89LNTb\r\n\x1a"
	headSize   = len(chunkMagic) + 1 + 4 + 16

	kindManifest = 1
	kindRecords  = 2
	kindEnd      = 3

	maxRaw    = 64 << 10  // bytes of records in one chunk, at least one record
	maxPacked = 512 << 10 // bytes of a payload
	maxOpen   = 1 << 20   // bytes of a payload when it is decompressed
)

var errDamaged = errors.New("bundle: a damaged chunk")

func checksum(kind byte, payload []byte) [16]byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload))))
	h.Write(payload)
	return [16]byte(h.Sum(nil)[:16])
}

func appendChunk(b []byte, kind byte, payload []byte) []byte {
	b = append(b, chunkMagic...)
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	sum := checksum(kind, payload)
	return append(append(b, sum[:]...), payload...)
}

// chunks reads chunks and finds the next good one after a damaged one.
type chunks struct {
	in      *bufio.Reader
	z       *zstd.Decoder
	skipped int64 // bytes that belong to no good chunk
	read    int64
}

func newChunks(r io.Reader) *chunks {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxOpen), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return &chunks{in: bufio.NewReaderSize(r, headSize+maxPacked), z: z}
}

// next returns the next good chunk, decompressed, or io.EOF.
func (c *chunks) next() (kind byte, payload []byte, err error) {
	for {
		if err := c.seek(); err != nil {
			return 0, nil, err
		}
		kind, size, payload, err := c.peek()
		if err == nil {
			c.discard(size)
			return kind, payload, nil
		}
		if !errors.Is(err, errDamaged) {
			return 0, nil, err
		}
		c.skip(1) // look for another behind this magic
	}
}

// peek reads the chunk that begins here without consuming it.
func (c *chunks) peek() (kind byte, size int, payload []byte, err error) {
	head, err := c.in.Peek(headSize)
	if err != nil {
		return 0, 0, nil, damagedAtEnd(err)
	}
	kind = head[len(chunkMagic)]
	n := binary.BigEndian.Uint32(head[len(chunkMagic)+1:])
	want := [16]byte(head[len(chunkMagic)+5:])
	if n > maxPacked {
		return 0, 0, nil, errDamaged
	}
	all, err := c.in.Peek(headSize + int(n))
	if err != nil {
		return 0, 0, nil, damagedAtEnd(err)
	}
	packed := all[headSize:]
	if checksum(kind, packed) != want {
		return 0, 0, nil, errDamaged
	}
	if payload, err = c.z.DecodeAll(packed, nil); err != nil {
		return 0, 0, nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	return kind, headSize + int(n), payload, nil
}

// damagedAtEnd makes a file that ends inside a chunk a damaged chunk. Other
// errors are those of the disk.
func damagedAtEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errDamaged
	}
	return err
}

// seek skips to the next magic of a chunk.
func (c *chunks) seek() error {
	for {
		b, err := c.in.Peek(len(chunkMagic))
		if len(b) < len(chunkMagic) {
			c.skip(len(b))
			if errors.Is(err, io.EOF) || err == nil {
				return io.EOF
			}
			return err
		}
		if string(b) == chunkMagic {
			return nil
		}
		more, _ := c.in.Peek(max(c.in.Buffered(), len(chunkMagic)))
		at := bytes.Index(more, []byte(chunkMagic))
		if at < 0 {
			at = len(more) - len(chunkMagic) + 1
		}
		c.skip(at)
	}
}

func (c *chunks) skip(n int) { c.skipped += int64(n); c.discard(n) }

func (c *chunks) discard(n int) {
	n, _ = c.in.Discard(n) // it was peeked at
	c.read += int64(n)
}
