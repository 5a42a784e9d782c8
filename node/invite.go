package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// inviteFor is how long an invitation can be taken up.
const inviteFor = 30 * 24 * time.Hour

// Invite is a link by which one person becomes a member of a private topic.
type Invite struct {
	Link    string
	Expires time.Time
}

// Invite is InviteAs for somebody who is to write.
func (t *Topic) Invite(ctx context.Context) (Invite, error) { return t.InviteAs(ctx, topic.Writer) }

// InviteAs returns a link by which one person becomes a member of a private topic, or
// gets the right to write in a broadcast, with a role below this device's, within 30
// days. Whoever has the link first is let in, so it is to be handed over with care.
// Link, without it, lets somebody read a broadcast, and keep a private topic without
// reading it. The error matches ErrMayNotChange, ErrNotReady, or ErrNotSealed where
// everybody has the role, or where there is room for two.
func (t *Topic) InviteAs(ctx context.Context, role Role) (Invite, error) {
	return t.invite(ctx, role, reach.Contact{})
}

// invite is InviteAs with doors of this node's bridge in the link.
func (t *Topic) invite(ctx context.Context, role Role, doors reach.Contact) (Invite, error) {
	seq := t.nextSeq()
	t.mu.RLock()
	state := t.state
	var mine Role
	if state != nil {
		mine = state.Role(t.me, seq, time.Now().UnixMilli())
	}
	t.mu.RUnlock()
	switch {
	case state == nil:
		return Invite{}, ErrNotReady
	case state.Kind() == topic.Direct || state.Kind() == topic.Open && role <= topic.Writer:
		return Invite{}, ErrNotSealed
	case role < topic.Writer || role >= mine:
		return Invite{}, ErrMayNotChange
	}
	seat, err := identity.NewWriter()
	if err != nil {
		return Invite{}, err
	}
	expires := time.Now().Add(inviteFor)
	body, err := record.EncodeBody(topic.Grant{Key: record.WriterOf(seat), Role: role, Expiry: expires.UnixMilli(), Seat: true})
	if err != nil {
		return Invite{}, err
	}
	if _, err := t.append(ctx, &entry{kind: record.KindGrant, body: body}); err != nil {
		if errors.Is(err, ErrMayNotPost) {
			err = ErrMayNotChange
		}
		return Invite{}, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Invite{topic.Link{
		Topic: t.id, Kind: t.state.Kind(), Name: t.state.Name(), Seat: seat.Seed(),
		Peers: []topic.Contact{t.node.selfBehind(doors)},
	}.String(), expires}, nil
}

// CancelInvites takes back the invitations that nobody has used, as far as their role
// is below this device's, and returns how many. Who has used one and was not let in
// yet stays outside too. The error matches ErrMayNotChange or ErrNotReady.
func (t *Topic) CancelInvites(ctx context.Context) (int, error) {
	seq, now := t.nextSeq(), time.Now().UnixMilli()
	t.mu.RLock()
	var mine Role
	var seats []Writer
	ready := t.state != nil
	if ready {
		mine = t.state.Role(t.me, seq, now)
		present, _ := t.state.Members(now)
		for _, m := range present {
			if m.Seat && !m.Device && m.Role < mine {
				seats = append(seats, m.Key)
			}
		}
	}
	t.mu.RUnlock()
	switch {
	case !ready:
		return 0, ErrNotReady
	case mine < topic.Admin:
		return 0, ErrMayNotChange
	}
	for i, w := range seats {
		if err := t.revoke(ctx, w); err != nil {
			return i, err
		}
	}
	return len(seats), nil
}

// Remove ends the rights of a member and of the devices that hang on it: what they
// write from now on does not count, and what the others write they cannot read. The
// error matches ErrMayNotChange, also where the member's role is not below this
// device's and it is none of its own, ErrNotFound where it is no member,
// ErrNotSealed or ErrNotReady.
func (t *Topic) Remove(ctx context.Context, w Writer) error {
	if err := t.mayRemove(w); err != nil {
		return err
	}
	return t.removeAll(ctx, []Writer{w})
}

// removeAll revokes keys, with the devices that hang on them.
func (t *Topic) removeAll(ctx context.Context, writers []Writer) error {
	if len(writers) == 0 {
		return nil
	}
	t.mu.RLock()
	if t.state != nil {
		for _, w := range slices.Clone(writers) {
			writers = append(writers, t.state.Devices(w)...)
		}
	}
	t.mu.RUnlock()
	for _, w := range writers {
		if err := t.revoke(ctx, w); err != nil {
			return err
		}
	}
	if t.seals() == nil {
		return nil
	}
	// Nobody is to write another word that a removed one can read.
	_, err := t.append(ctx, &entry{kind: record.KindKeys, keys: keysEpoch})
	if errors.Is(err, ErrNoKey) { // then nobody can
		return nil
	}
	return err
}

// revoke ends the rights of a key; in a topic that this person made, also where the
// key's role is not below this device's.
func (t *Topic) revoke(ctx context.Context, w Writer) error {
	head, err := t.node.store.Head(t.space(), storage.Chain(w))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("node: %w", err)
	}
	v := topic.Revoke{Key: w, LastSeq: head.Seq}
	if errors.Is(t.mayRemove(w), ErrMayNotChange) {
		t.mu.RLock()
		early := t.row.Regain
		t.mu.RUnlock()
		if early { // what the root key signed elsewhere may not have come yet
			return ErrNotRegained
		}
		if done, err := t.byRoot(ctx, record.KindRevoke, v); done || err != nil {
			return err
		}
		return ErrMayNotChange
	}
	body, err := record.EncodeBody(v)
	if err != nil {
		return err
	}
	if _, err = t.append(ctx, &entry{kind: record.KindRevoke, body: body}); errors.Is(err, ErrMayNotPost) {
		return ErrMayNotChange
	}
	return err
}

