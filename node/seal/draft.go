package seal

import "fmt"

// Draft is a text to seal.
type Draft struct {
	Seq  uint64 // of the first record that will carry what Seal returns; the others follow
	Time int64  // of those records, and now
	Text []byte // at most MaxPlaintext; the session does not keep it
}

// Seal returns the bodies to publish for a text, mostly one: with it go the epoch
// and the prekey that are due. They must be signed in this order, as this
// device's records d.Seq and following, and stored in one transaction with Changes.
// The errors are ErrLimit, ErrNotMember, ErrNoPrekey, or the rows' own.
func (s *Session) Seal(d Draft) ([][]byte, error) {
	if len(d.Text) > MaxPlaintext {
		return nil, fmt.Errorf("%w: text of %d bytes, at most %d", ErrLimit, len(d.Text), MaxPlaintext)
	}
	s.sweep(d.Time)
	s.choose(d.Time)
	bodies, err := s.prepare(d, s.reason(d.Time) != NotDue)
	if err != nil {
		return nil, err
	}
	last := bodies[len(bodies)-1]
	if last.size()+messageOverhead+padded(len(d.Text)+1) > MaxBody {
		last = &body{}
		bodies = append(bodies, last)
	}
	last.message, err = s.sealMessage(s.epochs[s.current], d.Seq+uint64(len(bodies)-1), d.Text)
	return s.finish(bodies, err)
}

// Start starts an epoch now, and returns its bodies for records d.Seq and
// following; Text is not used. For who changed the membership, for a device that
// was told to by Due, and for one that fears that its keys were stolen.
func (s *Session) Start(d Draft) ([][]byte, error) {
	s.sweep(d.Time)
	bodies, err := s.prepare(d, true)
	if err != nil {
		return nil, err
	}
	return s.finish(bodies, nil)
}

// Announce returns a body with a new prekey of this device.
func (s *Session) Announce(now int64) ([]byte, error) {
	p, err := NewPrekey()
	if err != nil {
		return nil, err
	}
	s.adopt(p, now)
	if s.broken != nil {
		return nil, s.broken
	}
	return (&body{prekey: p.Public}).encode(), nil
}

// prepare returns at least one body, with the prekey that is due and, where
// asked, a new epoch, which is then the one to write in.
func (s *Session) prepare(d Draft, start bool) ([]*body, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if _, member := position(s.members, s.self); !member {
		return nil, ErrNotMember
	}
	bodies := []*body{{}}
	if start && s.alone() {
		return nil, ErrNoPrekey
	}
	if start {
		started, err := s.start(d.Seq, d.Time)
		if err != nil {
			s.fail(err)
			return nil, err
		}
		bodies = started
		s.choose(d.Time)
	}
	if s.prekeyDue(d.Time) || (start && s.kind == Direct) {
		p, err := NewPrekey()
		if err != nil {
			s.fail(err) // an epoch may have been started
			return nil, err
		}
		s.adopt(p, d.Time)
		bodies[0].prekey = p.Public
	}
	return bodies, s.broken
}

func (s *Session) finish(bodies []*body, err error) ([][]byte, error) {
	if err != nil {
		s.fail(err) // keys may be taken that nothing was sealed with
		return nil, err
	}
	if s.broken != nil {
		return nil, s.broken
	}
	out := make([][]byte, len(bodies))
	for i, b := range bodies {
		out[i] = b.encode()
	}
	return out, nil
}
