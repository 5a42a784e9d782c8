package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// A person's choices about reach, and what reach has learned about networks.
const (
	keySettings = "reach/settings" // settingsRow
	keyMemory   = "reach/memory"   // what reach remembers, as it wrote it
	maxMemory   = 256 << 10
	maxSetting  = 256 // bytes of one setting
)

// settingsRow are settings as they are stored. The zero value is that of ReachSettings.
type settingsRow struct {
	Mode      string `cbor:"1,keyasint,omitempty"`
	NoMDNS    bool   `cbor:"2,keyasint,omitempty"`
	NoDHT     bool   `cbor:"3,keyasint,omitempty"`
	DataSaver bool   `cbor:"4,keyasint,omitempty"`
	SOCKS     string `cbor:"5,keyasint,omitempty"`
	Onion     string `cbor:"6,keyasint,omitempty"`
	Look      string `cbor:"7,keyasint,omitempty"`
}

func (r settingsRow) settings() ReachSettings {
	return ReachSettings{Mode: reach.Mode(r.Mode), NoMDNS: r.NoMDNS, NoDHT: r.NoDHT, DataSaver: r.DataSaver, SOCKS: r.SOCKS, Onion: r.Onion, Look: r.Look}
}

func encodeSettings(s ReachSettings) ([]byte, error) {
	return record.EncodeBody(settingsRow{Mode: string(s.Mode), NoMDNS: s.NoMDNS, NoDHT: s.NoDHT, DataSaver: s.DataSaver, SOCKS: s.SOCKS, Onion: s.Onion, Look: s.Look})
}

// decodeSettings reads settings that were stored, here or by another device.
func decodeSettings(b []byte) (ReachSettings, error) {
	var row settingsRow
	if err := record.DecodeBody(b, &row); err != nil {
		return ReachSettings{}, fmt.Errorf("%w: %v", ErrSettings, err)
	}
	return row.settings(), checkSettings(row.settings())
}

func checkSettings(s ReachSettings) error {
	for _, text := range []string{s.SOCKS, s.Onion, s.Look} {
		if len(text) > maxSetting {
			return fmt.Errorf("%w: one of them has %d characters, at most %d", ErrSettings, len(text), maxSetting)
		}
	}
	return s.Check()
}

// loadSettings finds the settings that are to hold until Close. Those that cannot be
// read stop the opening: who asked for Tor must not be shown to the world by a damaged disk.
func (n *Node) loadSettings() error {
	if n.cfg.Reach != nil {
		n.settings = *n.cfg.Reach
		return n.checkSettings(n.settings)
	}
	b, err := n.store.State(keySettings)
	if err == nil {
		n.settings, err = decodeSettings(b)
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: the settings of reach: %w", ErrDamaged, err)
	}
	return n.checkSettings(n.ReachSettings())
}

// checkSettings is what a bridge needs beside that.
func (n *Node) checkSettings(s ReachSettings) error {
	if n.IsBridge() && (s.Mode == reach.ModeLAN || s.Mode == reach.ModeTor) {
		return fmt.Errorf("%w: a bridge is for people elsewhere, who have to reach it; use every way, or start Linnet without the bridge", ErrSettings)
	}
	return checkSettings(s)
}

// ReachSettings returns the settings that are in force.
func (n *Node) ReachSettings() ReachSettings {
	s := n.settings
	if n.cfg.LANOnly {
		s.Mode = reach.ModeLAN
	}
	s.NoMDNS = s.NoMDNS || n.cfg.NoMDNS
	return s
}

// StoredReachSettings are those without what Config adds to them: what a change starts from.
func (n *Node) StoredReachSettings() ReachSettings { return n.settings }

// SetReachSettings stores settings, which hold from the next opening of the node
// on: see Reopen. The error matches ErrSettings.
func (n *Node) SetReachSettings(ctx context.Context, s ReachSettings) error {
	if err := n.checkSettings(s); err != nil {
		return err
	}
	b, err := encodeSettings(s)
	if err == nil {
		err = n.setState(ctx, keySettings, b)
	}
	if err != nil {
		return fmt.Errorf("node: store the settings of reach: %w", err)
	}
	return nil
}

// ReopenWith is Reopen with other settings of reach, which are stored. Where the node
// cannot be opened with them, it is opened again as it was: then there is a node beside
// the error, which is n itself where the settings were refused at once.
func (n *Node) ReopenWith(ctx context.Context, s ReachSettings) (*Node, error) {
	before := n.settings
	if err := n.SetReachSettings(ctx, s); err != nil {
		return n, err
	}
	ctx = context.WithoutCancel(ctx)
	cfg, err := n.makeWay()
	if err != nil {
		return nil, err
	}
	cfg.lendVault = true
	m, err := Open(ctx, cfg)
	if err == nil {
		return m, nil
	}
	back := cfg
	back.lendVault, back.Reach = false, &before
	m, worse := Open(ctx, back)
	if worse != nil {
		return nil, errors.Join(err, worse)
	}
	m.cfg.Reach = cfg.Reach
	return m, errors.Join(err, m.SetReachSettings(ctx, before))
}

// reachMemory is what reach remembered when this node was last open, nil for nothing.
func (n *Node) reachMemory() ([]byte, error) {
	b, err := n.store.State(keyMemory)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("node: read what is known of networks: %w", err)
	}
	return b, nil
}

// rememberReach stores what reach remembers. It may be lost in a crash, which costs
// a few seconds of trying on each network.
func (n *Node) rememberReach(b []byte) {
	if len(b) > maxMemory {
		n.log.Warn("node: too much is known of networks to be stored", "bytes", len(b))
		return
	}
	if err := n.commit(context.Background(), storage.Batch{State: []storage.KV{{Key: keyMemory, Value: b}}}); err != nil {
		n.log.Warn("node: store what is known of networks", "err", err)
	}
}
