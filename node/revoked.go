package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/storage"
)

// A device that was removed has its certificate still. So that nobody takes it for
// its owner's any more, the account revokes it, and letters carry what an account has
// revoked to its contacts (PROTOCOL.md §13.5).

// keyRevoked is what this person has revoked: an identity.DeviceList without certificates.
const keyRevoked = "identity/revoked"

// loadRevoked reads what this person has revoked. What contacts have is in their rows.
func (n *Node) loadRevoked() error {
	b, err := n.store.State(keyRevoked)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("node: read what was revoked: %w", err)
	}
	l, err := identity.OpenDeviceList(b)
	if err != nil || l.Account() != n.me() {
		return fmt.Errorf("%w: what was revoked: %w", ErrDamaged, err)
	}
	n.people.revoked.Store(n.me(), l)
	return nil
}

// noteRevoked remembers what a contact's row says that it has revoked.
func (p *people) noteRevoked(id PersonID, row personRow) error {
	if len(row.Revoked) == 0 {
		return nil
	}
	l, err := identity.OpenDeviceList(row.Revoked)
	if err != nil || l.Account() != id {
		return fmt.Errorf("%w: what a contact has revoked: %w", ErrDamaged, err)
	}
	p.revoked.Store(id, l)
	return nil
}

// revokedBy returns what an account is known to have revoked, as letters carry it;
// nil where that is nothing.
func (n *Node) revokedBy(id PersonID) []byte {
	if l, ok := n.people.revoked.Load(id); ok {
		return l.(identity.DeviceList).Bytes()
	}
	return nil
}

// isRevoked reports whether a device is no longer its account's, as far as is known.
func (n *Node) isRevoked(c identity.Certificate) bool {
	l, ok := n.people.revoked.Load(c.Account)
	return ok && l.(identity.DeviceList).Voids(c)
}

// withRevoked adds the revocations of a list to those that are known of its account,
// and returns all of them. ok is false where the list is none, or says nothing new.
func (n *Node) withRevoked(id PersonID, list []byte) (all identity.DeviceList, ok bool) {
	if len(list) == 0 {
		return all, false
	}
	said, err := identity.OpenDeviceList(list)
	if err != nil || said.Account() != id {
		return all, false
	}
	revocations := said.Revocations()
	if l, ok := n.people.revoked.Load(id); ok {
		revocations = append(revocations, l.(identity.DeviceList).Revocations()...)
	}
	if len(revocations) == 0 {
		return all, false
	}
	all, err = identity.NewDeviceList(id, nil, revocations)
	return all, err == nil && !bytes.Equal(all.Bytes(), n.revokedBy(id))
}

// revoke states that a device is not this person's any more; contacts are told with
// the next letter. The error is ErrNoAccount on a device that cannot say so.
func (n *Node) revoke(ctx context.Context, device identity.Key) error {
	account, ok := n.accountKey()
	if !ok {
		return ErrNoAccount
	}
	now := time.Now()
	v, err := identity.OpenRevocation(account.Revoke(device, now, now))
	if err != nil {
		return err
	}
	said, err := identity.NewDeviceList(n.me(), nil, []identity.Revocation{v})
	if err != nil {
		return err
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	all, ok := n.withRevoked(n.me(), said.Bytes())
	if !ok {
		return nil
	}
	if err := n.setState(ctx, keyRevoked, all.Bytes()); err != nil {
		return err
	}
	n.people.revoked.Store(n.me(), all)
	n.post.changed()
	return nil
}

// takeRevoked takes in what a person has revoked. Whoever brings it, the account has
// signed it. The caller holds people.mu.
func (n *Node) takeRevoked(ctx context.Context, id PersonID, k *known, list []byte) error {
	all, ok := n.withRevoked(id, list)
	if !ok {
		return nil
	}
	n.people.revoked.Store(id, all)
	return n.savePerson(ctx, id, k, func(row *personRow) { row.Revoked = all.Bytes() })
}
