package node

import (
	"context"
	"errors"

	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/storage"
)

// What a further device of a person gets about reach: the bridges, and the settings.

// reachLegacy is what this device gives to another one.
func (n *Node) reachLegacy() (items []letter.Item, err error) {
	rows, err := n.bridgeRows()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		l, err := reach.LinkTo(row.Name, reach.Contact(row.Contact))
		if err != nil {
			continue
		}
		text, err := l.Text()
		if err != nil {
			return nil, err
		}
		items = append(items, letter.Item{Bridge: text})
	}
	b, err := n.store.State(keySettings)
	if errors.Is(err, storage.ErrNotFound) {
		return items, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeSettings(b)
	if err != nil {
		return nil, err
	}
	s.Onion = "" // leads to this computer
	if b, err = encodeSettings(s); err != nil {
		return nil, err
	}
	return append(items, letter.Item{Reach: b}), nil
}

// inheritReach takes in a bridge or settings of another device of this person. Settings
// hold from the next opening on; those that were chosen on this device stay.
func (n *Node) inheritReach(ctx context.Context, item letter.Item) error {
	if item.Bridge != "" {
		if _, err := n.AddBridge(ctx, item.Bridge); err != nil && !errors.Is(err, ErrBadBridge) {
			return err
		}
	}
	if len(item.Reach) == 0 {
		return nil
	}
	s, err := decodeSettings(item.Reach)
	if err != nil {
		return nil // of a later version
	}
	if _, err := n.store.State(keySettings); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return n.SetReachSettings(ctx, s)
}
