package mailbox

import (
	"bufio"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
)

// Numbers on the wire.
const (
	askAgree  = 1 // by the box key: keep this box, or on other terms
	askEnd    = 2 // by the box key: drop it and all that is in it
	askOffer  = 3 // by the deposit key: which of these mails are wanted; they follow
	askList   = 4 // by the box key: what is there
	askGet    = 5 // by the box key: these mails
	askDone   = 6 // by the box key: these are fetched, here are the receipts
	askStatus = 7 // by the deposit key: the states of these mails

	answerHere    = 1 // the answer follows
	answerUnknown = 2 // this box is not kept here
	answerBusy    = 3 // ask again later; the stream ends
	answerRefused = 4 // wrong signature, or this node does not want to; the stream ends
	answerFull    = 5 // there is no room for a box
)

// Limits of one exchange.
const (
	maxRequest  = 32 << 10 // bytes of a request
	maxRequests = 1024     // requests in a stream
	maxOffer    = 64       // mails in one offer
	maxPage     = 256      // mails in one answer to list
	maxGet      = 64       // mails in one get
	maxIDs      = 256      // ids or receipts in one request
)

// Lengths on the wire.
const (
	headSize    = 1 + len(Box{})
	agreeSize   = ed25519.PublicKeySize + 8 + 4
	grantSize   = 8 + 4 + 8 + 4
	offerSize   = len(MailID{}) + 4 + 4
	entrySize   = 8 + len(MailID{}) + 4
	wantSize    = len(MailID{}) + 4
	receiptSize = len(MailID{}) + 8 + ed25519.SignatureSize
)

// request is what an asker says. Which fields it has depends on Type.
type request struct {
	Type     byte
	Box      Box
	Terms    Terms     // askAgree
	Offers   []offer   // askOffer
	After    uint64    // askList
	Wants    []want    // askGet
	Receipts []Receipt // askDone
	IDs      []MailID  // askStatus
}

// byOwner reports whether the box key signs the request, not the deposit key.
func (q request) byOwner() bool { return q.Type != askOffer && q.Type != askStatus }

// offer is a mail that an asker could send.
type offer struct {
	ID   MailID
	Size int
	Keep time.Duration // whole seconds
}

// entry is a mail in a box. Numbers ascend in the order of arrival.
type entry struct {
	Number uint64
	ID     MailID
	Size   int
}

// want is a mail that an owner lacks the end of.
type want struct {
	ID   MailID
	From int
}

// seconds returns d as it is written, rounded down.
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d/time.Second, 0), math.MaxUint32))
}

func (q request) encode() []byte {
	b := append([]byte{q.Type}, q.Box[:]...)
	switch q.Type {
	case askAgree:
		b = append(b, q.Terms.Deposit...)
		b = binary.BigEndian.AppendUint64(b, uint64(q.Terms.Quota))
		b = binary.BigEndian.AppendUint32(b, seconds(q.Terms.Term))
	case askOffer:
		for _, o := range q.Offers {
			b = append(b, o.ID[:]...)
			b = binary.BigEndian.AppendUint32(b, uint32(o.Size))
			b = binary.BigEndian.AppendUint32(b, seconds(o.Keep))
		}
	case askList:
		b = binary.BigEndian.AppendUint64(b, q.After)
	case askGet:
		for _, w := range q.Wants {
			b = append(b, w.ID[:]...)
			b = binary.BigEndian.AppendUint32(b, uint32(w.From))
		}
	case askDone:
		for _, r := range q.Receipts {
			b = append(b, r.ID[:]...)
			b = binary.BigEndian.AppendUint64(b, uint64(r.Time.UnixMilli()))
			b = append(b, r.Sig[:]...)
		}
	case askStatus:
		for _, id := range q.IDs {
			b = append(b, id[:]...)
		}
	}
	return b
}

