package seal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Row is one change to a session's stored state: Value nil erases the key.
// Values hold secrets: the store must seal them, and forget what is erased.
type Row struct{ Key, Value []byte }

// Rows reads a session's stored state. The session calls it from within its own
// methods only, and keeps neither keys nor values.
type Rows interface {
	// Get returns the value, or nil when there is none.
	Get(key []byte) ([]byte, error)
	// Scan calls f with every row whose key begins with prefix.
	Scan(prefix []byte, f func(key, value []byte) error) error
}

// The first byte of a key says what the row holds. The first byte of every value
// is its version.
const (
	rowHead     = 'h' // the session itself
	rowMembers  = 'm' // the present membership
	rowOwn      = 'k' // + prekey id: own prekey, private half
	rowPeer     = 'p' // + writer: newest prekey and acknowledgement
	rowPublic   = 'q' // + writer: newest public prekey
	rowEpoch    = 'e' // + ref: an open epoch
	rowCovers   = 'r' // + ref: its members, and the prekeys it was sealed to
	rowCount    = 'n' // + ref: records seen in it
	rowChain    = 'c' // + ref, writer: a chain
	rowClosed   = 't' // + ref: an epoch that cannot be opened
	rowSecret   = 's' // + ref: archive, an epoch's secret
	rowKept     = 'l' // + time, record id: archive, a record's key
	rowGiven    = 'g' // + time, record id: a record's key that an inviter gave
	rowsVersion = 1
)

func rowKey(kind byte, parts ...[]byte) []byte {
	return slices.Concat(append([][]byte{{kind}}, parts...)...)
}

func (s *Session) put(key, value []byte) { s.over[string(key)] = value }
func (s *Session) erase(key []byte)      { s.over[string(key)] = nil }

// get returns a value, or nil. After an error of the rows the session is broken.
func (s *Session) get(key []byte) []byte {
	if v, ok := s.over[string(key)]; ok {
		return v
	}
	v, err := s.rows.Get(key)
	if err != nil {
		s.fail(fmt.Errorf("seal: read %q row: %w", key[:1], err))
		return nil
	}
	return v
}

// fail makes every later call return err: what is in memory may not be what is stored.
func (s *Session) fail(err error) {
	if s.broken == nil {
		s.broken = err
	}
}

// scan collects the rows of a prefix, those not yet written included, in order of their keys.
func (s *Session) scan(prefix []byte) []Row {
	found := make(map[string][]byte)
	err := s.rows.Scan(prefix, func(k, v []byte) error {
		found[string(k)] = bytes.Clone(v)
		return nil
	})
	if err != nil {
		s.fail(fmt.Errorf("seal: scan %q rows: %w", prefix[:1], err))
	}
	for k, v := range s.over {
		if strings.HasPrefix(k, string(prefix)) {
			found[k] = v
		}
	}
	var rows []Row
	for _, k := range slices.Sorted(maps.Keys(found)) {
		if found[k] != nil {
			rows = append(rows, Row{[]byte(k), found[k]})
		}
	}
	return rows
}

// Changes returns what the calls since the last Changes changed. The caller
// writes them at once, in one transaction with the records that they belong to,
// and before it calls anything else; if that fails, it drops the session and
// loads it again. After an error of the rows there are none.
func (s *Session) Changes() []Row {
	if s.broken != nil {
		return nil
	}
	var rows []Row
	for _, k := range slices.Sorted(maps.Keys(s.over)) {
		rows = append(rows, Row{[]byte(k), s.over[k]})
	}
	clear(s.over)
	return rows
}

// open begins reading a value.
func open(value []byte) *reader {
	r := &reader{b: value}
	if r.u8() != rowsVersion {
		r.bad = true
	}
	return r
}

func damaged(what string, key []byte) error { return fmt.Errorf("%w: %s %x", ErrState, what, key) }

func encodeTree(t tree) []byte {
	b := make([]byte, 0, 3+35*len(t))
	b = append(b, rowsVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t)))
	for _, n := range t {
		b = append(b, n.depth)
		b = binary.BigEndian.AppendUint16(b, n.place)
		b = append(b, n.key[:]...)
	}
	return b
}

func decodeTree(value []byte) (tree, bool) {
	r := open(value)
	n := int(r.u16())
	if r.left() != n*35 || n > chainLength {
		return nil, false
	}
	t := make(tree, n)
	for i := range t {
		t[i] = node{r.u8(), r.u16(), r.key()}
	}
	return t, r.whole() && t.valid()
}

