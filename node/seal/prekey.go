package seal

import (
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"slices"
)

// Prekey is an X-Wing key pair to which others can seal before its owner is there.
type Prekey struct {
	Seed   [32]byte // the private half
	Public []byte   // 1,216 bytes
}

// NewPrekey makes a key pair from crypto/rand, for a link that is given away
// before there is a topic.
func NewPrekey() (Prekey, error) {
	var p Prekey
	if _, err := rand.Read(p.Seed[:]); err != nil {
		return p, fmt.Errorf("seal: make a prekey: %w", err)
	}
	public, err := publicOf(p.Seed)
	p.Public = public
	return p, err
}

func publicOf(seed [32]byte) ([]byte, error) {
	sk, err := hpke.MLKEM768X25519().NewPrivateKey(seed[:])
	if err != nil {
		return nil, fmt.Errorf("seal: prekey: %w", err)
	}
	return sk.PublicKey().Bytes(), nil
}

// ownPrekey is a private half of this device.
type ownPrekey struct {
	id       prekeyID
	seed     key
	number   uint64 // 1, 2, 3…
	made     int64
	replaced int64 // running time when the next was announced; 0 for the newest
	used     bool  // an epoch was sealed to it
}

func (s *Session) saveOwn(k *ownPrekey) { s.put(rowKey(rowOwn, k.id[:]), k.encode()) }

func (s *Session) newest() *ownPrekey {
	if len(s.own) == 0 {
		return nil
	}
	return s.own[len(s.own)-1]
}

func (s *Session) ownByID(id prekeyID) *ownPrekey {
	at := slices.IndexFunc(s.own, func(k *ownPrekey) bool { return k.id == id })
	if at < 0 {
		return nil
	}
	return s.own[at]
}

// adopt makes p the newest prekey of this device.
func (s *Session) adopt(p Prekey, now int64) {
	if old := s.newest(); old != nil {
		old.replaced = max(s.running(now), 1)
		s.saveOwn(old)
	}
	s.number++
	k := &ownPrekey{id: idOfPrekey(p.Public), seed: p.Seed, number: s.number, made: now}
	s.own = append(s.own, k)
	s.saveOwn(k)
	s.saveHead()
	s.trimOwn(now)
}

// prekeyDue reports whether the next record should carry a new prekey.
func (s *Session) prekeyDue(now int64) bool {
	k := s.newest()
	switch {
	case k == nil || now-k.made >= MaxAge:
		return true
	case s.kind == Direct:
		return k.used
	}
	return k.used && now-k.made >= renewUsed
}

// trimOwn erases private halves that were replaced and are past the window, or
// that nobody can still be about to use.
func (s *Session) trimOwn(now int64) {
	floor := s.floor(now)
	excess := len(s.own) - maxPrekeys
	s.own = slices.DeleteFunc(s.own, func(k *ownPrekey) bool {
		over := excess > 0
		excess--
		if k.replaced == 0 || !(over || k.number < floor || s.running(now)-k.replaced >= Window) {
			return false
		}
		s.erase(rowKey(rowOwn, k.id[:]))
		clear(k.seed[:])
		return true
	})
}

// floor returns the number of the oldest own prekey that another device may still
// use, 0 where that is not known. A device has moved on when it has started an
// epoch with a newer one and everything that it wrote before has arrived: then it
// has no earlier epoch under way, and has added nobody that we do not know. One
// that was removed counts until the window is over, because somebody who did not
// know that may write in its epochs.
func (s *Session) floor(now int64) uint64 {
	floor, others := s.number, false
	for _, w := range s.members {
		if p := s.peers[w]; w != s.self && p == nil {
			return 0
		}
	}
	for w, p := range s.peers {
		_, member := position(s.members, w)
		if w == s.self || !member && (p.left == 0 || s.running(now)-p.left >= Window) {
			continue
		}
		floor, others = min(floor, p.floor), true
	}
	if !others {
		return 0
	}
	return floor
}

// peer is what is known of another device: its newest prekey, and which of ours it has used.
type peer struct {
	seq   uint64   // of the record with its newest prekey
	id    prekeyID // zero when none is known
	left  int64    // running time when its removal became known, 0 before
	whole uint64   // all its records up to this one have been offered
	floor uint64   // number of our newest prekey that it used in those
	ahead []ack    // in its later ones
}

type ack struct{ seq, number uint64 }

func (p *peer) known() bool { return p.id != prekeyID{} }

// peer returns w's peer, or nil when there are too many of strangers.
func (s *Session) peer(w Writer) *peer {
	p := s.peers[w]
	if _, member := position(s.members, w); p == nil && (member || len(s.peers) < maxPrekeys) {
		p = &peer{}
		s.peers[w] = p
	}
	return p
}

func (s *Session) savePeer(w Writer, p *peer) { s.put(rowKey(rowPeer, w[:]), p.encode()) }

// AddPrekey takes in a prekey of w that came otherwise than in a record, in a
// link. It counts until w announces one.
func (s *Session) AddPrekey(w Writer, public []byte, now int64) error {
	_, err := s.learn(w, 0, public)
	s.choose(now)
	if s.broken != nil {
		return s.broken
	}
	return err
}

// learn keeps the newest prekey of a writer. A key that cannot be sealed to is
// refused here, so that it stops nobody's epoch later.
func (s *Session) learn(w Writer, seq uint64, public []byte) (bool, error) {
	p := s.peer(w)
	if p == nil {
		return false, fmt.Errorf("%w: prekeys of %d strangers", ErrLimit, len(s.peers))
	}
	if p.known() && seq <= p.seq {
		return false, nil
	}
	if _, err := sealTo(public, nil, nil); err != nil {
		return false, fmt.Errorf("%w: prekey of %s: %v", ErrForged, w, err)
	}
	if !p.known() {
		s.changed()
	}
	p.seq, p.id = seq, idOfPrekey(public)
	s.savePeer(w, p)
	s.put(rowKey(rowPublic, w[:]), slices.Concat([]byte{rowsVersion}, public))
	return true, nil
}

// noteUse notes that w's record seq began an epoch with our prekey of that number.
func (s *Session) noteUse(w Writer, seq, number uint64) {
	p := s.peer(w)
	if p == nil {
		return
	}
	if len(p.ahead) >= maxGap {
		p.ahead = slices.Delete(p.ahead, 0, 1)
	}
	p.ahead = append(p.ahead, ack{seq, number})
	s.savePeer(w, p)
}

// Complete tells the session that w's records 1 to seq have all been offered, and
// the membership set that follows from them. That is what lets it erase private
// halves before the window is over; without it, they only go with the window.
func (s *Session) Complete(w Writer, seq uint64, now int64) error {
	p := s.peers[w]
	if p == nil || seq < p.whole || seq == p.whole && len(p.ahead) == 0 {
		return s.broken
	}
	before := len(p.ahead)
	p.whole = seq
	p.ahead = slices.DeleteFunc(p.ahead, func(a ack) bool {
		if a.seq <= seq {
			p.floor = max(p.floor, a.number)
		}
		return a.seq <= seq
	})
	if len(p.ahead) != before {
		s.savePeer(w, p)
		s.trimOwn(now)
	}
	return s.broken
}

// PrekeyFrom returns the prekey of a private half.
func PrekeyFrom(seed [32]byte) (Prekey, error) {
	public, err := publicOf(seed)
	return Prekey{Seed: seed, Public: public}, err
}