// decodeRequest reads a request without its signature.
func decodeRequest(b []byte) (q request, err error) {
	if len(b) < headSize {
		return q, fmt.Errorf("%w: request of %d bytes", ErrProtocol, len(b))
	}
	q.Type, q.Box = b[0], Box(b[1:headSize])
	b = b[headSize:]
	switch q.Type {
	case askAgree:
		q.Terms, err = decodeTerms(b)
	case askEnd:
		err = size(b, 0)
	case askOffer:
		q.Offers, err = decodeList(b, offerSize, maxOffer, decodeOffer)
	case askList:
		if err = size(b, 8); err == nil {
			q.After = binary.BigEndian.Uint64(b)
		}
	case askGet:
		q.Wants, err = decodeList(b, wantSize, maxGet, func(b []byte) want {
			return want{MailID(b), int(binary.BigEndian.Uint32(b[32:]))}
		})
	case askDone:
		q.Receipts, err = decodeList(b, receiptSize, maxIDs, func(b []byte) Receipt { return decodeReceipt(q.Box, b) })
	case askStatus:
		q.IDs, err = decodeList(b, len(MailID{}), maxIDs, func(b []byte) MailID { return MailID(b) })
	default:
		err = fmt.Errorf("%w: request %d", ErrProtocol, q.Type)
	}
	return q, err
}

func decodeTerms(b []byte) (Terms, error) {
	if err := size(b, agreeSize); err != nil {
		return Terms{}, err
	}
	t := Terms{
		Deposit: append(ed25519.PublicKey(nil), b[:32]...),
		Quota:   int64(min(binary.BigEndian.Uint64(b[32:]), math.MaxInt64)),
		Term:    time.Duration(binary.BigEndian.Uint32(b[40:])) * time.Second,
	}
	if !t.valid() {
		return t, fmt.Errorf("%w: terms", ErrProtocol)
	}
	return t, nil
}

func decodeOffer(b []byte) offer {
	return offer{MailID(b), int(binary.BigEndian.Uint32(b[32:])), time.Duration(binary.BigEndian.Uint32(b[36:])) * time.Second}
}

func decodeReceipt(box Box, b []byte) Receipt {
	return Receipt{Box: box, ID: MailID(b), Time: time.UnixMilli(int64(binary.BigEndian.Uint64(b[32:]))), Sig: [64]byte(b[40:receiptSize])}
}

// decodeList reads 1 to limit parts of part bytes each.
func decodeList[T any](b []byte, part, limit int, one func([]byte) T) ([]T, error) {
	if len(b) == 0 || len(b)%part != 0 || len(b)/part > limit {
		return nil, fmt.Errorf("%w: %d bytes of %d each, at most %d", ErrProtocol, len(b), part, limit)
	}
	out := make([]T, 0, len(b)/part)
	for ; len(b) > 0; b = b[part:] {
		out = append(out, one(b[:part]))
	}
	return out, nil
}

func size(b []byte, want int) error {
	if len(b) != want {
		return fmt.Errorf("%w: %d bytes, not %d", ErrProtocol, len(b), want)
	}
	return nil
}

func encodeGrant(a Agreement, now time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(a.Quota))
	b = binary.BigEndian.AppendUint32(b, seconds(a.Until.Sub(now)))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Used))
	return binary.BigEndian.AppendUint32(b, uint32(a.Mails))
}

func decodeGrant(box Box, b []byte, now time.Time) (Agreement, error) {
	if err := size(b, grantSize); err != nil {
		return Agreement{}, err
	}
	a := Agreement{
		Box:   box,
		Quota: int64(binary.BigEndian.Uint64(b)),
		Until: now.Add(time.Duration(binary.BigEndian.Uint32(b[8:])) * time.Second),
		Used:  int64(binary.BigEndian.Uint64(b[12:])),
		Mails: int(binary.BigEndian.Uint32(b[20:])),
	}
	if a.Quota < 0 || a.Used < 0 {
		return Agreement{}, fmt.Errorf("%w: grant", ErrProtocol)
	}
	return a, nil
}

// verdict answers one mail of an offer: if it is wanted, then from From on.
type verdict struct {
	State State
	From  int
}

