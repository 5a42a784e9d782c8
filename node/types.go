package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// The words of the house, so that an embedder imports one package.
type (
	// TopicID names a topic. It can be compared and printed.
	TopicID = record.TopicID
	// RecordID names a record, and with it a message.
	RecordID = record.ID
	// Writer is the public key under which one device writes in one topic.
	Writer = record.Writer
	// Kind says who may write in a topic.
	Kind = topic.Kind
	// Role is what a writer may do in a topic.
	Role = topic.Role
	// Span marks a link inside a text, in UTF-16 code units.
	Span = message.Span
)

// Kinds and roles, see the package topic.
const (
	PastAll = topic.PastAll
	MaxPast = topic.MaxPast
	MaxFade = topic.MaxFade * time.Second

	Broadcast    = topic.Broadcast
	OpenTopic    = topic.Open
	PrivateTopic = topic.Private
	DirectTopic  = topic.Direct
	Reader       = topic.Reader
	Contributor  = topic.Writer
	Admin        = topic.Admin
	Owner        = topic.Owner
)

// ParseWriter reads the text form of a writer.
func ParseWriter(s string) (w Writer, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(w) {
		return w, fmt.Errorf("%w: no writer", ErrNotFound)
	}
	return Writer(b), nil
}

// ParseTopicID reads the text form of a topic id.
func ParseTopicID(s string) (TopicID, error) { return record.ParseTopicID(s) }

// ParseRecordID reads the text form of a record id.
func ParseRecordID(s string) (RecordID, error) { return record.ParseID(s) }

// Errors that callers branch on. Others are what they say.
var (
	ErrClosed       = errors.New("node: it is closed")
	ErrNotFound     = errors.New("node: not found")
	ErrMayNotPost   = errors.New("node: you may not write in this topic")
	ErrMayNotChange = errors.New("node: only an owner or admin may change this topic")
	ErrNotYet       = errors.New("node: whoever invited you has not answered yet; when both of you are connected that happens by itself")
	ErrNoKey        = errors.New("node: nobody else here can be written to yet; that takes until one of them has been connected")
	ErrNotRegained  = errors.New("node: this device came out of a backup and has not got its rights in a topic back yet; it does by itself once it meets somebody of that topic, or ten minutes after the start")
	ErrNoAccount    = errors.New("node: this device has not the account's secret; add devices from the one where Linnet was first set up")
	ErrBadContact   = errors.New("node: this contact link does not work")
	ErrNotSealed    = errors.New("node: only a private topic has members; for this one, pass the link on")
	ErrNotReady     = errors.New("node: the first record of this topic has not arrived yet")
	ErrLagged       = errors.New("node: the events asked for are no longer kept; reload, then go on from the head")
	ErrBadCursor    = errors.New("node: this cursor is not one of ours")
	ErrBadAddress   = errors.New("node: not a usable address")
	ErrKeep         = errors.New("node: keep either the last posts or the last days")
	ErrNoBundle     = bundle.ErrNoBundle
	ErrBadNote      = bundle.ErrNote
	ErrUnreachable  = errors.New("node: nobody answered")
	ErrInUse        = errors.New("node: this data folder is in use by another Linnet")
	ErrDiskFull     = storage.ErrDiskFull
	ErrNewerFormat  = storage.ErrNewerFormat
	ErrDamaged      = storage.ErrDamaged
	ErrWrongKey     = storage.ErrWrongKey
	ErrBadName      = topic.ErrText
	ErrBadLink      = topic.ErrLink
	ErrEmpty        = message.ErrEmpty
	ErrLong         = message.ErrLong
)

// Errors of a protected data folder and of backups.
var (
	ErrLocked         = vault.ErrLocked
	ErrPassphrase     = vault.ErrPassphrase
	ErrPassphraseForm = vault.ErrPassphraseForm
	ErrSamePassphrase = vault.ErrSame
	ErrKeyring        = vault.ErrKeyring
	ErrNoSecret       = vault.ErrSecret
	ErrChanged        = vault.ErrChanged
	ErrLeftover       = vault.ErrLeftover
	ErrUnfinished     = vault.ErrUnfinished
	ErrNotEmpty       = errors.New("node: there is something in this data folder already; restore into an empty one")
	ErrPhrase         = errors.New("node: this is not a recovery phrase")

	ErrBackupPassphrase = vault.ErrBackupPassphrase
	ErrNotBackup        = vault.ErrNotBackup
	ErrBackupCut        = vault.ErrCut
	ErrBackupDamaged    = vault.ErrBackupDamaged
)

// TopicDraft is a topic to be made.
type TopicDraft struct {
	Kind        Kind
	Name        string
	Description string
	Past        int           // see TopicChange.Past
	Fade        time.Duration // see TopicChange.Fade; sealed kinds only, and not together with Past
}

// Draft is a message to be written.
type Draft struct {
	Text    string
	ReplyTo RecordID // zero for none
	Key     string   // makes a repeated call harmless within a day; empty for none, at most 256 bytes
}

// State says what is known of a message's whereabouts.
type State uint8

// States of a message.
const (
	Received     State = 0 // by somebody else, stored here
	Queued       State = 1 // own: on this disk, nobody else has it yet
	Handed       State = 2 // own: sent to at least one other node, which has not said yet that it stored it
	Stored       State = 3 // own: at least one other node says that it has stored it
	Acknowledged State = 5 // own, in a direct topic: a device of the other person has it
	Read         State = 6 // own, in a direct topic: the other person has read it, and both want that to be seen
)

