package topic

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"math"

	"github.com/linnet-im/linnet/node/record"
)

// Errors. All mean that an op is provably wrong, whoever it comes from, except
// ErrRight: the op that gives the right may still be on its way.
var (
	ErrOp    = errors.New("topic: malformed op")
	ErrText  = errors.New("topic: unsuitable text")
	ErrRight = errors.New("topic: the writer has no right to do this")
	ErrLink  = errors.New("topic: broken link")
	// ErrNotTopic means that a link is of another kind, which other rooms may know. It
	// matches ErrLink too.
	ErrNotTopic = fmt.Errorf("%w: it leads to a person or is that of a bridge, not to a topic", ErrLink)
)

// NonceSize is the length in bytes of a genesis nonce.
const NonceSize = 16

// maxGrants bounds the grants inside a genesis.
const maxGrants = 16

// Genesis begins a topic. In a sealed one name and description are empty: they
// come sealed, as settings.
type Genesis struct {
	Nonce       []byte  `cbor:"1,keyasint"` // NonceSize random bytes
	Kind        Kind    `cbor:"2,keyasint"`
	Name        string  `cbor:"3,keyasint"`
	Description string  `cbor:"4,keyasint,omitempty"`
	Grants      []Grant `cbor:"5,keyasint,omitempty"`
}

// Grant gives a key a role, for ever or until Expiry.
//
// A device grant is by who already has the role, for another device of the same
// person: it gives the role itself, not only a lower one, in sealed topics also
// where the issuer may grant nothing else. Its issuer may take it back.
//
// A seat is a key that an inviter makes for somebody whose own key it does not
// know yet. The first record of its chain is a grant by which the invited gives
// its role, or a lower one, to a key of theirs; nothing else of it counts.
type Grant struct {
	Key    record.Writer `cbor:"1,keyasint"`
	Role   Role          `cbor:"2,keyasint"`
	Expiry int64         `cbor:"3,keyasint,omitempty"` // ms since 1970 of the last record that counts; 0 is never
	Seat   bool          `cbor:"4,keyasint,omitempty"` // the key only hands its role on, once
	Keys   []byte        `cbor:"5,keyasint,omitempty"` // by a seat: what others need to seal to Key, at most MaxKeys bytes
	Device bool          `cbor:"6,keyasint,omitempty"` // for a device of the issuer's own
}

// MaxKeys bounds Grant.Keys.
const MaxKeys = 2048

// Revoke ends a key's rights: records of its chain after LastSeq do not count.
// It names a number, not a time, so that back-dating gains nothing.
type Revoke struct {
	Key     record.Writer `cbor:"1,keyasint"`
	LastSeq uint64        `cbor:"2,keyasint"`
}

// Settings changes what a topic is called. The rest is for sealed topics: how much
// of what was written before they came newcomers may read, and after what time
// messages disappear. In a direct topic the name is empty.
type Settings struct {
	Name        string `cbor:"1,keyasint"`
	Description string `cbor:"2,keyasint,omitempty"`
	Past        int    `cbor:"3,keyasint,omitempty"` // the last so many messages at most, PastAll for all, 0 for none
	Fade        int64  `cbor:"4,keyasint,omitempty"` // seconds after which a message disappears, 0 for never
	Since       int64  `cbor:"5,keyasint,omitempty"` // ms since 1970: messages from before that stay
}

// Values of Settings.Past.
const (
	PastAll = -1
	MaxPast = 4096
	MaxFade = 10 * 365 * 24 * 60 * 60
)

// Intro says what a writer calls itself.
type Intro struct {
	Name string `cbor:"1,keyasint"`
}

// NewNonce returns a random genesis nonce.
func NewNonce() ([]byte, error) {
	b := make([]byte, NonceSize)
	_, err := rand.Read(b)
	return b, err
}

// Sign makes the genesis record under the root key. now is in ms since 1970.
func (g Genesis) Sign(root ed25519.PrivateKey, now int64) (*record.Record, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	body, err := record.EncodeBody(g)
	if err != nil {
		return nil, err
	}
	return record.Sign(record.Header{Seq: 1, Time: now, Kind: record.KindGenesis}, body, root)
}

