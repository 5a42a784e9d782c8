package letter

import (
	"fmt"

	"github.com/linnet-im/linnet/node/record"
)

// Limits of what a new device is given.
const (
	MaxItems = 64
	maxName  = 128
	maxParts = 4096
	maxReach = 1024 // bytes of settings
)

// Device makes an installation a device of the sender's. It comes in as many
// letters as it takes.
type Device struct {
	Secret      [SecretSize]byte // of the contact link of the installation
	Token       [SecretSize]byte // will stand in each Texts for it
	Certificate []byte           // by the account, see identity.OpenCertificate
	Name        string           // what the person calls itself
	Part, Parts uint64           // this is number Part of Parts, from 0
	Items       [][]byte         // see Item
}

// Item is one thing that a new device is given: a person, a topic, a bridge, or how
// others are to be reached. A device that does not know one passes it over.
type Item struct {
	Person *Person `cbor:"1,keyasint,omitempty"`
	Topic  *Place  `cbor:"2,keyasint,omitempty"`
	Bridge string  `cbor:"3,keyasint,omitempty"` // a bridge link
	Reach  []byte  `cbor:"4,keyasint,omitempty"` // settings, whose bytes mean something to room node only
}

// Person is a contact.
type Person struct {
	Link     string `cbor:"1,keyasint"`
	Name     string `cbor:"2,keyasint,omitempty"` // given by the person whose device it is
	Verified int64  `cbor:"3,keyasint,omitempty"` // ms since 1970; 0 is not
	Blocked  bool   `cbor:"4,keyasint,omitempty"`
	Added    int64  `cbor:"5,keyasint,omitempty"` // ms since 1970
	Revoked  []byte `cbor:"6,keyasint,omitempty"` // see Letter.Revoked
}

// Place is a topic, with the seat that the device is to take.
type Place struct {
	Link string `cbor:"1,keyasint"`
	Whom []byte `cbor:"2,keyasint,omitempty"` // of a direct topic: the account with whom it is
}

// Encode writes the item.
func (i Item) Encode() ([]byte, error) { return record.EncodeBody(i) }

// DecodeItem reads an item. The error matches ErrForm.
func DecodeItem(b []byte) (i Item, err error) {
	if err := record.DecodeBody(b, &i); err != nil {
		return i, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if p := i.Person; p != nil && (len(p.Link) > MaxLink || len(p.Name) > maxName || len(p.Revoked) > MaxRevoked) {
		return i, fmt.Errorf("%w: sizes of a person", ErrForm)
	}
	if t := i.Topic; t != nil && (len(t.Link) > MaxLink || len(t.Whom) > 32) {
		return i, fmt.Errorf("%w: sizes of a topic", ErrForm)
	}
	if len(i.Bridge) > MaxLink || len(i.Reach) > maxReach {
		return i, fmt.Errorf("%w: sizes of a bridge or settings", ErrForm)
	}
	return i, nil
}

type wireDevice struct {
	_           struct{} `cbor:",toarray"`
	Secret      []byte
	Token       []byte
	Certificate []byte
	Name        string
	Part, Parts uint64
	Items       [][]byte
}

func (d *Device) wire() *wireDevice {
	if d == nil {
		return nil
	}
	w := &wireDevice{Secret: d.Secret[:], Token: d.Token[:], Certificate: d.Certificate, Name: d.Name, Part: d.Part, Parts: d.Parts, Items: d.Items}
	if w.Items == nil {
		w.Items = [][]byte{}
	}
	return w
}

func (w *wireDevice) device() *Device {
	if w == nil {
		return nil
	}
	return &Device{Secret: [SecretSize]byte(w.Secret), Token: [SecretSize]byte(w.Token), Certificate: w.Certificate, Name: w.Name, Part: w.Part, Parts: w.Parts, Items: w.Items}
}

func (w *wireDevice) check() error {
	if w != nil && (len(w.Secret) != SecretSize || len(w.Token) != SecretSize || len(w.Certificate) > MaxIntroduction || len(w.Name) > maxName ||
		w.Parts > maxParts || w.Part >= w.Parts || len(w.Items) > MaxItems) {
		return fmt.Errorf("%w: sizes of an offer to a device", ErrForm)
	}
	return nil
}
