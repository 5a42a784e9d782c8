package seal

import "encoding/hex"

// Topic is the id of the topic that a session seals for.
type Topic [32]byte

// Writer is the Ed25519 public key under which one device writes in one topic.
type Writer [32]byte

// RecordID is the id of a record.
type RecordID [32]byte

// EpochID names an epoch and commits to its secret and context (PROTOCOL.md §11.3).
type EpochID [32]byte

// Ref is the first half of an EpochID, by which sealed bodies name their epoch.
type Ref [16]byte

// prekeyID is the first 8 bytes of a hash of a public prekey.
type prekeyID [8]byte

// Ref returns the short form of e.
func (e EpochID) Ref() Ref { return Ref(e[:16]) }

func (r Ref) String() string    { return hex.EncodeToString(r[:4]) }
func (w Writer) String() string { return hex.EncodeToString(w[:4]) }

// Kind is the kind of a sealed topic. It decides when an epoch is due.
type Kind uint8

// Kinds of sealed topics. The numbers are in the stored state.
const (
	Private Kind = 1 // members; an epoch lasts until the membership changes, a week or 1,000 records
	Direct  Kind = 2 // two people; a new epoch at each turn as well
)
