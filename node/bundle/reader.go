package bundle

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/linnet-im/linnet/node/record"
)

// ErrNoBundle says that a file is something else.
var ErrNoBundle = errors.New("bundle: this file is no bundle of Linnet")

// Account says what was in a bundle.
type Account struct {
	Records int   // that could be read
	Damaged int64 // bytes that could not
	Whole   bool  // its end is there and nothing before it is missing
	Read    int64 // bytes in all
}

// Reader reads one bundle. It is not safe for concurrent use.
type Reader struct {
	c        *chunks
	manifest Manifest
	rest     []byte
	account  Account
	began    bool
	promised uint64
	ended    bool
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{c: newChunks(r)} }

// Next returns the next record, which is the caller's, as bytes that anybody may
// have made. It passes over damaged parts. io.EOF is the end; ErrNoBundle means
// that there is nothing of a bundle in the file.
func (b *Reader) Next() ([]byte, error) {
	for {
		if raw := b.cut(); raw != nil {
			b.account.Records++
			return raw, nil
		}
		kind, payload, err := b.c.next()
		if errors.Is(err, io.EOF) {
			return nil, b.end()
		}
		if err != nil {
			return nil, err
		}
		b.began = true
		switch kind {
		case kindManifest:
			var m Manifest
			if err := record.DecodeBody(payload, &m); err == nil && len(m.Topics) <= MaxTopics && len(b.manifest.Topics) == 0 {
				b.manifest = m
			}
		case kindRecords:
			b.rest = payload
		case kindEnd:
			var e endMark
			if err := record.DecodeBody(payload, &e); err == nil {
				b.promised, b.ended = e.Records, true
			}
		}
	}
}

// cut takes a record off the chunk at hand, nil where there is none.
func (b *Reader) cut() []byte {
	if len(b.rest) == 0 {
		return nil
	}
	n, size := binary.Uvarint(b.rest)
	if size <= 0 || n == 0 || n > record.MaxRecord || n > uint64(len(b.rest)-size) {
		b.account.Damaged += int64(len(b.rest)) // its writer was wrong
		b.rest = nil
		return nil
	}
	raw := b.rest[size : size+int(n) : size+int(n)]
	b.rest = b.rest[size+int(n):]
	return raw
}

func (b *Reader) end() error {
	if !b.began {
		return ErrNoBundle
	}
	return io.EOF
}

// Manifest returns what the bundle says of itself, once Next has returned.
func (b *Reader) Manifest() Manifest { return b.manifest }

// Account says what was read until now.
func (b *Reader) Account() Account {
	a := b.account
	a.Read = b.c.read
	a.Damaged += max(0, b.c.skipped-int64(len(Magic)))
	a.Whole = b.ended && a.Damaged == 0 && uint64(a.Records) == b.promised
	return a
}