func (g Genesis) check() error {
	if len(g.Nonce) != NonceSize || !g.Kind.IsKnown() || len(g.Grants) > maxGrants {
		return fmt.Errorf("%w: genesis", ErrOp)
	}
	if g.Kind.IsSealed() {
		if g.Name != "" || g.Description != "" {
			return fmt.Errorf("%w: a sealed topic's name in clear", ErrOp)
		}
	} else if err := sameName(g.Name, g.Description); err != nil {
		return err
	}
	for _, grant := range g.Grants {
		if err := grant.check(); err != nil {
			return err
		}
	}
	return nil
}

func (g Grant) check() error {
	if g.Role < Writer || g.Role > Owner || g.Expiry < 0 || len(g.Keys) > MaxKeys {
		return fmt.Errorf("%w: grant", ErrOp)
	}
	return nil
}

// sameName reports texts that the Clean functions would refuse or change.
func sameName(name, description string) error {
	n, err := CleanName(name)
	if err != nil {
		return err
	}
	d, err := CleanDescription(description)
	if err != nil {
		return err
	}
	if n != name || d != description {
		return fmt.Errorf("%w: surrounding space", ErrText)
	}
	return nil
}

// openGenesis reads the body of a genesis record.
func openGenesis(r *record.Record) (Genesis, error) {
	var g Genesis
	if r.Kind != record.KindGenesis {
		return g, fmt.Errorf("%w: %s is no genesis", ErrOp, r.Kind)
	}
	if err := openBody(r, &g); err != nil {
		return g, err
	}
	return g, g.check()
}

func openBody(r *record.Record, v any) error {
	body, ok := r.Body()
	if !ok {
		return fmt.Errorf("%w: %s without its body", ErrOp, r.Kind)
	}
	if err := record.DecodeBody(body, v); err != nil {
		return fmt.Errorf("%w: %v", ErrOp, err)
	}
	return nil
}

// CheckOp reads the body of an op as far as it can be judged without the
// topic's state. Ops of an unknown kind pass: a later version may know them.
func CheckOp(r *record.Record) error {
	switch r.Kind {
	case record.KindGenesis:
		_, err := openGenesis(r)
		return err
	case record.KindIntro:
		_, err := openIntro(r)
		return err
	case record.KindGrant:
		_, err := openGrant(r)
		return err
	case record.KindRevoke:
		_, err := openRevoke(r)
		return err
	case record.KindSettings:
		_, err := openSettings(r)
		return err
	case record.KindCheckpoint:
		_, err := OpenCheckpoint(r)
		return err
	}
	return nil
}

func openIntro(r *record.Record) (Intro, error) {
	body, ok := r.Body()
	if !ok {
		return Intro{}, fmt.Errorf("%w: %s without its body", ErrOp, r.Kind)
	}
	return OpenIntro(body)
}

// OpenIntro reads the body of an intro, which comes sealed in a sealed topic.
// The error matches ErrOp or ErrText.
func OpenIntro(body []byte) (i Intro, err error) {
	if err := record.DecodeBody(body, &i); err != nil {
		return i, fmt.Errorf("%w: %v", ErrOp, err)
	}
	return i, sameName(i.Name, "")
}

func openGrant(r *record.Record) (g Grant, err error) {
	if err = openBody(r, &g); err == nil {
		err = g.check()
	}
	return g, err
}

func openRevoke(r *record.Record) (v Revoke, err error) {
	err = openBody(r, &v)
	return v, err
}

func openSettings(r *record.Record) (Settings, error) {
	body, ok := r.Body()
	if !ok {
		return Settings{}, fmt.Errorf("%w: %s without its body", ErrOp, r.Kind)
	}
	s, err := OpenSettings(body)
	if err == nil {
		err = sameName(s.Name, s.Description)
	}
	return s, err
}

// OpenSettings reads the body of settings, which come sealed in a sealed topic.
// The error matches ErrOp or ErrText.
func OpenSettings(body []byte) (s Settings, err error) {
	if err := record.DecodeBody(body, &s); err != nil {
		return s, fmt.Errorf("%w: %v", ErrOp, err)
	}
	if s.Past < PastAll || s.Past > MaxPast || s.Fade < 0 || s.Fade > MaxFade || s.Since < 0 {
		return s, fmt.Errorf("%w: settings", ErrOp)
	}
	if s.Name == "" && s.Description == "" {
		return s, nil
	}
	return s, sameName(s.Name, s.Description)
}

// never is the last seq of a chain that was not revoked.
const never = math.MaxUint64
