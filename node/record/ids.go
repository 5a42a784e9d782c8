package record

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/hex"
	"fmt"
)

// ID names a record: SHA-256 of its header bytes followed by its signature.
type ID [32]byte

// TopicID names a topic: the id of its genesis record.
type TopicID [32]byte

// Writer is the Ed25519 public key under which one device writes in one topic.
type Writer [32]byte

// idText is how ids are shown: 52 characters of RFC 4648 base32 in lower case,
// which survive command lines, addresses and being read out.
var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func (id ID) String() string      { return idText.EncodeToString(id[:]) }
func (id TopicID) String() string { return idText.EncodeToString(id[:]) }
func (w Writer) String() string   { return hex.EncodeToString(w[:]) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// IsZero reports whether id names nothing.
func (id TopicID) IsZero() bool { return id == TopicID{} }

// ParseID reads the 52-character form of an id.
func ParseID(s string) (ID, error) {
	b, err := parse32(s)
	return ID(b), err
}

// ParseTopicID reads the 52-character form of a topic id.
func ParseTopicID(s string) (TopicID, error) {
	b, err := parse32(s)
	return TopicID(b), err
}

// WriterOf returns the writer that signs with key.
func WriterOf(key ed25519.PrivateKey) Writer {
	return Writer(key.Public().(ed25519.PublicKey))
}

func parse32(s string) (b [32]byte, err error) {
	raw, err := idText.DecodeString(s)
	if err != nil || len(raw) != len(b) || idText.EncodeToString(raw) != s {
		return b, fmt.Errorf("record: %.60q is not an id", s)
	}
	return [32]byte(raw), nil
}
