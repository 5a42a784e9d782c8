package seal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// freshKey names the key of an own record that has not come back yet.
type freshKey struct {
	ref   Ref
	index uint16
}

func (s *Session) chain(ref Ref, w Writer) (tree, bool) {
	v := s.get(rowKey(rowChain, ref[:], w[:]))
	if v == nil {
		return nil, false
	}
	t, ok := decodeTree(v)
	if !ok {
		s.fail(damaged("chain", ref[:]))
	}
	return t, ok
}

// advance stores a chain from which a key was taken, and counts the record.
func (s *Session) advance(e *epoch, w Writer, rest tree) {
	ref := e.id.Ref()
	s.put(rowKey(rowChain, ref[:], w[:]), encodeTree(rest))
	e.count++
	s.put(rowKey(rowCount, ref[:]), binary.BigEndian.AppendUint32([]byte{rowsVersion}, e.count))
}

// sealMessage seals a text as this device's record seq, with the next key of its
// chain, which is then erased.
func (s *Session) sealMessage(e *epoch, seq uint64, text []byte) (*message, error) {
	ref := e.id.Ref()
	t, _ := s.chain(ref, s.self)
	index, ok := t.first()
	if !ok {
		return nil, fmt.Errorf("%w: chain of epoch %s is used up", ErrState, ref)
	}
	k, rest, _ := t.take(index)
	m := &message{ref: ref, index: index, nonce: make([]byte, nonceSize)}
	if _, err := rand.Read(m.nonce); err != nil {
		return nil, fmt.Errorf("seal: make a nonce: %w", err)
	}
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	text = pad(text)
	m.sealed = aead.Seal(text[:0], m.nonce, text, messageAAD(s.topic, s.self, seq, e.id, index))
	s.advance(e, s.self, rest)
	if s.past.Last > 0 && len(s.fresh) < MaxPast {
		s.fresh[freshKey{ref, index}] = k
	}
	return m, nil
}

// openMessage opens the text of a record, and erases its key when that succeeds.
func (s *Session) openMessage(r Record, m *message) ([]byte, error) {
	e := s.epochs[m.ref]
	if r.Writer == s.self {
		s.keepOwn(r, m, e)
		if text, err := s.openArchived(r, m); err == nil {
			return text, nil
		}
		return nil, ErrOwn
	}
	if e == nil {
		return s.openArchived(r, m)
	}
	t, ok := s.chain(m.ref, r.Writer)
	if !ok {
		return nil, fmt.Errorf("%w: %s writes in epoch %s, which was not sealed to it", ErrForged, r.Writer, m.ref)
	}
	k, rest, ok := t.take(m.index)
	if !ok {
		return s.openArchived(r, m)
	}
	defer clear(k[:])
	text, err := s.openWith(&k, e.id, r, m)
	if err != nil {
		return nil, err
	}
	s.advance(e, r.Writer, rest)
	s.keep(r, e.id, k)
	return text, nil
}

func (s *Session) openWith(k *key, id EpochID, r Record, m *message) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	plain, err := aead.Open(nil, m.nonce, m.sealed, messageAAD(s.topic, r.Writer, r.Seq, id, m.index))
	if err != nil {
		return nil, fmt.Errorf("%w: record %d of %s", ErrForged, r.Seq, r.Writer)
	}
	text, ok := unpad(plain)
	if !ok {
		return nil, fmt.Errorf("%w: padding of record %d of %s", ErrForged, r.Seq, r.Writer)
	}
	return text, nil
}
