package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Limits of a contact link.
const (
	MaxLinkText      = 4096 // characters
	MaxLinkDevices   = 4
	MaxLinkAddresses = 8
	MaxAddress       = 255 // bytes of one
	MaxMailboxes     = 4
	MaxMailbox       = 128  // bytes of one
	SecretSize       = 16   // bytes of Link.Secret
	PrekeySize       = 1216 // bytes of an X-Wing public key
)

// Errors of links. ErrLink's text, with what is wrapped around it, is for people.
var (
	ErrLink = errors.New("identity: broken contact link")
	// ErrNotContact means that a text holds no link, or one of another kind, which
	// other rooms may know.
	ErrNotContact = errors.New("identity: not a contact link")
	// ErrNewerLink means that the link is whole, but of a later version.
	ErrNewerLink = errors.New("identity: the contact link was made by a newer Linnet, update this one")
)

const linkLabel = "linnet/contact-link/1"

// Forms of a prekey in a link.
const (
	prekeyHash  = 1
	prekeyWhole = 2
)

// Link is what you send a person so that they can write to you
// (PROTOCOL.md §2.7). Whoever has it knows the account, its devices and where
// they are reached: it goes to one person, or to many if its owner likes.
type Link struct {
	// Devices are 1 to MaxLinkDevices of the account, each once. The first made
	// the link, and the prekey is its own.
	Devices []Certificate
	Created time.Time // whole milliseconds
	// Secret is what a request must show, so that its receiver can drop those
	// of strangers, or of everybody who got a link that was given up.
	Secret [SecretSize]byte
	// PrekeyHash is SHA-256 of the device's X-Wing public key. Prekey is that key,
	// or nil where it is to be fetched.
	PrekeyHash [sha256.Size]byte
	Prekey     []byte
	Name       string   // that the person suggests, CleanName's form; may be empty
	Addresses  [][]byte // where the device may be reached; their bytes mean something to the room reach only
	Mailboxes  [][]byte // where mail may be left; their bytes mean something to the room mailbox only
}

// Account returns whose link it is.
func (l Link) Account() Key { return l.Devices[0].Account }

// NewLinkSecret returns a fresh Secret from crypto/rand.
func NewLinkSecret() (s [SecretSize]byte, err error) {
	_, err = rand.Read(s[:])
	return s, err
}

// SignLink writes the link as text. l.Devices[0] must be d's. Where Prekey is
// set, PrekeyHash follows from it. The error says which limit is passed; a link
// with a whole prekey has room for a few addresses only.
func (d Device) SignLink(l Link) (string, error) {
	if len(l.Devices) == 0 || l.Devices[0].Device != d.Public() {
		return "", fmt.Errorf("%w: the first certificate must be that of the device which signs", ErrLink)
	}
	if l.Prekey != nil {
		l.PrekeyHash = sha256.Sum256(l.Prekey)
	}
	if err := l.check(); err != nil {
		return "", err
	}
	said := l.said()
	b := append(said, ed25519.Sign(d.signer(), labelled(linkLabel, said))...)
	text := frame(b)
	if len(text) > MaxLinkText {
		return "", fmt.Errorf("%w: it would have %d characters, at most %d; leave out addresses or name the prekey by hash", ErrLink, len(text), MaxLinkText)
	}
	return text, nil
}

// ParseLink reads a link from a text that may have words around it and breaks
// inside. It checks every signature in it. The error matches ErrLink,
// ErrNotContact or ErrNewerLink and says what is wrong in a way that helps.
func ParseLink(text string) (Link, error) {
	b, err := unframe(text)
	if err != nil {
		return Link{}, err
	}
	l, said, sig, err := decodeLink(b)
	if err != nil {
		return Link{}, err
	}
	for _, c := range l.Devices {
		if c.verify() != nil {
			return Link{}, fmt.Errorf("%w: a device in it does not belong to the account; ask for another link, in another way", ErrLink)
		}
	}
	if !ed25519.Verify(l.Devices[0].Device[:], labelled(linkLabel, said), sig) {
		return Link{}, fmt.Errorf("%w: it is not what its owner signed; ask for another link, in another way", ErrLink)
	}
	return l, nil
}

