package topic

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/linnet-im/linnet/node/record"
)

// State is the topic as its ops make it.
type State struct {
	id      record.TopicID
	genesis Genesis
	created int64
	root    record.Writer
	ops     []op // grants, revokes and settings that have arrived, in any order
	seen    map[record.ID]struct{}
	rights  map[record.Writer]right
	keys    map[record.Writer][]byte        // of those who took a seat
	parents map[record.Writer]record.Writer // of devices: who gave them their role
	own     map[record.Writer]bool          // has a role that was not given as a device's
	names   map[record.Writer]intro
	current Settings
}

// op is a grant, revoke or settings record, opened.
type op struct {
	id       record.ID
	issuer   record.Writer
	seq      uint64
	time     int64
	grant    *Grant
	revoke   *Revoke
	settings *Settings
}

// right is what one key may do.
type right struct {
	role    Role
	expiry  int64 // last ms that counts, 0 for ever
	lastSeq uint64
	seat    bool // it only hands its role on
	used    bool // and has done so
}

func (r right) covers(seq uint64, time int64) bool {
	return seq <= r.lastSeq && (r.expiry == 0 || time <= r.expiry)
}

type intro struct {
	seq  uint64
	name string
}

// NewState begins with a genesis record whose signature was checked.
func NewState(genesis *record.Record) (*State, error) {
	g, err := openGenesis(genesis)
	if err != nil {
		return nil, err
	}
	s := &State{
		id: genesis.TopicID(), genesis: g, created: genesis.Time, root: genesis.Writer,
		seen: map[record.ID]struct{}{}, names: map[record.Writer]intro{},
	}
	s.fold()
	return s, nil
}

// Apply adds an op whose signature was checked. Applying one twice changes
// nothing. The order does not matter: an op whose issuer has no right (yet) is
// kept and counts as soon as it has one. Records that are no ops are passed over.
func (s *State) Apply(r *record.Record) error {
	if r.TopicID() != s.id {
		return fmt.Errorf("%w: of another topic", ErrOp)
	}
	if _, ok := s.seen[r.ID()]; ok {
		return nil
	}
	if !s.suits(r.Kind) {
		return fmt.Errorf("%w: %s in a %s topic", ErrOp, r.Kind, s.Kind())
	}
	o := op{id: r.ID(), issuer: r.Writer, seq: r.Seq, time: r.Time}
	switch r.Kind {
	case record.KindIntro:
		i, err := openIntro(r)
		if err != nil {
			return err
		}
		s.Call(r.Writer, r.Seq, i.Name)
		return nil
	case record.KindGrant:
		g, err := openGrant(r)
		if err != nil {
			return err
		}
		o.grant = &g
	case record.KindRevoke:
		v, err := openRevoke(r)
		if err != nil {
			return err
		}
		o.revoke = &v
	case record.KindSettings:
		v, err := openSettings(r)
		if err != nil {
			return err
		}
		o.settings = &v
	default:
		return nil
	}
	s.add(o)
	return nil
}

// Call notes what a writer calls itself, as its record of this seq says. The
// record with the highest number counts.
func (s *State) Call(w record.Writer, seq uint64, name string) {
	if seq > s.names[w].seq {
		s.names[w] = intro{seq, name}
	}
}

// ApplySettings is Apply for settings that came sealed in r.
func (s *State) ApplySettings(r *record.Record, v Settings) {
	if _, ok := s.seen[r.ID()]; !ok {
		s.add(op{id: r.ID(), issuer: r.Writer, seq: r.Seq, time: r.Time, settings: &v})
	}
}

func (s *State) add(o op) {
	s.seen[o.id] = struct{}{}
	s.ops = append(s.ops, o)
	s.fold()
}

// fold works the rights out anew, from the top down. An issuer rules only over
// lower roles, so when a level's turn comes all that could limit it is known:
// that is why the order of arrival cannot matter (PROTOCOL.md §3.3).
func (s *State) fold() {
	s.rights = map[record.Writer]right{s.root: {role: root, lastSeq: never}}
	s.keys = map[record.Writer][]byte{}
	s.parents, s.own = map[record.Writer]record.Writer{}, map[record.Writer]bool{}
	for _, g := range s.genesis.Grants {
		s.grant(g, root)
	}
	for level := root; level >= Writer; level-- {
		s.peers(level)
		for _, o := range s.ops {
			if o.grant != nil && !o.grant.Device && s.holds(o, level) {
				s.grant(*o.grant, level)
			}
		}
		for _, o := range s.ops {
			if o.revoke != nil && s.holds(o, level) {
				s.revoke(*o.revoke, level)
			}
		}
	}
	s.current = Settings{Name: s.genesis.Name, Description: s.genesis.Description}
	var last *op
	for i := range s.ops {
		o := &s.ops[i]
		if o.settings != nil && s.may(o.issuer, o.seq, o.time, Admin) && (last == nil || last.before(o)) {
			last, s.current = o, *o.settings
		}
	}
}

