package node

import (
	"cmp"
	"slices"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// An introduction tells the others of a topic what this device's writer is
// called. In a sealed topic it also proves whose device it is; it is said anew
// when somebody has come who could not read it.

// person is what a writer has proved in a sealed topic.
type person struct {
	seq  uint64
	cert identity.Certificate
}

// mustIntroduce reports whether the next record is to be behind an introduction.
// The caller holds t.mu.
func (t *Topic) mustIntroduce(me string) bool {
	if t.sealing != nil && t.state != nil {
		return me != t.row.Introduced || t.state.Joined() != t.row.ToMembers
	}
	return me != t.row.Introduced
}

// introduction returns the body of an introduction under a name.
func (t *Topic) introduction(name string) ([]byte, error) {
	if t.seals() == nil {
		return record.EncodeBody(topic.Intro{Name: name})
	}
	return t.node.device.Introduce(identity.Introduction{Certificate: t.node.certificate(), Name: name}, t.id, t.key)
}

// applyInner folds a name or settings that came sealed. The caller holds t.mu.
func (t *Topic) applyInner(r *record.Record, row openRow) {
	if t.state == nil {
		return
	}
	switch row.Kind {
	case record.KindIntro:
		in, err := identity.OpenIntroduction(row.Body, t.id, identity.Key(r.Writer))
		if err != nil {
			return
		}
		t.state.Call(r.Writer, r.Seq, in.Name)
		if r.Seq > t.people[r.Writer].seq {
			t.people[r.Writer] = person{r.Seq, in.Certificate}
		}
	case record.KindSettings:
		if v, err := topic.OpenSettings(row.Body); err == nil {
			t.state.ApplySettings(r, v)
		}
	}
}

// devicesOf returns the devices of an account that take part in a sealed topic.
func (t *Topic) devicesOf(account PersonID) (devices []identity.Key) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, p := range t.people {
		if p.cert.Account == account && !slices.Contains(devices, p.cert.Device) {
			devices = append(devices, p.cert.Device)
		}
	}
	return devices
}

// author returns who a writer is.
func (t *Topic) author(w Writer) Author {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.authorLocked(w)
}

// authorLocked is author for who holds t.mu.
func (t *Topic) authorLocked(w Writer) Author {
	a := Author{Writer: w, Me: w == t.me || t.wasMe(w)}
	if t.state != nil {
		a.Name = t.state.NameOf(w)
	}
	if p, ok := t.people[w]; ok {
		a.Account = p.cert.Account
		a.Name = cmp.Or(t.node.people.givenName(a.Account), a.Name)
	}
	return a
}
