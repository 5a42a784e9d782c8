package mailbox

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"
)

// Row is a row of a store. In changes a nil Value deletes the key.
type Row struct{ Key, Value []byte }

// Store holds a keeper's rows. It owns no slice that it is given and none that it
// returns. Its methods are called from several goroutines, and must not call the
// keeper. A key is at most 65 bytes long.
type Store interface {
	// Apply makes all of the changes or none; they are on disk when it returns nil.
	// They are up to 1,100 rows and 300 KiB.
	Apply(changes []Row) error
	// Get returns the value of a key, nil where there is none.
	Get(key []byte) ([]byte, error)
	// Walk calls f with the rows whose key begins with prefix, ascending, until f
	// returns false; after, unless it is nil, leaves out the rows up to that key.
	// f uses the slices only until it returns and does not call the store.
	Walk(prefix, after []byte, f func(key, value []byte) bool) error
}

// The first byte of a key says what the row holds; a box follows.
const (
	rowBox     = 'a' // an agreement
	rowNumber  = 'n' // + number: a mail by its arrival
	rowIndex   = 'i' // + id: the same by its id
	rowMail    = 'm' // + id: its bytes
	rowReceipt = 'r' // + id: that it was fetched
)

func boxKey(kind byte, box Box) []byte { return append([]byte{kind}, box[:]...) }

func mailKey(kind byte, box Box, id MailID) []byte { return append(boxKey(kind, box), id[:]...) }

func numberKey(box Box, n uint64) []byte {
	return binary.BigEndian.AppendUint64(boxKey(rowNumber, box), n)
}

// terms is what is stored of an agreement.
type terms struct {
	Deposit [ed25519.PublicKeySize]byte
	Quota   int64
	Until   int64 // ms
}

func (t terms) row(box Box) Row {
	b := binary.BigEndian.AppendUint64(t.Deposit[:], uint64(t.Quota))
	return Row{boxKey(rowBox, box), binary.BigEndian.AppendUint64(b, uint64(t.Until))}
}

func parseTerms(b []byte) (t terms, err error) {
	if err := size(b, 48); err != nil {
		return t, fmt.Errorf("mailbox: stored agreement: %w", err)
	}
	return terms{[32]byte(b), int64(binary.BigEndian.Uint64(b[32:])), int64(binary.BigEndian.Uint64(b[40:]))}, nil
}

// slip is what is stored of a mail beside its bytes, under its number and under its id.
type slip struct {
	entry
	Until int64 // ms
}

func (s slip) charge() int64 { return int64(s.Size) + Overhead }

func (s slip) rows(box Box) []Row {
	b := binary.BigEndian.AppendUint64(nil, s.Number)
	b = append(b, s.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Until))
	return []Row{{numberKey(box, s.Number), b}, {mailKey(rowIndex, box, s.ID), b}}
}

// erase returns the changes that delete the mail.
func (s slip) erase(box Box) []Row {
	return []Row{{Key: numberKey(box, s.Number)}, {Key: mailKey(rowIndex, box, s.ID)}, {Key: mailKey(rowMail, box, s.ID)}}
}

func parseSlip(b []byte) (s slip, err error) {
	if err := size(b, 52); err != nil {
		return s, fmt.Errorf("mailbox: stored index: %w", err)
	}
	e := entry{binary.BigEndian.Uint64(b), MailID(b[8:]), int(binary.BigEndian.Uint32(b[40:]))}
	return slip{e, int64(binary.BigEndian.Uint64(b[44:]))}, nil
}

// stubRow is a stored receipt: the owner's time, until when it is kept, and the signature.
func stubRow(r Receipt, until int64) Row {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.Time.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(until))
	return Row{mailKey(rowReceipt, r.Box, r.ID), append(b, r.Sig[:]...)}
}

func parseStub(box Box, id MailID, b []byte) (r Receipt, until int64, err error) {
	if err := size(b, 80); err != nil {
		return r, 0, fmt.Errorf("mailbox: stored receipt: %w", err)
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	return Receipt{box, id, at, [64]byte(b[16:])}, int64(binary.BigEndian.Uint64(b[8:])), nil
}
