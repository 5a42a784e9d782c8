package node

import (
	"context"
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
}

// Bridge is a bridge of somebody else's that this node may use.
type Bridge struct {
	ID        string // its peer id
	Name      string // what its link calls it
	Added     time.Time
	Connected bool
	Way       reach.WayName // by which it is connected
}

// Pass is a bridge link that this node, a bridge, has handed out.
type Pass struct {
	ID      string
	Name    string // for whom it is; only this node sees it
	Created time.Time
	Used    time.Time // last time somebody came with it; zero: never
	Revoked bool
	Link    string // the bridge link; empty once revoked
}

// Outlook tells which ways work here and now.
func (n *Node) Outlook() Outlook { return Outlook{} }

// ReachSettings returns the settings that are in force.
func (n *Node) ReachSettings() ReachSettings { return ReachSettings{} }

// SetReachSettings stores settings, which hold from the next opening of the node
// on: see Reopen. The error matches ErrSettings.
func (n *Node) SetReachSettings(ctx context.Context, s ReachSettings) error { return s.Check() }

// Bridges returns the bridges that this node may use, the newest first.
func (n *Node) Bridges() []Bridge { return nil }

// PreviewBridge tells what a bridge link leads to, and whether this node uses that
// bridge already. It changes nothing and asks nobody. The error matches ErrBadBridge.
func (n *Node) PreviewBridge(link string) (Bridge, bool, error) { return Bridge{}, false, ErrBadBridge }

// AddBridge takes a bridge link, and uses that bridge where other ways fail. The
// error matches ErrBadBridge.
func (n *Node) AddBridge(ctx context.Context, link string) (Bridge, error) {
	return Bridge{}, ErrBadBridge
}

// ForgetBridge gives a bridge up. The error matches ErrNotFound.
func (n *Node) ForgetBridge(ctx context.Context, id string) error { return ErrNotFound }

// IsBridge reports whether this node is a bridge.
func (n *Node) IsBridge() bool { return n.cfg.Bridge != nil }

// Passes returns the bridge links that this node has handed out, the newest first.
func (n *Node) Passes() []Pass { return nil }

// NewPass makes a bridge link for somebody. The error matches ErrNoBridge or ErrBadName.
func (n *Node) NewPass(ctx context.Context, name string) (Pass, error) { return Pass{}, ErrNoBridge }

// RevokePass takes a bridge link back: whoever comes with it sees the site, and
// who is there with it is cut off. The error matches ErrNotFound.
func (n *Node) RevokePass(ctx context.Context, id string) error { return ErrNotFound }

// LinkByBridge is Link with this bridge's address and a new pass in it, for people
// for whom everything else is blocked. The error matches ErrNoBridge.
func (t *Topic) LinkByBridge(ctx context.Context, name string) (string, error) {
	return "", ErrNoBridge
}
