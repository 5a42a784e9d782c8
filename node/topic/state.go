package topic

import (
	"bytes"
	"fmt"
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
	o := op{id: r.ID(), issuer: r.Writer, seq: r.Seq, time: r.Time}
	switch r.Kind {
	case record.KindIntro:
		i, err := openIntro(r)
		if err != nil {
			return err
		}
		if r.Seq > s.names[r.Writer].seq {
			s.names[r.Writer] = intro{r.Seq, i.Name}
		}
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
	s.seen[o.id] = struct{}{}
	s.ops = append(s.ops, o)
	s.fold()
	return nil
}

// fold works the rights out anew, from the top down. An issuer rules only over
// lower roles, so when a level's turn comes all that could limit it is known:
// that is why the order of arrival cannot matter (PROTOCOL.md §3.3).
func (s *State) fold() {
	s.rights = map[record.Writer]right{s.root: {role: root, lastSeq: never}}
	for _, g := range s.genesis.Grants {
		s.grant(g, root)
	}
	for level := root; level >= Admin; level-- {
		for _, o := range s.ops {
			if o.grant != nil && s.holds(o, level) {
				s.grant(*o.grant, level)
			}
		}
		for _, o := range s.ops {
			if o.revoke != nil && s.holds(o, level) {
				s.revoke(*o.revoke, level)
			}
		}
	}
	s.current = Settings{s.genesis.Name, s.genesis.Description}
	var last *op
	for i := range s.ops {
		o := &s.ops[i]
		if o.settings != nil && s.may(o.issuer, o.seq, o.time, Admin) && (last == nil || last.before(o)) {
			last, s.current = o, *o.settings
		}
	}
}

func (o *op) before(p *op) bool {
	if o.time != p.time {
		return o.time < p.time
	}
	return bytes.Compare(o.id[:], p.id[:]) < 0
}

func (s *State) holds(o op, level Role) bool {
	r, ok := s.rights[o.issuer]
	return ok && r.role == level && r.covers(o.seq, o.time)
}

func (s *State) grant(g Grant, by Role) {
	r, ok := s.rights[g.Key]
	switch {
	case g.Role >= by:
		return
	case !ok:
		r = right{lastSeq: never, role: g.Role, expiry: g.Expiry}
	case g.Role > r.role:
		r.role, r.expiry = g.Role, g.Expiry
	case g.Role == r.role && r.expiry != 0 && (g.Expiry == 0 || g.Expiry > r.expiry):
		r.expiry = g.Expiry
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
	r.lastSeq = min(r.lastSeq, v.LastSeq)
	s.rights[v.Key] = r
}

func (s *State) may(w record.Writer, seq uint64, time int64, need Role) bool {
	r, ok := s.rights[w]
	return ok && r.role >= need && r.covers(seq, time)
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
	if ok && r.covers(seq, time) && r.role > Reader {
		return r.role
	}
	if s.genesis.Kind == Open && (!ok || r.covers(seq, time)) {
		return Writer
	}
	return Reader
}

// Check reports with ErrRight whether r's writer may write it.
func (s *State) Check(r *record.Record) error {
	need := Writer
	switch r.Kind {
	case record.KindGenesis:
		if r.TopicID() == s.id {
			return nil
		}
		return fmt.Errorf("%w: another genesis", ErrOp)
	case record.KindGrant, record.KindRevoke, record.KindSettings, record.KindCheckpoint:
		need = Admin
	}
	if s.Role(r.Writer, r.Seq, r.Time) < need {
		return fmt.Errorf("%w: %s by %s", ErrRight, r.Kind, r.Writer)
	}
	return nil
}
