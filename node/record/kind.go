package record

import "fmt"

// Kind says what a record is. The numbers are on the wire (PROTOCOL.md §1.4):
// below 16 are ops, which change the topic itself; from 16 on is content.
// A kind that this version does not know is kept and passed on like any other.
type Kind uint16

// Kinds of version 1.
const (
	KindGenesis  Kind = 1 // begins a topic; its id is the topic id
	KindIntro    Kind = 2 // a writer says what it is called
	KindGrant    Kind = 3 // gives a key a role
	KindRevoke   Kind = 4 // ends a key's rights after a seq
	KindSettings Kind = 5 // changes name or description
	KindPost     Kind = 16

	KindCheckpoint Kind = 6 // says how much there is

	// In sealed topics (PROTOCOL.md §11).
	KindKeys   Kind = 7  // prekeys, epochs and pasts without a text
	KindSealed Kind = 17 // a text, and keys where they are due
)

// firstContent is the first kind that is content rather than an op.
const firstContent Kind = 16

// IsOp reports whether k changes the topic itself.
func (k Kind) IsOp() bool { return k < firstContent }

func (k Kind) String() string {
	switch k {
	case KindGenesis:
		return "genesis"
	case KindIntro:
		return "intro"
	case KindGrant:
		return "grant"
	case KindRevoke:
		return "revoke"
	case KindSettings:
		return "settings"
	case KindCheckpoint:
		return "checkpoint"
	case KindKeys:
		return "keys"
	case KindPost:
		return "post"
	case KindSealed:
		return "sealed"
	}
	return fmt.Sprintf("kind %d", uint16(k))
}
