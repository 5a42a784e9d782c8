package mailbox

import (
	"crypto/ed25519"
	"encoding/binary"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// What signed bytes begin with, so that none is taken for another.
const (
	labelRequest = "linnet/mailbox/request/1"
	labelReceipt = "linnet/mailbox/receipt/1"
)

// talk is what a request is bound to: one stream between two peers.
type talk struct {
	Nonce         [32]byte // the keeper's, fresh for each stream
	Keeper, Asker peer.ID
}

// statement returns what is signed for the nth request of a talk, counted from 0.
// body is the request without its signature.
func (t talk) statement(n uint64, body []byte) []byte {
	b := append([]byte(labelRequest), t.Nonce[:]...)
	for _, p := range []peer.ID{t.Keeper, t.Asker} {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	b = binary.BigEndian.AppendUint64(b, n)
	return append(b, body...)
}

// Receipt is a box owner's word that a mail was fetched. A keeper cannot make one.
type Receipt struct {
	Box  Box
	ID   MailID
	Time time.Time // as the owner says, to the millisecond
	Sig  [ed25519.SignatureSize]byte
}

func receiptStatement(box Box, id MailID, ms int64) []byte {
	b := append([]byte(labelReceipt), box[:]...)
	b = append(b, id[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(ms))
}

// sign returns a receipt by the owner of a box.
func sign(key ed25519.PrivateKey, id MailID, at time.Time) Receipt {
	r := Receipt{Box: BoxOf(key), ID: id, Time: time.UnixMilli(at.UnixMilli())}
	copy(r.Sig[:], ed25519.Sign(key, receiptStatement(r.Box, id, r.Time.UnixMilli())))
	return r
}

// Verify reports whether the box key signed the receipt.
func (r Receipt) Verify() bool {
	return ed25519.Verify(r.Box[:], receiptStatement(r.Box, r.ID, r.Time.UnixMilli()), r.Sig[:])
}