// mayRemove reports why a revocation of w by this device would change nothing.
func (t *Topic) mayRemove(w Writer) error {
	seq, now := t.nextSeq(), time.Now().UnixMilli()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return ErrNotReady
	}
	mine, role := t.state.Role(t.me, seq, now), t.state.Role(w, never, now)
	switch {
	case role < topic.Writer:
		return fmt.Errorf("%w: no member %s", ErrNotFound, w)
	case (mine < topic.Admin || role >= mine) && !slices.Contains(t.state.Devices(t.me), w):
		return ErrMayNotChange
	}
	return nil
}

// never is a number that no chain comes to: whether a key may write for good.
const never = math.MaxUint64

// SetRole gives a member a higher role, below this device's own. The error matches
// ErrMayNotChange, ErrNotReady, or ErrNotFound where it is no member.
func (t *Topic) SetRole(ctx context.Context, w Writer, role Role) error {
	seq, now := t.nextSeq(), time.Now().UnixMilli()
	t.mu.RLock()
	var mine, is Role
	ready := t.state != nil
	if ready {
		mine, is = t.state.Role(t.me, seq, now), t.state.Role(w, never, now)
	}
	t.mu.RUnlock()
	switch {
	case !ready:
		return ErrNotReady
	case is < topic.Writer:
		return fmt.Errorf("%w: no member %s", ErrNotFound, w)
	case role >= mine || role <= is:
		return ErrMayNotChange
	}
	body, err := record.EncodeBody(topic.Grant{Key: w, Role: role})
	if err != nil {
		return err
	}
	if _, err = t.append(ctx, &entry{kind: record.KindGrant, body: body}); errors.Is(err, ErrMayNotPost) {
		err = ErrMayNotChange
	}
	return err
}

// Member is a device with a role in a topic; in a sealed one, that reads it.
type Member struct {
	Author Author
	Role   Role
}

// Members returns the devices that were given a role, in a sealed topic those that
// read it, and how many invitations are open.
func (t *Topic) Members() (members []Member, invited int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return nil, 0
	}
	present, _ := t.state.Members(time.Now().UnixMilli())
	for _, m := range present {
		if m.Seat {
			if !m.Device {
				invited++
			}
			continue
		}
		members = append(members, Member{t.authorLocked(m.Key), m.Role})
	}
	return members, invited
}

// standsLocked says how this device stands in a sealed topic. may is whether its
// key has the right to write, me the account. The caller holds t.mu.
func (t *Topic) standsLocked(me PersonID, may bool) *Sealing {
	s := Sealing{
		Member: may && t.row.Admitted, Joining: !(may && t.row.Admitted) && (may || len(t.row.Seat) > 0),
		Refused: t.row.Refused, Past: t.state.Settings().Past,
		Fade: time.Duration(t.state.Settings().Fade) * time.Second,
	}
	present, gone := t.state.Members(time.Now().UnixMilli())
	s.Removed = slices.Contains(gone, t.me) && !s.Joining
	for _, m := range present {
		if m.Seat {
			if !m.Device {
				s.Invited++
			}
			continue
		}
		s.Members++
		if p, ok := t.people[m.Key]; ok && t.state.Kind() == topic.Direct {
			s.Stranger = s.Stranger || p.cert.Account != me && string(p.cert.Account[:]) != string(t.row.Whom)
		}
	}
	return &s
}