// peers works out who has a level through others of the same level: who took a
// seat, and devices. What one of them gives may count only because of another, so
// it goes on until nothing changes, each time with all that counts by then. Devices
// that were taken back by who gave them are known only then; it is worked out
// again with that. A removal that counted once stays: removals win.
func (s *State) peers(level Role) {
	rights, keys, parents, own := s.rights, s.keys, s.parents, s.own
	limits := map[record.Writer]uint64{}
	for again := true; again; {
		s.rights, s.keys, s.parents, s.own = maps.Clone(rights), maps.Clone(keys), maps.Clone(parents), maps.Clone(own)
		for w, seq := range limits {
			s.limit(w, seq)
		}
		for done := map[record.ID]bool{}; s.peersOnce(level, done); {
		}
		again = false
		for _, o := range s.ops {
			if o.revoke == nil || s.rights[o.issuer].role != level || !s.rights[o.issuer].covers(o.seq, o.time) || !s.isDeviceOf(o.revoke.Key, o.issuer) {
				continue
			}
			if seq, ok := limits[o.revoke.Key]; !ok || o.revoke.LastSeq < seq {
				limits[o.revoke.Key], again = o.revoke.LastSeq, true
			}
		}
	}
}

// peersOnce counts the ops that count now and did not before, and reports whether
// there were any.
func (s *State) peersOnce(level Role, done map[record.ID]bool) bool {
	var seats, devices []op
	for _, o := range s.ops {
		switch {
		case o.grant == nil || done[o.id]:
		case s.takesSeat(o, level):
			seats = append(seats, o)
		case s.addsDevice(o, level):
			devices = append(devices, o)
		}
	}
	for _, o := range seats {
		s.seat(*o.grant, o.issuer, level)
		done[o.id] = true
	}
	for _, o := range devices {
		s.give(*o.grant, level+1)
		s.adopt(o.grant.Key, o.issuer)
		done[o.id] = true
	}
	return len(seats)+len(devices) > 0
}

// addsDevice reports whether o gives another device of its issuer this level.
func (s *State) addsDevice(o op, level Role) bool {
	r, ok := s.rights[o.issuer]
	return ok && o.grant.Device && r.role == level && o.grant.Role == level && level <= Owner && !r.seat && r.covers(o.seq, o.time) &&
		(level >= Admin || s.genesis.Kind.IsSealed())
}

// adopt notes who gave a device its role; of several the least, the same everywhere.
// It makes nobody a device who has a role otherwise.
func (s *State) adopt(w, by record.Writer) {
	if old, ok := s.parents[w]; !ok || bytes.Compare(by[:], old[:]) < 0 {
		s.parents[w] = by
	}
}

// isDeviceOf reports whether w has its role from by, or from a device of by's.
func (s *State) isDeviceOf(w, by record.Writer) bool {
	for range len(s.parents) {
		parent, ok := s.parents[w]
		if !ok || s.own[w] {
			return false
		}
		if parent == by {
			return true
		}
		w = parent
	}
	return false
}

// Devices returns the keys that have their role from w, or from a device of w's.
func (s *State) Devices(w record.Writer) (devices []record.Writer) {
	for d := range s.parents {
		if s.isDeviceOf(d, w) {
			devices = append(devices, d)
		}
	}
	slices.SortFunc(devices, func(a, b record.Writer) int { return bytes.Compare(a[:], b[:]) })
	return devices
}

// SeatedBy returns the keys that a seat has handed its role to: one, or none.
func (s *State) SeatedBy(seat record.Writer) (keys []record.Writer) {
	for _, o := range s.ops {
		if o.grant != nil && o.issuer == seat && o.seq == 1 {
			keys = append(keys, o.grant.Key)
		}
	}
	return keys
}

func (o *op) before(p *op) bool {
	if o.time != p.time {
		return o.time < p.time
	}
	return bytes.Compare(o.id[:], p.id[:]) < 0
}

// holds reports whether o's issuer rules over lower roles from this level.
func (s *State) holds(o op, level Role) bool {
	r, ok := s.rights[o.issuer]
	return ok && r.role == level && level >= Admin && !r.seat && r.covers(o.seq, o.time)
}

// takesSeat reports whether o is the one grant that a seat of this level makes.
func (s *State) takesSeat(o op, level Role) bool {
	r, ok := s.rights[o.issuer]
	return ok && r.role == level && r.seat && o.seq == 1 && r.covers(o.seq, o.time) && !o.grant.Seat && o.grant.Role <= level
}

