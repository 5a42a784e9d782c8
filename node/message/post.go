package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/linnet-im/linnet/node/record"
)

// MaxText is the longest text of a post in bytes of UTF-8.
const MaxText = 60 << 10

// Errors of Encode (a person's mistake) and Open (a peer's).
var (
	ErrEmpty = errors.New("message: there is nothing to send")
	ErrLong  = fmt.Errorf("message: the text is too long, at most %d bytes", MaxText)
	ErrForm  = errors.New("message: malformed post")
)

// Post is one post.
type Post struct {
	Text    string
	ReplyTo record.ID // zero for none
}

type wirePost struct {
	Text    string `cbor:"1,keyasint"`
	ReplyTo []byte `cbor:"2,keyasint,omitempty"`
}

// Encode checks p and writes its body.
func (p Post) Encode() ([]byte, error) {
	switch {
	case strings.TrimSpace(p.Text) == "":
		return nil, ErrEmpty
	case len(p.Text) > MaxText:
		return nil, ErrLong
	case !utf8.ValidString(p.Text):
		return nil, fmt.Errorf("%w: the text is not UTF-8", ErrForm)
	}
	w := wirePost{Text: p.Text}
	if !p.ReplyTo.IsZero() {
		w.ReplyTo = p.ReplyTo[:]
	}
	return record.EncodeBody(w)
}

// Open reads a body from anybody.
func Open(body []byte) (Post, error) {
	var w wirePost
	if err := record.DecodeBody(body, &w); err != nil {
		return Post{}, fmt.Errorf("%w: %v", ErrForm, err)
	}
	if len(w.Text) > MaxText || strings.TrimSpace(w.Text) == "" {
		return Post{}, fmt.Errorf("%w: text", ErrForm)
	}
	p := Post{Text: w.Text}
	switch len(w.ReplyTo) {
	case 0:
	case 32:
		p.ReplyTo = record.ID(w.ReplyTo)
	default:
		return Post{}, fmt.Errorf("%w: reply", ErrForm)
	}
	return p, nil
}
