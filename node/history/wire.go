package history

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// Protocol is the libp2p protocol id.
const Protocol = "/linnet/history/1"

// Numbers on the wire (PROTOCOL.md §7).
const (
	askOps  = 1 // request type: the ops of a topic
	askHave = 2 // request type: which of these records are stored there

	statusHere    = 1 // records follow
	statusSame    = 2 // the asker has the same set already
	statusUnknown = 3 // this node does not follow the topic
	statusBusy    = 4 // ask again later, or somebody else
)

// Limits of one exchange.
const (
	maxRequest  = 16 << 10
	maxAsked    = 256 // ids in one question
	maxContacts = 8
	maxAddrs    = 12
	maxOps      = 100_000
	maxOpsBytes = 32 << 20
)

// Errors that callers branch on.
var (
	ErrUnknown  = errors.New("history: that node does not have this topic")
	ErrBusy     = errors.New("history: that node has too much to do")
	ErrProtocol = errors.New("history: malformed answer")
)

// Digest sums up a set of records: how many, and the exclusive or of their ids.
// Equal digests save a transfer; they prove nothing to somebody who doubts.
type Digest struct {
	Count uint64
	Xor   [32]byte
}

// Add counts one more record in.
func (d *Digest) Add(id record.ID) {
	d.Count++
	for i := range d.Xor {
		d.Xor[i] ^= id[i]
	}
}

// request is what an asker says. Type 1 fills Count and Xor, type 2 IDs.
type request struct {
	Type  uint64 `cbor:"1,keyasint"`
	Topic []byte `cbor:"2,keyasint"`
	Count uint64 `cbor:"3,keyasint,omitempty"`
	Xor   []byte `cbor:"4,keyasint,omitempty"`
	IDs   []byte `cbor:"5,keyasint,omitempty"` // 32 bytes each, one behind the other
}

type wireContact struct {
	_     struct{} `cbor:",toarray"`
	ID    []byte
	Addrs [][]byte
}

// writeFrame writes b behind its length.
func writeFrame(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.AppendUvarint(make([]byte, 0, len(b)+4), uint64(len(b))), b...))
	return err
}

// readFrame reads a frame of at most limit bytes. An empty one is nil.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrProtocol, n, limit)
	}
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

func (q request) encode() ([]byte, error) { return record.EncodeBody(q) }

func decodeRequest(b []byte) (request, error) {
	var q request
	if err := record.DecodeBody(b, &q); err != nil {
		return q, fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	switch {
	case len(q.Topic) != 32:
	case q.Type == askOps && len(q.Xor) == 32:
		return q, nil
	case q.Type == askHave && len(q.IDs)%32 == 0 && len(q.IDs) <= 32*maxAsked:
		return q, nil
	}
	return q, fmt.Errorf("%w: request", ErrProtocol)
}

func encodeContacts(list []topic.Contact) ([]byte, error) {
	out := []wireContact{}
	for _, c := range list[:min(len(list), maxContacts)] {
		out = append(out, wireContact{ID: c.ID, Addrs: c.Addrs[:min(len(c.Addrs), maxAddrs)]})
	}
	return record.EncodeBody(out)
}

func decodeContacts(b []byte) ([]topic.Contact, error) {
	var in []wireContact
	if err := record.DecodeBody(b, &in); err != nil {
		return nil, fmt.Errorf("%w: contacts: %v", ErrProtocol, err)
	}
	if len(in) > maxContacts {
		return nil, fmt.Errorf("%w: %d contacts", ErrProtocol, len(in))
	}
	var out []topic.Contact
	for _, c := range in {
		out = append(out, topic.Contact{ID: c.ID, Addrs: c.Addrs[:min(len(c.Addrs), maxAddrs)]})
	}
	return out, nil
}