// seat hands the role of a seat on.
func (s *State) seat(g Grant, from record.Writer, level Role) {
	r := s.rights[from]
	r.used = true
	s.rights[from] = r
	if bytes.Compare(g.Keys, s.keys[g.Key]) > 0 { // any of several, but the same everywhere
		s.keys[g.Key] = g.Keys
	}
	if r.expiry != 0 && (g.Expiry == 0 || g.Expiry > r.expiry) {
		g.Expiry = r.expiry // until it is confirmed by name: the time of what a seat signs proves nothing
	}
	if by, ok := s.parents[from]; ok && !s.own[from] { // the seat was for a device
		s.give(g, level+1)
		s.adopt(g.Key, by)
		return
	}
	s.grant(g, level+1)
}

// grant gives a role that does not hang on another key of the same level.
func (s *State) grant(g Grant, by Role) {
	if g.Role < by {
		s.own[g.Key] = true
	}
	s.give(g, by)
}

func (s *State) give(g Grant, by Role) {
	r, ok := s.rights[g.Key]
	switch {
	case g.Role >= by:
		return
	case !ok:
		r = right{lastSeq: never, role: g.Role, expiry: g.Expiry, seat: g.Seat}
	case g.Role > r.role:
		r.role, r.expiry, r.seat = g.Role, g.Expiry, g.Seat
	case g.Role == r.role:
		if r.expiry != 0 && (g.Expiry == 0 || g.Expiry > r.expiry) {
			r.expiry = g.Expiry
		}
		r.seat = r.seat && g.Seat
	}
	s.rights[g.Key] = r
}

// revoke wins over every grant of the same or a lower level: a revoked key is
// not used again, its owner makes a new one.
func (s *State) revoke(v Revoke, by Role) {
	r, ok := s.rights[v.Key]
	if !ok {
		r = right{lastSeq: never} // someone who needed no grant, or whose grant has not come
	}
	if r.role >= by {
		return
	}
	s.limit(v.Key, v.LastSeq)
}

// limit ends the rights of a key after a record.
func (s *State) limit(w record.Writer, seq uint64) {
	r, ok := s.rights[w]
	if !ok {
		r = right{lastSeq: never}
	}
	r.lastSeq = min(r.lastSeq, seq)
	s.rights[w] = r
}

func (s *State) may(w record.Writer, seq uint64, time int64, need Role) bool {
	r, ok := s.rights[w]
	return ok && r.role >= need && !r.seat && r.covers(seq, time)
}

// ID returns the topic's id.
func (s *State) ID() record.TopicID { return s.id }

// Kind returns who may write in general.
func (s *State) Kind() Kind { return s.genesis.Kind }

// Nonce returns the genesis nonce.
func (s *State) Nonce() []byte { return slices.Clone(s.genesis.Nonce) }

// Root returns the key that signed the genesis.
func (s *State) Root() record.Writer { return s.root }

// Created returns the genesis time in ms since 1970.
func (s *State) Created() int64 { return s.created }

// Settings returns what holds now. A sealed topic has none until one was read.
func (s *State) Settings() Settings { return s.current }

// Name returns what the topic is called now.
func (s *State) Name() string { return s.current.Name }

// Description returns what the topic says of itself now.
func (s *State) Description() string { return s.current.Description }

// NameOf returns what w calls itself, empty when it never said.
func (s *State) NameOf(w record.Writer) string { return s.names[w].name }

// Role returns what w may do from now on, as far as this node knows. seq is the
// number of w's next record.
func (s *State) Role(w record.Writer, seq uint64, time int64) Role {
	r, ok := s.rights[w]
	if ok && r.covers(seq, time) && r.role > Reader && !r.seat {
		return r.role
	}
	if s.genesis.Kind == Open && (!ok || r.covers(seq, time)) {
		return Writer
	}
	return Reader
}

// Member is a key to which a sealed topic is sealed.
type Member struct {
	Key  record.Writer
	Role Role
	Seat bool   // nobody has taken it yet
	Keys []byte // with which it came, nil for none; not to be changed
	// Device is that it has its role as another device of a member's.
	Device bool
}