// check holds the rules that a link fulfils whoever made it.
func (l Link) check() error {
	switch {
	case len(l.Devices) == 0 || len(l.Devices) > MaxLinkDevices:
		return fmt.Errorf("%w: it must name 1 to %d devices", ErrLink, MaxLinkDevices)
	case !sameAccount(l.Devices):
		return fmt.Errorf("%w: its devices must be different and of one account", ErrLink)
	case l.Secret == [SecretSize]byte{}:
		return fmt.Errorf("%w: it has no secret", ErrLink)
	case l.PrekeyHash == [sha256.Size]byte{}:
		return fmt.Errorf("%w: it has no prekey", ErrLink)
	case l.Prekey != nil && len(l.Prekey) != PrekeySize:
		return fmt.Errorf("%w: its prekey has %d bytes, must be %d", ErrLink, len(l.Prekey), PrekeySize)
	case checkName(l.Name) != nil:
		return fmt.Errorf("%w: the name in it is not a name", ErrLink)
	}
	if err := checkList("addresses", l.Addresses, MaxLinkAddresses, MaxAddress); err != nil {
		return err
	}
	return checkList("mailboxes", l.Mailboxes, MaxMailboxes, MaxMailbox)
}

func checkList(what string, list [][]byte, limit, size int) error {
	if len(list) > limit {
		return fmt.Errorf("%w: %d %s, at most %d", ErrLink, len(list), what, limit)
	}
	for _, b := range list {
		if len(b) == 0 || len(b) > size {
			return fmt.Errorf("%w: one of its %s has %d bytes, must be 1 to %d", ErrLink, what, len(b), size)
		}
	}
	return nil
}

func sameAccount(devices []Certificate) bool {
	seen := map[Key]bool{{}: true}
	for _, c := range devices {
		if c.Account != devices[0].Account || seen[c.Device] {
			return false
		}
		seen[c.Device] = true
	}
	return true
}

// said writes the part of a link that is signed, from its head on.
func (l Link) said() []byte {
	b := append(make([]byte, headSize), l.Devices[0].Account[:]...)
	b = append(b, byte(len(l.Devices)))
	for _, c := range l.Devices {
		b = append(b, c.Bytes()[1+32:]...) // without version and account
	}
	b = appendTime(b, l.Created)
	b = append(b, l.Secret[:]...)
	if l.Prekey != nil {
		b = append(append(b, prekeyWhole), l.Prekey...)
	} else {
		b = append(append(b, prekeyHash), l.PrekeyHash[:]...)
	}
	b = appendShort(b, []byte(l.Name))
	for _, list := range [][][]byte{l.Addresses, l.Mailboxes} {
		b = append(b, byte(len(list)))
		for _, item := range list {
			b = appendShort(b, item)
		}
	}
	putHead(b, len(b)+signatureSize)
	return b
}

// decodeLink reads a link behind its frame, without looking at signatures.
func decodeLink(b []byte) (l Link, said, sig []byte, err error) {
	r := reader{rest: b}
	r.take(headSize)
	account := r.key()
	for range r.count(MaxLinkDevices) {
		l.Devices = append(l.Devices, Certificate{Account: account, Device: r.key(), Issued: r.time(), sig: r.sig()})
	}
	l.Created = r.time()
	copy(l.Secret[:], r.take(SecretSize))
	switch r.byte() {
	case prekeyHash:
		copy(l.PrekeyHash[:], r.take(sha256.Size))
	case prekeyWhole:
		l.Prekey = r.take(PrekeySize)
		l.PrekeyHash = sha256.Sum256(l.Prekey)
	default:
		r.bad = true
	}
	l.Name = string(r.short(MaxName))
	l.Addresses = r.list(MaxLinkAddresses, MaxAddress)
	l.Mailboxes = r.list(MaxMailboxes, MaxMailbox)
	said = b[:len(b)-len(r.rest)]
	sig = r.take(signatureSize)
	if !r.whole() {
		return Link{}, nil, nil, fmt.Errorf("%w: what is in it makes no sense", ErrLink)
	}
	return l, said, sig, l.check()
}

func (r *reader) list(limit, size int) (list [][]byte) {
	for range r.count(limit) {
		list = append(list, r.short(size))
	}
	return list
}
