package topic

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/linnet-im/linnet/node/record"
)

// Limits of a link.
const (
	MaxLinkText  = 4096 // characters
	maxLinkPeers = 8
	maxLinkAddrs = 16 // for each peer
	maxAddrBytes = 256
	linkScheme   = "linnet:"
	linkVersion  = 1
	linkInvite   = 2 // version of a link with a seat
	linkCheck    = 4 // bytes of SHA-256 behind the link, so that a mangled one is noticed
)

// Link is what you send a person so that they can follow a topic. Kind and Name
// are claims until the genesis was seen: only Topic is proof.
type Link struct {
	Topic record.TopicID
	Kind  Kind
	Name  string
	Peers []Contact
	Seat  []byte // seed of a seat's key, SeatSize bytes, with which whoever has the link becomes a member; or nil
}

// SeatSize is the length in bytes of Link.Seat.
const SeatSize = 32

// Contact says where one node that has the topic may be reached. Its bytes mean
// something to the room reach only.
type Contact struct {
	ID    []byte   // binary peer id
	Addrs [][]byte // binary multiaddrs without the peer id
}

type wireLink struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Topic   []byte
	Kind    Kind
	Name    string
	Peers   []wirePeer
}

// wireInvite is a link that makes a member.
type wireInvite struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Topic   []byte
	Kind    Kind
	Name    string
	Peers   []wirePeer
	Seat    []byte
}

type wirePeer struct {
	_     struct{} `cbor:",toarray"`
	ID    []byte
	Addrs [][]byte
}

// String writes the link. It leaves out peers and addresses over the limits.
func (l Link) String() string {
	w := wireLink{Version: linkVersion, Topic: l.Topic[:], Kind: l.Kind, Name: l.Name}
	for _, p := range l.Peers[:min(len(l.Peers), maxLinkPeers)] {
		w.Peers = append(w.Peers, wirePeer{ID: p.ID, Addrs: p.Addrs[:min(len(p.Addrs), maxLinkAddrs)]})
	}
	b, err := record.EncodeBody(w)
	if l.Seat != nil {
		b, err = record.EncodeBody(wireInvite{Version: linkInvite, Topic: w.Topic, Kind: w.Kind, Name: w.Name, Peers: w.Peers, Seat: l.Seat})
	}
	if err != nil {
		panic(err) // byte strings and short text always encode
	}
	sum := sha256.Sum256(b)
	return linkScheme + base64.RawURLEncoding.EncodeToString(append(b, sum[:linkCheck]...))
}

// ParseLink reads a link from a text that may have words around it. The error
// matches ErrLink and says what is wrong in a way that helps.
func ParseLink(text string) (Link, error) {
	if len(text) > 2*MaxLinkText {
		return Link{}, fmt.Errorf("%w: too long", ErrLink)
	}
	text, ok := cutScheme(text)
	if !ok {
		return Link{}, fmt.Errorf("%w: a Linnet link begins with %q", ErrLink, linkScheme)
	}
	text = strings.TrimLeft(text, "/")
	if isOther(text) {
		return Link{}, ErrNotTopic
	}
	if end := strings.IndexFunc(text, notLinkRune); end >= 0 {
		text = text[:end]
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) <= linkCheck || len(text) > MaxLinkText {
		return Link{}, fmt.Errorf("%w: it is incomplete, copy all of it", ErrLink)
	}
	b, check := b[:len(b)-linkCheck], b[len(b)-linkCheck:]
	if sum := sha256.Sum256(b); !bytes.Equal(check, sum[:linkCheck]) {
		return Link{}, fmt.Errorf("%w: a part is missing or was changed, copy all of it", ErrLink)
	}
	return openLink(b)
}

// cutScheme returns what stands behind the first "linnet:", in any case.
func cutScheme(text string) (rest string, ok bool) {
	for i := 0; i+len(linkScheme) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(linkScheme)], linkScheme) {
			return text[i+len(linkScheme):], true
		}
	}
	return "", false
}

// isOther reports whether a link is of another kind: that of a topic is a CBOR array.
func isOther(text string) bool {
	kind, err := base64.RawURLEncoding.DecodeString(text[:min(len(text), 2)])
	return err == nil && len(kind) == 1 && kind[0]&0xe0 != 0x80
}

func openLink(b []byte) (Link, error) {
	var w wireLink
	var v wireInvite
	if err := record.DecodeBody(b, &w); err != nil {
		if err := record.DecodeBody(b, &v); err != nil {
			return Link{}, fmt.Errorf("%w: made by another version of Linnet?", ErrLink)
		}
		w = wireLink{Version: v.Version, Topic: v.Topic, Kind: v.Kind, Name: v.Name, Peers: v.Peers}
	}
	invites := v.Version == linkInvite && len(v.Seat) == SeatSize
	if w.Version != linkVersion && !invites {
		return Link{}, fmt.Errorf("%w: it was made by a newer Linnet, update this one", ErrLink)
	}
	if len(w.Topic) != 32 || len(w.Peers) > maxLinkPeers || !w.Kind.IsKnown() {
		return Link{}, fmt.Errorf("%w: it leads to nothing that this version knows", ErrLink)
	}
	if err := sameName(w.Name, ""); err != nil && !(w.Kind.IsSealed() && w.Name == "") {
		return Link{}, fmt.Errorf("%w: the name in it is not a name", ErrLink)
	}
	l := Link{Topic: record.TopicID(w.Topic), Kind: w.Kind, Name: w.Name, Seat: v.Seat}
	for _, p := range w.Peers {
		if len(p.ID) > maxAddrBytes || len(p.Addrs) > maxLinkAddrs {
			return Link{}, fmt.Errorf("%w: too many addresses", ErrLink)
		}
		for _, a := range p.Addrs {
			if len(a) > maxAddrBytes {
				return Link{}, fmt.Errorf("%w: an address is too long", ErrLink)
			}
		}
		l.Peers = append(l.Peers, Contact{ID: p.ID, Addrs: p.Addrs})
	}
	return l, nil
}

func notLinkRune(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}
