package node

import (
	"errors"
	"time"

	"github.com/linnet-im/linnet/node/reach"
)

// How this node reaches others: settings, what works here and now, and bridges.

// Words of the room reach, so that an embedder imports one package.
type (
	// Outlook is what a node knows about its reach on the present network.
	Outlook = reach.Outlook
	// Way is how one way stands there.
	Way = reach.Way
	// WayName names one way to reach others.
	WayName = reach.WayName
	// WayState says how a way stands.
	WayState = reach.WayState
	// ReachSettings are a person's choices about reach.
	ReachSettings = reach.Settings
)

// Errors of bridges and settings.
var (
	ErrSettings  = reach.ErrSettings
	ErrNoBridge  = errors.New("node: this node is no bridge")
	ErrBadBridge = errors.New("node: this bridge link does not work")
)

// BridgeConfig makes a node a bridge. See reach.BridgeConfig for the fields.
type BridgeConfig struct {
	Listen   string
	Public   []string
	Name     string
	Site     string
	CertFile string
	KeyFile  string
	// Looks is JSON with the browsers that guests are to look like on their way here
	// (PROTOCOL.md §20.3); empty: those in their own programs. Open fails with ErrSettings,
	// and says what is wrong, where they cannot be used.
	Looks []byte

	Title string // what bridge links call it; may be empty
	// Contacts lets this person's contacts through without being asked: each gets a
	// pass of its own, inside what is sealed for it, and the contact link has one.
	Contacts bool
	// Carry has the node keep and serve, within quotas, what its guests follow: a bridge
	// helps little to get at topics of which it has nothing.
	Carry bool
}

// Bridge is a bridge of somebody else's that this node may use.
type Bridge struct {
	ID        string // its peer id
	Name      string // what its link calls it
	Added     time.Time
	Connected bool
	Way       reach.WayName // by which it is connected
	Contact   PersonID      // whose it is, where it came with a contact; zero: it came by a bridge link
}

// Pass is a bridge link that this node, a bridge, has handed out.
type Pass struct {
	ID      string
	Name    string // for whom it is; only this node sees it
	Created time.Time
	Used    time.Time // last time somebody came with it, to the hour; zero: never
	Revoked bool
	Link    string   // the bridge link; empty once revoked, or while no address is known
	Contact PersonID // who got it by being a contact; zero: it was made by hand, or for the contact link
}

// Outlook tells which ways work here and now.
func (n *Node) Outlook() Outlook { return n.host.Outlook() }
