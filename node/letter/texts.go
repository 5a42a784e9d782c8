package letter

import (
	"fmt"

	"github.com/linnet-im/linnet/node/record"
)

// MaxTexts is how many texts go into one letter.
const MaxTexts = 64

// Texts is what sealed records hold, for another device of the person's: their keys
// are gone. Token says that it comes from the device that has made it one.
type Texts struct {
	Token [SecretSize]byte
	Items []Text
}

// Text is what a sealed record holds.
type Text struct {
	ID   record.ID
	Kind record.Kind
	Body []byte
}

type wireTexts struct {
	_     struct{} `cbor:",toarray"`
	Token []byte
	Items []wireText
}

type wireText struct {
	_    struct{} `cbor:",toarray"`
	ID   []byte
	Kind uint64
	Body []byte
}

func (t *Texts) wire() *wireTexts {
	if t == nil {
		return nil
	}
	w := &wireTexts{Token: t.Token[:], Items: []wireText{}}
	for _, x := range t.Items {
		w.Items = append(w.Items, wireText{ID: x.ID[:], Kind: uint64(x.Kind), Body: x.Body})
	}
	return w
}

func (w *wireTexts) texts() *Texts {
	if w == nil {
		return nil
	}
	t := &Texts{Token: [SecretSize]byte(w.Token)}
	for _, x := range w.Items {
		t.Items = append(t.Items, Text{record.ID(x.ID), record.Kind(x.Kind), x.Body})
	}
	return t
}

func (w *wireTexts) check() error {
	if w == nil {
		return nil
	}
	if len(w.Token) != SecretSize || len(w.Items) > MaxTexts {
		return fmt.Errorf("%w: sizes of texts", ErrForm)
	}
	for _, x := range w.Items {
		if len(x.ID) != len(record.ID{}) || x.Kind == 0 || x.Kind > 65535 || len(x.Body) > record.MaxBody {
			return fmt.Errorf("%w: a text", ErrForm)
		}
	}
	return nil
}
