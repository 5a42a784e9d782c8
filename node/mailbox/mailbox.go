package mailbox

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Protocol is the libp2p protocol id.
const Protocol = "/linnet/mailbox/1"

// Limits that both sides hold to.
const (
	MaxMail  = 256 << 10          // bytes of one mail; it has at least one
	Overhead = 1 << 10            // bytes that each mail is charged to its box's quota beside its length
	MinQuota = MaxMail + Overhead // bytes; a box for less is refused
)

// Errors that callers branch on.
var (
	ErrUnknownBox = errors.New("mailbox: that node keeps no such box")
	ErrFull       = errors.New("mailbox: no room left there")
	ErrRefused    = errors.New("mailbox: that node refuses")
	ErrBusy       = errors.New("mailbox: that node has too much to do")
	ErrProtocol   = errors.New("mailbox: malformed message")
	ErrFalse      = errors.New("mailbox: that node sent something that cannot be genuine")
	ErrShort      = errors.New("mailbox: fewer copies than wanted")
)

// Box names a mailbox: the public half of its owner's box key.
type Box [ed25519.PublicKeySize]byte

// String returns the box in hexadecimal.
func (b Box) String() string { return hex.EncodeToString(b[:]) }

// BoxOf returns the box that key owns. It panics if key is no whole private key.
func BoxOf(key ed25519.PrivateKey) Box { return Box(key.Public().(ed25519.PublicKey)) }

// MailID names a mail: the SHA-256 of its bytes.
type MailID [sha256.Size]byte

// IDOf returns the id of a mail.
func IDOf(mail []byte) MailID { return sha256.Sum256(mail) }

// String returns the id in hexadecimal.
func (id MailID) String() string { return hex.EncodeToString(id[:]) }

// Address is what the owner of a box gives to everybody who may leave mail there:
// the same to all of them. Deposit is secret to them.
type Address struct {
	Box     Box
	Deposit ed25519.PrivateKey
}

// AddressSize is the length of an address in bytes.
const AddressSize = len(Box{}) + ed25519.SeedSize

// Bytes returns the address for a link: the box, and the seed of the deposit key.
// It panics if Deposit is no whole private key.
func (a Address) Bytes() []byte { return append(a.Box[:], a.Deposit.Seed()...) }

// ParseAddress is the other direction of Bytes. It keeps nothing of b.
func ParseAddress(b []byte) (Address, error) {
	if len(b) != AddressSize {
		return Address{}, fmt.Errorf("%w: address of %d bytes", ErrProtocol, len(b))
	}
	return Address{Box: Box(b), Deposit: ed25519.NewKeyFromSeed(b[len(Box{}):])}, nil
}

func (a Address) valid() error {
	if len(a.Deposit) != ed25519.PrivateKeySize {
		return fmt.Errorf("mailbox: deposit key of %d bytes", len(a.Deposit))
	}
	return nil
}

// Terms are what a recipient wants of a keeper, and what a policy allows.
type Terms struct {
	Deposit ed25519.PublicKey // the key that mail is put with
	Quota   int64             // bytes, with Overhead for each mail
	Term    time.Duration     // from now on, whole seconds
}

func (t Terms) valid() bool {
	return len(t.Deposit) == ed25519.PublicKeySize && t.Quota >= MinQuota && t.Term >= time.Second
}

// Agreement is how a box stands with a keeper.
type Agreement struct {
	Box   Box
	Quota int64 // bytes
	Used  int64 // of them
	Mails int
	Until time.Time // no new mail from then on; what is there is kept until it is too old
}

// State is what a keeper says of a mail.
type State uint8

// States of a mail. The numbers are on the wire.
const (
	Wanted  State = 1 // not there: send it
	Kept    State = 2 // it is there. The keeper says so; nothing proves it
	Full    State = 3 // no room in the box
	Fetched State = 4 // the owner has it
	Unknown State = 5 // not there: never was, too old, or long fetched
	Refused State = 6 // too large, too late, or the box takes no more
	Busy    State = 7 // ask again later
	Damaged State = 8 // what came is not what its id names
)

// err returns what a state means to somebody who puts a mail.
func (s State) err() error {
	switch s {
	case Kept, Fetched:
		return nil
	case Full:
		return ErrFull
	case Busy:
		return ErrBusy
	case Refused:
		return ErrRefused
	}
	return fmt.Errorf("%w: state %d", ErrProtocol, s)
}