// takeSeat makes this device's key a member with the seat of a link, once the
// grant of the seat is here.
func (t *Topic) takeSeat(ctx context.Context) error {
	t.mu.RLock()
	state, seed := t.state, t.row.Seat
	t.mu.RUnlock()
	if len(seed) != ed25519.SeedSize || state == nil {
		return nil
	}
	if t.isMember() {
		t.mu.RLock()
		confirmed := t.state.IsConfirmed(t.me)
		t.mu.RUnlock()
		if !confirmed { // by another invitation, which may yet turn out to be somebody else's
			return nil
		}
		return t.leaveSeat(ctx, seed, false)
	}
	key := ed25519.NewKeyFromSeed(seed)
	t.mu.RLock()
	var role Role
	present, gone := state.Members(time.Now().UnixMilli())
	taken := slices.Contains(gone, record.WriterOf(key))
	for _, m := range present {
		if m.Seat && m.Key == record.WriterOf(key) {
			role = m.Role
		}
	}
	t.mu.RUnlock()
	if role == 0 {
		if taken {
			return t.leaveSeat(ctx, seed, true)
		}
		return nil // not here yet
	}
	var keys []byte
	if t.sealing != nil {
		var err error
		if keys, err = t.sealing.firstKeys(ctx); err != nil {
			return err
		}
	}
	body, err := record.EncodeBody(topic.Grant{Key: t.me, Role: role, Keys: keys})
	if err != nil {
		return err
	}
	r, err := record.Sign(record.Header{Topic: t.id, Seq: 1, Time: time.Now().UnixMilli(), Kind: record.KindGrant}, body, key)
	if err != nil {
		return err
	}
	t.hold([]*record.Record{r})
	err = t.take(ctx, r)
	if err != nil && !errors.Is(err, errDuplicate) {
		t.release(r.ID())
	}
	switch {
	case errors.Is(err, errFork):
		return t.leaveSeat(ctx, seed, true)
	case err != nil && !errors.Is(err, errDuplicate):
		return fmt.Errorf("node: take up an invitation: %w", err)
	}
	t.sendOp(ctx, r)
	return nil
}

// acceptSeat takes up an invitation into a topic that was only kept here before,
// into which another invitation did not lead, or from which this device was
// removed. A member has no use for it.
func (n *Node) acceptSeat(ctx context.Context, t *Topic, l topic.Link) (*Topic, error) {
	t.mu.RLock()
	var confirmed, removed bool
	if t.state != nil {
		_, gone := t.state.Members(time.Now().UnixMilli())
		confirmed, removed = t.state.IsConfirmed(t.me), slices.Contains(gone, t.me)
	}
	t.mu.RUnlock()
	if removed {
		key, err := identity.NewWriter()
		if err != nil {
			return nil, err
		}
		if t, err = n.rekey(ctx, t, key, nil); err != nil {
			return nil, err
		}
	} else if confirmed {
		return t, nil
	}
	return t, t.takeUp(ctx, l)
}

func (t *Topic) takeUp(ctx context.Context, l topic.Link) error {
	if err := t.saveRow(ctx, func(row *topicRow) { row.Seat, row.Name, row.Refused = l.Seat, l.Name, false }); err != nil {
		return err
	}
	if !t.isReady() {
		return nil
	}
	if err := t.offerAgain(ctx); err != nil {
		return err
	}
	poke(t.locks)
	return nil
}

// leaveSeat forgets a seat that was taken, by this device or by another.
func (t *Topic) leaveSeat(ctx context.Context, seed []byte, refused bool) error {
	return t.saveRow(ctx, func(row *topicRow) {
		if bytes.Equal(row.Seat, seed) { // not a newer invitation
			row.Seat, row.Refused = nil, refused
		}
	})
}

// confirmSeats grants those who took this device's invitations their role by
// name, so that nobody who has the link can undo it, and tells them what the
// topic is called.
func (t *Topic) confirmSeats(ctx context.Context) error {
	seq, now := t.nextSeq(), time.Now().UnixMilli()
	t.mu.RLock()
	grants := t.state.Unconfirmed(t.me, now)
	settings := t.state.Settings()
	runs := t.state.Role(t.me, seq, now) >= topic.Admin
	t.mu.RUnlock()
	for _, g := range grants {
		if t.sealing != nil && settings.Past != 0 { // before the newcomer writes, which would count among the last
			_, err := t.append(ctx, &entry{kind: record.KindKeys, keys: keysPast, whom: g.Key})
			if err != nil && !errors.Is(err, seal.ErrNoPast) {
				return err
			}
		}
		body, err := record.EncodeBody(g)
		if err != nil {
			return err
		}
		if _, err := t.append(ctx, &entry{kind: record.KindGrant, body: body}); err != nil {
			return err
		}
	}
	if len(grants) == 0 || t.sealing == nil || !runs || settings == (topic.Settings{}) {
		return nil
	}
	return t.settle(ctx, settings)
}