func (s *Session) encodeHead() []byte {
	b := append([]byte{rowsVersion}, s.topic[:]...)
	b = append(b, s.self[:]...)
	b = append(b, byte(s.kind))
	b = appendFlag(b, s.past.All)
	b = binary.BigEndian.AppendUint16(b, uint16(s.past.Last))
	b = binary.BigEndian.AppendUint64(b, s.arrivals)
	b = binary.BigEndian.AppendUint64(b, s.number)
	for _, t := range []int64{s.latest, s.lost, s.noticed, s.swept, s.slept} {
		b = appendTime(b, t)
	}
	return append(b, s.current[:]...)
}

func (s *Session) decodeHead(value []byte) bool {
	r := open(value)
	s.topic, s.self = Topic(r.key()), Writer(r.key())
	s.kind = Kind(r.u8())
	s.past = Past{All: r.flag(), Last: int(r.u16())}
	s.arrivals, s.number = r.u64(), r.u64()
	s.latest, s.lost, s.noticed = r.time(), r.time(), r.time()
	s.swept, s.slept = r.time(), r.time()
	s.current = Ref(r.bytes(16))
	return r.whole() && (s.kind == Private || s.kind == Direct) && s.past.Last <= MaxPast
}

func (s *Session) saveHead() { s.put([]byte{rowHead}, s.encodeHead()) }

func decodeMembers(value []byte) ([]Writer, bool) {
	r := open(value)
	ws := r.writers(int(r.u16()))
	return ws, r.whole()
}

func (k *ownPrekey) encode() []byte {
	b := append([]byte{rowsVersion}, k.seed[:]...)
	b = binary.BigEndian.AppendUint64(b, k.number)
	b = appendTime(appendTime(b, k.made), k.replaced)
	return appendFlag(b, k.used)
}

func decodeOwn(id, value []byte) (*ownPrekey, bool) {
	r, i := open(value), &reader{b: id}
	k := &ownPrekey{id: prekeyID(i.bytes(8)), seed: r.key(), number: r.u64(), made: r.time(), replaced: r.time(), used: r.flag()}
	return k, r.whole() && i.whole()
}

func (p *peer) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{rowsVersion}, p.seq)
	b = append(b, p.id[:]...)
	b = appendTime(b, p.left)
	b = binary.BigEndian.AppendUint64(b, p.floor)
	b = binary.BigEndian.AppendUint64(b, p.whole)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.ahead)))
	for _, a := range p.ahead {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, a.seq), a.number)
	}
	return b
}

func decodePeer(value []byte) (*peer, bool) {
	r := open(value)
	p := &peer{seq: r.u64(), id: prekeyID(r.bytes(8)), left: r.time(), floor: r.u64(), whole: r.u64()}
	n := int(r.u16())
	if n > maxGap || r.left() != n*16 {
		return nil, false
	}
	for range n {
		p.ahead = append(p.ahead, ack{r.u64(), r.u64()})
	}
	return p, r.whole()
}

func (e *epoch) encode() []byte {
	b := append([]byte{rowsVersion}, e.id[:]...)
	b = append(b, e.starter[:]...)
	b = append(b, e.digest[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(e.size))
	b = binary.BigEndian.AppendUint64(b, e.seq)
	b = binary.BigEndian.AppendUint64(b, e.arrival)
	return appendTime(appendTime(b, e.started), e.since)
}

func decodeEpoch(value []byte) (*epoch, bool) {
	r := open(value)
	e := &epoch{id: EpochID(r.key()), starter: Writer(r.key()), digest: r.key(), size: int(r.u16()), seq: r.u64(), arrival: r.u64(), started: r.time(), since: r.time()}
	return e, r.whole()
}

// covers are the members of an epoch, and the prekeys that it was sealed to as
// far as this device saw them.
type covers struct {
	members []Writer
	prekeys []prekeyID
}

func (c *covers) encode() []byte {
	b := appendWriters([]byte{rowsVersion}, c.members)
	for _, p := range c.prekeys {
		b = append(b, p[:]...)
	}
	return b
}

func decodeCovers(value []byte) (*covers, bool) {
	r := open(value)
	c := &covers{members: r.writers(int(r.u16()))}
	if r.left() != 8*len(c.members) {
		return nil, false
	}
	for range c.members {
		c.prekeys = append(c.prekeys, prekeyID(r.bytes(8)))
	}
	return c, r.whole()
}

func (c *closed) encode() []byte {
	return binary.BigEndian.AppendUint64([]byte{rowsVersion, byte(c.why)}, c.arrival)
}

func decodeClosed(value []byte) (*closed, bool) {
	r := open(value)
	c := &closed{why: closing(r.u8()), arrival: r.u64()}
	return c, r.whole() && c.why >= closedNotForMe && c.why <= closedExpired
}
