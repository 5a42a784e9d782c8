// Package letter is what one person's node leaves in another's mailbox: a request
// to talk, and records of a topic that both have (PROTOCOL.md §13).
//
// It writes and reads the bytes inside what seal.SealLetter seals. It refuses to
// know keys, mailboxes, and whether what a letter says is true: signatures are
// checked by identity and by the verdict. Vocabulary: no goroutine, file or socket.
//
//	b, err := letter.Letter{Request: &letter.Request{…}, Records: records}.Encode()
//	l, err := letter.Decode(b)
package letter

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/linnet-im/linnet/node/record"
)

// Limits of a letter.
const (
	MaxRecords      = 64
	MaxLink         = 4096 // bytes of a link
	MaxIntroduction = 512  // bytes
	SecretSize      = 16
	MaxRevoked      = 12 << 10 // bytes
)

// ErrForm means that the content of a letter is malformed.
var ErrForm = errors.New("letter: malformed")

// Letter is what is in one.
type Letter struct {
	// Topic is the one that the records belong to.
	Topic record.TopicID
	// Contact is the sender's contact link as it is now, or empty where it did not
	// change.
	Contact string
	// Revoked is what the sender's account has revoked, as identity.DeviceList writes it, or
	// nil where the receiver has it.
	Revoked []byte
	// Request, if there is one, asks for a first conversation in Topic.
	Request *Request
	// Device, if there is one, makes the receiver a device of the sender's; nothing
	// else is in such a letter.
	Device *Device
	// Texts, if there is one, tells another device of the sender's what was in sealed
	// records of Topic before it came; nothing else is in such a letter.
	Texts   *Texts
	Records [][]byte
}

// Request asks somebody, whose contact link the sender was given, to take part in
// a direct topic.
type Request struct {
	Secret       [SecretSize]byte // of the contact link that was used
	Link         string           // an invitation into the topic
	Writer       record.Writer    // the sender's key in the topic
	Introduction []byte           // proves whose it is, see identity.OpenIntroduction
}

type wire struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Topic   []byte
	Contact string
	Revoked []byte
	Request *wireRequest
	Device  *wireDevice
	Texts   *wireTexts
	Records [][]byte
}

type wireRequest struct {
	_            struct{} `cbor:",toarray"`
	Secret       []byte
	Link         string
	Writer       []byte
	Introduction []byte
}

const version = 1

// Encode writes the letter.
func (l Letter) Encode() ([]byte, error) {
	w := wire{Version: version, Topic: l.Topic[:], Contact: l.Contact, Revoked: l.Revoked, Device: l.Device.wire(), Texts: l.Texts.wire(), Records: l.Records}
	if w.Records == nil {
		w.Records = [][]byte{}
	}
	if r := l.Request; r != nil {
		w.Request = &wireRequest{Secret: r.Secret[:], Link: r.Link, Writer: r.Writer[:], Introduction: r.Introduction}
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	return record.EncodeBody(w)
}

// Decode reads a letter from anybody. The error matches ErrForm.
func Decode(b []byte) (Letter, error) {
	var w wire
	if err := record.DecodeBody(b, &w); err != nil {
		return Letter{}, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if err := w.check(); err != nil {
		return Letter{}, err
	}
	l := Letter{Topic: record.TopicID(w.Topic), Contact: w.Contact, Revoked: w.Revoked, Device: w.Device.device(), Texts: w.Texts.texts(), Records: w.Records}
	if r := w.Request; r != nil {
		l.Request = &Request{Secret: [SecretSize]byte(r.Secret), Link: r.Link, Writer: record.Writer(r.Writer), Introduction: r.Introduction}
	}
	if again, err := l.Encode(); err != nil || !bytes.Equal(again, b) { // such as null for a text
		return Letter{}, fmt.Errorf("%w: not in the one form that there is", ErrForm)
	}
	return l, nil
}

func (w wire) check() error {
	switch r := w.Request; {
	case w.Version != version:
		return fmt.Errorf("%w: version %d", ErrForm, w.Version)
	case len(w.Topic) != len(record.TopicID{}), len(w.Contact) > MaxLink, len(w.Revoked) > MaxRevoked, w.Revoked != nil && len(w.Revoked) == 0, len(w.Records) > MaxRecords:
		return fmt.Errorf("%w: sizes", ErrForm)
	case r != nil && (len(r.Secret) != SecretSize || len(r.Link) > MaxLink || len(r.Writer) != len(record.Writer{}) || len(r.Introduction) > MaxIntroduction):
		return fmt.Errorf("%w: sizes of a request", ErrForm)
	}
	return errors.Join(w.Device.check(), w.Texts.check())
}
