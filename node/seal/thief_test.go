package seal

import (
	"slices"
)

// material is everything that rows of a state give to somebody who keeps to no
// rule: he opens with any key whatever any record holds.
type material struct {
	seeds   map[prekeyID]key
	trees   map[string][]tree // by ref and writer
	ids     map[Ref]EpochID
	secrets map[Ref]key
	keys    map[RecordID][]key
}

func newMaterial() *material {
	return &material{make(map[prekeyID]key), make(map[string][]tree), make(map[Ref]EpochID), make(map[Ref]key), make(map[RecordID][]key)}
}

func (m *material) take(k, v []byte) {
	switch k[0] {
	case rowOwn:
		own, _ := decodeOwn(k[1:], v)
		m.seeds[own.id] = own.seed
	case rowChain:
		t, _ := decodeTree(v)
		m.trees[string(k[1:])] = append(m.trees[string(k[1:])], t)
	case rowEpoch:
		e, _ := decodeEpoch(v)
		m.ids[e.id.Ref()] = e.id
	case rowSecret:
		a, _ := decodeArchived(v)
		m.ids[a.id.Ref()], m.secrets[a.id.Ref()] = a.id, a.secret
	case rowKept, rowGiven:
		m.keys[RecordID(k[9:])] = append(m.keys[RecordID(k[9:])], key(v[33:]))
	}
}

// work opens every epoch and past that a held prekey opens.
func (m *material) work(letters []*letter) {
	for _, l := range letters {
		if l.body == nil {
			continue
		}
		if p := l.body.epoch; p != nil {
			m.ids[p.id.Ref()] = p.id
			for i, e := range p.entries {
				seed, ok := m.seeds[e.prekey]
				if !ok {
					continue
				}
				at := p.offset + i
				if me, _ := position(p.members, l.record.Writer); me <= at {
					at++
				}
				plain, err := openFrom(&seed, secretInfo(testTopic, p.id, p.members[at], e.prekey), e.sealed)
				if err == nil {
					m.secrets[p.id.Ref()] = key(plain)
				}
			}
		}
		if p := l.body.past; p != nil {
			seed, ok := m.seeds[p.prekey]
			if !ok {
				continue
			}
			plain, err := openFrom(&seed, pastInfo(testTopic, l.record.Writer, p.to, p.prekey), p.sealed)
			if err != nil {
				continue
			}
			if plain[0] == pastEpochs {
				for e := range slices.Chunk(plain[1:], epochEntry) {
					m.secrets[EpochID(e[:32]).Ref()] = key(e[epochEntry-32:])
				}
				continue
			}
			for e := range slices.Chunk(plain[1:], recordEntry) {
				m.keys[RecordID(e[8:40])] = append(m.keys[RecordID(e[8:40])], key(e[72:]))
			}
		}
	}
}

// reads reports whether any of it opens a text.
func (m *material) reads(l *letter) bool {
	t := l.body.message
	try := slices.Clone(m.keys[l.record.ID])
	for _, chain := range m.trees[string(t.ref[:])+string(l.record.Writer[:])] {
		if k, _, ok := chain.take(t.index); ok {
			try = append(try, k)
		}
	}
	id := m.ids[t.ref]
	if secret, ok := m.secrets[t.ref]; ok {
		root := rootOf(&secret, id)
		k, _, _ := newTree(chainOf(&root, l.record.Writer)).take(t.index)
		try = append(try, k)
	}
	s := &Session{topic: testTopic}
	return slices.ContainsFunc(try, func(k key) bool {
		_, err := s.openWith(&k, id, l.record, t)
		return err == nil
	})
}
