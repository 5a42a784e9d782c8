package bundle

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/linnet-im/linnet/node/record"
)

// Manifest says what a bundle is. Its reader may believe it or not.
type Manifest struct {
	Created int64           `cbor:"1,keyasint"` // ms since 1970
	Topics  []ManifestTopic `cbor:"2,keyasint"`
	Partial bool            `cbor:"3,keyasint,omitempty"` // only what others lacked
}

// ManifestTopic is a topic in a bundle.
type ManifestTopic struct {
	Topic record.TopicID `cbor:"1,keyasint"`
	Name  string         `cbor:"2,keyasint"`
	Kind  uint8          `cbor:"3,keyasint"`
}

// MaxTopics is how many topics one bundle names at most.
const MaxTopics = 64

type endMark struct {
	Records uint64 `cbor:"1,keyasint"`
}

// Writer writes one bundle. It is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	z     *zstd.Encoder
	raw   []byte
	out   []byte
	count uint64
	bytes int64
}

// NewWriter begins a bundle on w.
func NewWriter(w io.Writer, m Manifest) (*Writer, error) {
	if len(m.Topics) > MaxTopics {
		return nil, fmt.Errorf("bundle: %d topics, at most %d", len(m.Topics), MaxTopics)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	b := &Writer{w: w, z: z}
	body, err := record.EncodeBody(m)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, Magic); err != nil {
		return nil, err
	}
	return b, b.chunk(kindManifest, body)
}

// Add writes a record. It keeps nothing of raw. The order is the caller's: a
// topic's ops before its posts, the genesis first of all, lets a reader judge as it goes.
func (b *Writer) Add(raw []byte) error {
	if len(b.raw) > 0 && len(b.raw)+len(raw) > maxRaw {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.raw = binary.AppendUvarint(b.raw, uint64(len(raw)))
	b.raw = append(b.raw, raw...)
	b.count++
	return nil
}

// Count returns how many records were added.
func (b *Writer) Count() uint64 { return b.count }

// Bytes returns how much was written.
func (b *Writer) Bytes() int64 { return b.bytes }

// Close writes the end. It does not close what is below.
func (b *Writer) Close() error {
	if err := b.flush(); err != nil {
		return err
	}
	body, err := record.EncodeBody(endMark{Records: b.count})
	if err != nil {
		return err
	}
	return b.chunk(kindEnd, body)
}

func (b *Writer) flush() error {
	if len(b.raw) == 0 {
		return nil
	}
	err := b.chunk(kindRecords, b.raw)
	b.raw = b.raw[:0]
	return err
}

func (b *Writer) chunk(kind byte, payload []byte) error {
	b.out = appendChunk(b.out[:0], kind, b.z.EncodeAll(payload, nil))
	n, err := b.w.Write(b.out)
	b.bytes += int64(n)
	return err
}