func encodeVerdicts(vs []verdict) (b []byte) {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint32(append(b, byte(v.State)), uint32(v.From))
	}
	return b
}

// decodeVerdicts reads the answer to offers.
func decodeVerdicts(b []byte, offers []offer) ([]verdict, error) {
	if err := size(b, 5*len(offers)); err != nil {
		return nil, err
	}
	var out []verdict
	for i, o := range offers {
		v := verdict{State(b[5*i]), int(binary.BigEndian.Uint32(b[5*i+1:]))}
		if v.State == Wanted && v.From >= o.Size {
			return nil, fmt.Errorf("%w: a mail wanted from %d of %d", ErrProtocol, v.From, o.Size)
		}
		out = append(out, v)
	}
	return out, nil
}

func encodePage(more bool, es []entry) []byte {
	b := []byte{0}
	if more {
		b[0] = 1
	}
	for _, e := range es {
		b = binary.BigEndian.AppendUint64(b, e.Number)
		b = append(b, e.ID[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(e.Size))
	}
	return b
}

// decodePage reads what is in a box behind after: numbers ascend, so that no
// list is endless by going in a circle.
func decodePage(b []byte, after uint64) (more bool, es []entry, err error) {
	if len(b) == 0 || b[0] > 1 || len(b) == 1 && b[0] == 1 {
		return false, nil, fmt.Errorf("%w: page", ErrProtocol)
	}
	if len(b) == 1 {
		return false, nil, nil
	}
	es, err = decodeList(b[1:], entrySize, maxPage, func(b []byte) entry {
		return entry{binary.BigEndian.Uint64(b), MailID(b[8:40]), int(binary.BigEndian.Uint32(b[40:]))}
	})
	if err != nil {
		return false, nil, err
	}
	for _, e := range es {
		if e.Number <= after || e.Size < 1 || e.Size > MaxMail {
			return false, nil, fmt.Errorf("%w: entry %d of %d bytes behind %d", ErrProtocol, e.Number, e.Size, after)
		}
		after = e.Number
	}
	return b[0] == 1, es, nil
}

// standing is the state of a mail, with the receipt if it is fetched.
type standing struct {
	State   State
	Receipt Receipt
}

func encodeStandings(ss []standing) (b []byte) {
	for _, s := range ss {
		b = append(b, byte(s.State))
		if s.State == Fetched {
			b = binary.BigEndian.AppendUint64(b, uint64(s.Receipt.Time.UnixMilli()))
			b = append(b, s.Receipt.Sig[:]...)
		}
	}
	return b
}

// decodeStandings reads the states of ids. A receipt that is not genuine is ErrFalse.
func decodeStandings(b []byte, box Box, ids []MailID) ([]standing, error) {
	var out []standing
	for _, id := range ids {
		if len(b) == 0 {
			return nil, fmt.Errorf("%w: %d states of %d", ErrProtocol, len(out), len(ids))
		}
		s := standing{State: State(b[0])}
		b = b[1:]
		switch s.State {
		case Kept, Unknown, Busy:
		case Fetched:
			if len(b) < receiptSize-32 {
				return nil, fmt.Errorf("%w: receipt", ErrProtocol)
			}
			s.Receipt = decodeReceipt(box, append(id[:], b[:receiptSize-32]...))
			b = b[receiptSize-32:]
			if !s.Receipt.Verify() {
				return nil, fmt.Errorf("%w: receipt of %s", ErrFalse, id)
			}
		default:
			return nil, fmt.Errorf("%w: state %d", ErrProtocol, s.State)
		}
		out = append(out, s)
	}
	return out, size(b, 0)
}

// writeFrame writes b behind its length.
func writeFrame(w *bufio.Writer, b []byte) error {
	if _, err := w.Write(binary.AppendUvarint(w.AvailableBuffer(), uint64(len(b)))); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// readFrame reads a frame of at most limit bytes. io.EOF means that none begins.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, noEOF(err)
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d", ErrProtocol, n, limit)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, noEOF(err)
}

// noEOF is for places where the end comes too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
