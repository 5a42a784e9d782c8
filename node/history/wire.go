package history

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// Protocol is the libp2p protocol id.
const Protocol = "/linnet/history/1"

// Numbers on the wire (PROTOCOL.md §7).
const (
	askOps       = 1 // request type: the ops of a topic
	askHave      = 2 // request type: which of these records are stored there
	askSums      = 3 // request type: how much there is
	askReconcile = 4 // request type: one message of a reconciliation
	askRange     = 5 // request type: the records of a part of a lane, newest first
	askRecords   = 6 // request type: these records
	askOutline   = 7 // request type: where to cut a part of a lane into pieces
	askNudge     = 8 // request type: the asker has news that gossip may not bring
	askCarry     = 9 // request type: keep and serve this topic for the asker

	statusHere    = 1 // the answer follows
	statusSame    = 2 // the asker has the same set already
	statusUnknown = 3 // this node does not follow the topic
	statusBusy    = 4 // ask again later, or somebody else
)

// Lane is one of the sets of records that a topic consists of. The numbers are
// on the wire.
type Lane uint8

// Lanes, in the order in which they are fetched.
const (
	LaneOps   Lane = 1 // what changes the topic: who may write, what it is called
	LaneMarks Lane = 4 // checkpoints
	LanePosts Lane = 2 // what people read
	LaneOther Lane = 3 // content of kinds that this version does not know
)

var lanes = [...]Lane{LaneOps, LaneMarks, LanePosts, LaneOther}

func (l Lane) valid() bool { return l >= 1 && l <= 4 }

// Limits of one exchange.
const (
	maxRequest  = 128 << 10
	maxAsked    = 256  // ids in one question of type 2
	maxWanted   = 1024 // ids in one request of type 6
	maxContacts = 8
	maxAddrs    = 12
	maxOps      = 100_000
	maxOpsBytes = 32 << 20
	maxServed   = 4096     // records in one answer of type 5
	maxBytes    = 16 << 20 // of records in one answer of type 5 or 6, before compression
	maxMessage  = 64 << 10 // of a reconciliation
	maxPieces   = 4096     // in an answer of type 7
	minStep     = 64       // records between two of them
	maxForks    = 64       // in an answer of type 3
	maxSums     = 16 << 10 // bytes of an answer of type 3
	maxLink     = 4096     // bytes of a link in a request of type 9
)

// Errors that callers branch on.
var (
	ErrUnknown  = errors.New("history: that node does not have this topic")
	ErrBusy     = errors.New("history: that node has too much to do")
	ErrProtocol = errors.New("history: malformed answer")
	ErrFalse    = errors.New("history: that node sent something that cannot be genuine")
)

// sums are the sums of all lanes, in the order of lanes.
type sums [len(lanes)]reconcile.Sum

func sumUp(book Book) (s sums, err error) {
	for i, l := range lanes {
		if s[i], err = book.Set(l).Sum(reconcile.Bound{}, reconcile.End()); err != nil {
			return s, err
		}
	}
	return s, nil
}

// digest names a state of a topic: equal digests save a comparison. They prove
// nothing to somebody who doubts.
func (s sums) digest(forks [][2]record.ID) (d [32]byte) {
	h := sha256.New()
	h.Write([]byte("linnet/history/sums/1"))
	for _, sum := range s {
		h.Write(binary.BigEndian.AppendUint64(nil, sum.Count))
		h.Write(sum.Total[:])
	}
	for _, f := range forks {
		h.Write(f[0][:])
		h.Write(f[1][:])
	}
	h.Sum(d[:0])
	return d
}

// request is what an asker says. Type 1 fills N (0: no ops, only contacts), 2 and
// 6 IDs, 3 Sums, 4 Lane and Talk, 5 and 7 Lane, From, To and N, 9 Talk.
type request struct {
	Type  uint64 `cbor:"1,keyasint"`
	Topic []byte `cbor:"2,keyasint"`
	Sums  []byte `cbor:"4,keyasint,omitempty"` // a digest of all that the asker has, 32 bytes
	IDs   []byte `cbor:"5,keyasint,omitempty"` // 32 bytes each, one behind the other
	Lane  Lane   `cbor:"6,keyasint,omitempty"`
	From  []byte `cbor:"7,keyasint,omitempty"`  // a place: time (8, big-endian), id (32); absent is the beginning
	To    []byte `cbor:"8,keyasint,omitempty"`  // a place, excluded; absent is the end
	N     uint64 `cbor:"9,keyasint,omitempty"`  // records at most, or in each piece
	Talk  []byte `cbor:"10,keyasint,omitempty"` // a message of a reconciliation, or the topic's link
}

// wireSums is the answer of type 3.
type wireSums struct {
	Lanes []wireSum  `cbor:"1,keyasint"`
	Forks []wireFork `cbor:"2,keyasint,omitempty"`
}

type wireSum struct {
	_     struct{} `cbor:",toarray"`
	Lane  Lane
	Count uint64
	Print []byte // fingerprint, 16 bytes
}