// Message is one post as people read it.
type Message struct {
	ID       RecordID
	Topic    TopicID
	Seq      uint64
	Time     time.Time // as its writer claims
	Author   Author
	Text     string
	Links    []Span
	ReplyTo  RecordID // zero for none
	State    State
	StoredBy int    // nodes that said so since the program started; there may be more
	Bodiless bool   // the text is not kept here any more
	Closed   Closed // of a sealed topic: why the text cannot be read, zero when it can
}

// Author is who wrote a message.
type Author struct {
	Writer Writer
	Name   string // given to a contact here, else as the writer claims; may be empty
	Me     bool
	// Account is whose device it is, as it has proved. Zero where the topic is not
	// sealed, or the proof has not come.
	Account identity.Key
}

// Page asks for messages. At most one of Before, After and Around is set; with
// none it is the newest ones. Limit is 1 to 200, 0 means 50.
type Page struct {
	Limit  int
	Before string // cursor
	After  string // cursor
	Around RecordID
}

// Cursor tells where a page ends: Prev goes back in as Before, Next as After.
// Each is empty where there is no more.
type Cursor struct{ Prev, Next string }

// TopicInfo is a topic as this node sees it.
type TopicInfo struct {
	ID           TopicID
	Kind         Kind
	Name         string
	Description  string
	Link         string
	Role         Role
	CanPost      bool
	Unread       int // posts of others after the read mark, counted up to 1000
	ReadUpTo     RecordID
	Followers    int // connected nodes that follow it
	Completeness Completeness
	Keep         Keep
	HidesOrigin  bool     // see Topic.HidesOrigin
	Carried      bool     // it is here for guests of this bridge only, see BridgeConfig.Carry
	Sealing      *Sealing // of a private or direct topic
	Whom         PersonID // of a direct topic: with whom
	Live         *Live    // of a direct topic: how the other stands now, nil where that is not to be seen
	Last         *Message
	Draft        string
	Created      time.Time // zero while waiting
	Joined       time.Time
}

// Sealing says how this device stands in a private or direct topic.
type Sealing struct {
	Member  bool // it reads the topic
	Members int  // devices that do
	Invited int  // invitations that nobody has taken up
	Joining bool // an invitation was taken up, and whoever gave it has not been heard of since
	Refused bool // somebody else has used the invitation with which this device came
	Removed bool // it was a member, and is none any more
	Past    int  // see TopicChange.Past

	Fade     time.Duration // after which messages disappear, 0 for never
	Stranger bool          // of a direct topic: somebody reads it who is neither of the two people
}

// Completeness says how much of a topic is here.
type Completeness struct {
	Waiting    bool   // the genesis has not arrived
	Have       uint64 // records stored here
	Missing    uint64 // records that must exist and are not here; there may be more
	Posts      uint64 // posts stored here
	Checkpoint *Checkpoint
	Holes      []Hole // the first 20
	Forks      []Fork
	Asking     int    // followers that are being asked right now
	Done       uint64 // records of the transfer under way
	Total      uint64 // as others claim; 0 where there is none
}

// Checkpoint is the newest statement by an owner or admin of how much there is.
type Checkpoint struct {
	Number uint64 // 1, 2, 3… of its author
	By     Author
	Time   time.Time
	Posts  uint64 // as its author says
	Met    bool   // all that it names is here
}

// Hole is a run of records of one writer that is not here.
type Hole struct {
	Author   Author
	From, To uint64
}

// Fork says that a writer signed two records with one number. What it signed
// from there on is set aside.
type Fork struct {
	Author Author
	Seq    uint64
	When   time.Time // this node found out
}

// Preview is what a link leads to.
type Preview struct {
	Topic       TopicID
	Kind        Kind
	Name        string
	Description string
	Verified    bool // the genesis was seen; else kind and name are the link's claim
	Joined      bool
	Peers       int  // people whose addresses are in the link
	Invite      bool // of a private topic: it makes this device a member
}

// Me is the person whose node this is.
type Me struct {
	Name            string // empty until set
	Account, Device identity.Key
}

// Status is how the node stands with others.
type Status struct {
	PeerID    string
	Addresses []string // multiaddrs with /p2p/
	Peers     int      // connected Linnet nodes
	Nearby    int      // of these on the local network
	Known     int      // nodes that are being tried or connected
	LANOnly   bool
	Started   time.Time
	Traffic   Traffic
}

// Traffic counts messages on the mesh since the start.
type Traffic struct {
	Delivered  uint64 // of others, accepted
	Duplicates uint64 // further copies of messages
	Dropped    uint64 // not sent to somebody whose line is too slow
	Throttled  uint64 // came faster than they could be judged
}

// Peer is one connected node.
type Peer struct {
	ID      string
	Address string
	Nearby  bool
	Way     reach.WayName // by which it is connected
	Topics  int           // topics of ours that it follows
}

// EventType names what happened. The numbers are on disk.
type EventType uint8

// Event types.
const (
	MessageCreated EventType = 1
	MessageUpdated EventType = 2
	TopicCreated   EventType = 3
	TopicUpdated   EventType = 4
	TopicRemoved   EventType = 5
	NodeUpdated    EventType = 6
)

// Event is one change. It names things; read them from the node.
type Event struct {
	Cursor string // resumes behind this event; empty for one that only says how things are now
	Type   EventType
	Topic  TopicID
	Record RecordID
}

// EventFilter chooses events. The zero value is everything from now on.
type EventFilter struct {
	After string   // a cursor from an Event or from Head
	Topic *TopicID // only this topic's events
}