// Members returns the keys of a sealed topic's devices and seats at a time, and
// those that were such and are not any more, both ascending. The root key is
// neither: it signs and does not read.
func (s *State) Members(now int64) (present []Member, removed []record.Writer) {
	for w, r := range s.rights {
		switch {
		case w == s.root || r.role < Writer:
		case r.lastSeq != never || r.used || r.expiry != 0 && now > r.expiry:
			removed = append(removed, w)
		default:
			_, device := s.parents[w]
			present = append(present, Member{Key: w, Role: r.role, Seat: r.seat, Keys: s.keys[w], Device: device && !s.own[w]})
		}
	}
	slices.SortFunc(present, func(a, b Member) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	slices.SortFunc(removed, func(a, b record.Writer) int { return bytes.Compare(a[:], b[:]) })
	return present, removed
}

// Joined returns how many keys have ever been members: it grows with each newcomer.
func (s *State) Joined() (n uint64) {
	for w, r := range s.rights {
		if w != s.root && r.role >= Writer && !r.seat {
			n++
		}
	}
	return n
}

// Unconfirmed returns what w is to grant at a time, in ms since 1970, to those who
// took seats: of seats that it made itself at once, of others' after a minute. Until
// then their rights hang on a key that passed through a link: whoever else has that
// can sign a second grant with it, and a chain that is forked counts for nothing.
// A seat whose time is over confirms nobody, whatever time stands in what it signed.
func (s *State) Unconfirmed(w record.Writer, now int64) (grants []Grant) {
	const turn = 60_000
	mine := s.rights[w]
	made := map[record.Writer]bool{}
	for _, o := range s.ops {
		if o.grant != nil && o.issuer == w {
			made[o.grant.Key] = true
		}
	}
	for _, o := range s.ops {
		if o.grant == nil || o.grant.Seat || o.seq != 1 || !s.rights[o.issuer].used || s.IsConfirmed(o.grant.Key) {
			continue
		}
		if over := s.rights[o.issuer].expiry; over != 0 && now > over {
			continue
		}
		device := s.parents[o.issuer] == w && o.grant.Role == mine.role
		if !device && (!made[o.issuer] && (now < o.time+turn || mine.role < Admin || mine.seat) || o.grant.Role >= mine.role) {
			continue
		}
		if r, ok := s.rights[o.grant.Key]; ok && r.lastSeq == never {
			grants = append(grants, Grant{Key: o.grant.Key, Role: o.grant.Role, Expiry: o.grant.Expiry, Device: device})
		}
	}
	return grants
}

// IsConfirmed reports whether a member has its role by name, and not only by a seat.
func (s *State) IsConfirmed(w record.Writer) bool {
	return slices.ContainsFunc(s.genesis.Grants, func(g Grant) bool { return g.Key == w }) ||
		slices.ContainsFunc(s.ops, func(o op) bool {
			need := Admin
			if o.grant != nil && o.grant.Device {
				need = o.grant.Role
			}
			return o.grant != nil && o.grant.Key == w && !o.grant.Seat && s.may(o.issuer, o.seq, o.time, need)
		})
}

// IsSeat reports whether w is a seat, taken or not.
func (s *State) IsSeat(w record.Writer) bool { return s.rights[w].seat }

// Check reports with ErrRight whether r's writer may write it, and with ErrOp
// that nobody may: a name in clear in a sealed topic.
func (s *State) Check(r *record.Record) error {
	need := Writer
	switch r.Kind {
	case record.KindGenesis:
		if r.TopicID() == s.id {
			return nil
		}
		return fmt.Errorf("%w: another genesis", ErrOp)
	case record.KindGrant:
		if s.isSeat(r) {
			return nil
		}
		if g, err := openGrant(r); err != nil || !g.Device || !s.Kind().IsSealed() {
			need = Admin
		}
	case record.KindRevoke:
		if v, err := openRevoke(r); err != nil || !s.isDeviceOf(v.Key, r.Writer) {
			need = Admin
		}
	case record.KindSettings, record.KindCheckpoint:
		need = Admin
	}
	if !s.suits(r.Kind) {
		return fmt.Errorf("%w: %s in a %s topic", ErrOp, r.Kind, s.Kind())
	}
	if s.Role(r.Writer, r.Seq, r.Time) < need {
		return fmt.Errorf("%w: %s by %s", ErrRight, r.Kind, r.Writer)
	}
	return nil
}

// isSeat reports whether r is the first word of a seat.
func (s *State) isSeat(r *record.Record) bool {
	right, ok := s.rights[r.Writer]
	return ok && right.seat && r.Seq == 1 && right.covers(r.Seq, r.Time)
}

// suits reports whether records of a kind have a place in the topic: what people
// say is sealed where the topic is, and nowhere else.
func (s *State) suits(k record.Kind) bool {
	switch k {
	case record.KindIntro, record.KindSettings, record.KindPost:
		return !s.Kind().IsSealed()
	case record.KindKeys, record.KindSealed:
		return s.Kind().IsSealed()
	}
	return true
}