type wireFork struct {
	_    struct{} `cbor:",toarray"`
	A, B []byte   // ids of two records with one writer and number
}

type wireContact struct {
	_     struct{} `cbor:",toarray"`
	ID    []byte
	Addrs [][]byte
}

// writeFrame writes b behind its length.
func writeFrame(w *bufio.Writer, b []byte) error {
	if _, err := w.Write(binary.AppendUvarint(w.AvailableBuffer(), uint64(len(b)))); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// readLen reads the length of a frame of at most limit bytes.
func readLen(r *bufio.Reader, limit int) (int, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, noEOF(err)
	}
	if n > uint64(limit) {
		return 0, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrProtocol, n, limit)
	}
	return int(n), nil
}

// readFrame reads a frame of at most limit bytes. An empty one is nil.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := readLen(r, limit)
	if err != nil || n == 0 {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, noEOF(err)
}

func (q request) encode() ([]byte, error) { return record.EncodeBody(q) }

func decodeRequest(b []byte) (request, error) {
	var q request
	if err := record.DecodeBody(b, &q); err != nil {
		return q, fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	switch {
	case len(q.Topic) != 32:
	case q.Type == askOps, q.Type == askNudge:
		return q, nil
	case q.Type == askHave && len(q.IDs)%32 == 0 && len(q.IDs) <= 32*maxAsked:
		return q, nil
	case q.Type == askRecords && len(q.IDs)%32 == 0 && len(q.IDs) <= 32*maxWanted:
		return q, nil
	case q.Type == askSums && len(q.Sums) == 32:
		return q, nil
	case q.Type == askCarry && len(q.Talk) > 0 && len(q.Talk) <= maxLink:
		return q, nil
	case q.Type == askReconcile && q.Lane.valid() && len(q.Talk) <= maxMessage:
		return q, nil
	case (q.Type == askRange || q.Type == askOutline) && q.Lane.valid() && validPlace(q.From) && validPlace(q.To) && q.N > 0:
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

// placeSize is the length of a place on the wire.
const placeSize = 8 + 32

func appendPlace(b []byte, at reconcile.Bound) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(at.Time)), at.ID[:]...)
}

func validPlace(b []byte) bool {
	return len(b) == 0 || len(b) == placeSize && b[0]&0x80 == 0
}

// parsePlace reads what validPlace allows to be read.
func parsePlace(b []byte) reconcile.Bound {
	return reconcile.Bound{Time: int64(binary.BigEndian.Uint64(b)), ID: reconcile.ID(b[8:placeSize])}
}

// part returns the part of a lane that a request names.
func (q request) part() reconcile.Range {
	r := reconcile.Whole()
	if len(q.From) > 0 {
		r.From = parsePlace(q.From)
	}
	if len(q.To) > 0 {
		r.To = parsePlace(q.To)
	}
	return r
}

// setPart is the other direction of part.
func (q *request) setPart(r reconcile.Range) {
	if r.From != (reconcile.Bound{}) {
		q.From = appendPlace(nil, r.From)
	}
	if !r.To.End {
		q.To = appendPlace(nil, r.To)
	}
}

func decodeSums(b []byte) (w Whole, err error) {
	var in wireSums
	if err := record.DecodeBody(b, &in); err != nil {
		return w, fmt.Errorf("%w: sums: %v", ErrProtocol, err)
	}
	if len(in.Lanes) > len(lanes) || len(in.Forks) > maxForks {
		return w, fmt.Errorf("%w: %d sums, %d forks", ErrProtocol, len(in.Lanes), len(in.Forks))
	}
	w.Lanes = map[Lane]LaneSum{}
	for _, l := range in.Lanes {
		if !l.Lane.valid() || len(l.Print) != 16 {
			return w, fmt.Errorf("%w: sum of lane %d", ErrProtocol, l.Lane)
		}
		w.Lanes[l.Lane] = LaneSum{l.Count, reconcile.Fingerprint(l.Print)}
	}
	for _, f := range in.Forks {
		if len(f.A) != 32 || len(f.B) != 32 {
			return w, fmt.Errorf("%w: fork", ErrProtocol)
		}
		w.Forks = append(w.Forks, [2]record.ID{record.ID(f.A), record.ID(f.B)})
	}
	return w, nil
}

// decodeOutline reads a number and places within part, ascending.
func decodeOutline(b []byte, part reconcile.Range) (count uint64, cuts []reconcile.Bound, err error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || (len(b)-n)%placeSize != 0 {
		return 0, nil, fmt.Errorf("%w: outline", ErrProtocol)
	}
	last := part.From
	for b = b[n:]; len(b) > 0; b = b[placeSize:] {
		if !validPlace(b[:placeSize]) {
			return 0, nil, fmt.Errorf("%w: outline", ErrProtocol)
		}
		cut := parsePlace(b)
		if cut.Compare(last) <= 0 || cut.Compare(part.To) >= 0 {
			return 0, nil, fmt.Errorf("%w: outline out of order", ErrProtocol)
		}
		cuts = append(cuts, cut)
		last = cut
	}
	return count, cuts, nil
}
