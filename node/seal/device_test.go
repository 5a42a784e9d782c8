package seal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// memory is a store of rows that can also remember all it ever held.
type memory struct {
	now   map[string][]byte
	hoard [][2][]byte
}

func newMemory() *memory { return &memory{now: make(map[string][]byte)} }

func (m *memory) Get(key []byte) ([]byte, error) { return m.now[string(key)], nil }

func (m *memory) Scan(prefix []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(m.now)) {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), m.now[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// write applies changes and returns how many bytes they have.
func (m *memory) write(rows []Row) (n int) {
	for _, r := range rows {
		n += len(r.Key) + len(r.Value)
		if r.Value == nil {
			delete(m.now, string(r.Key))
			continue
		}
		m.now[string(r.Key)] = bytes.Clone(r.Value)
		m.hoard = append(m.hoard, [2][]byte{r.Key, bytes.Clone(r.Value)})
	}
	return n
}

func (m *memory) clone() *memory { return &memory{now: maps.Clone(m.now)} }

// device is a session with the little of a node that it needs.
type device struct {
	t       testing.TB
	w       Writer
	s       *Session
	rows    *memory
	seq     uint64
	texts   map[RecordID]string
	opened  map[RecordID]int
	waiting map[RecordID]Record
	errs    map[RecordID]error
}

var testTopic = Topic{7, 7, 7}

func writerOf(n uint64) Writer {
	return Writer(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("writer"), n)))
}

func newDevice(t testing.TB, n uint64, kind Kind, now int64) *device {
	t.Helper()
	d := &device{t: t, w: writerOf(n), rows: newMemory()}
	d.texts, d.opened = make(map[RecordID]string), make(map[RecordID]int)
	d.waiting, d.errs = make(map[RecordID]Record), make(map[RecordID]error)
	s, err := New(Config{Topic: testTopic, Self: d.w, Kind: kind}, d.rows, now)
	if err != nil {
		t.Fatal(err)
	}
	d.s = s
	d.save()
	return d
}

func (d *device) save() int { return d.rows.write(d.s.Changes()) }

func (d *device) reload() {
	d.t.Helper()
	s, err := Load(d.rows)
	if err != nil {
		d.t.Fatal(err)
	}
	d.s = s
}

func (d *device) members(ms []Writer, now int64, removed ...Writer) {
	d.t.Helper()
	if err := d.s.SetMembers(Membership{Present: ms, Removed: removed}, now); err != nil {
		d.t.Fatal(err)
	}
	d.save()
}

// sign makes this device's next records of bodies.
func (d *device) sign(now int64, bodies ...[]byte) []Record {
	d.t.Helper()
	var out []Record
	for _, b := range bodies {
		d.seq++
		r := Record{Writer: d.w, Seq: d.seq, Time: now, Body: b}
		r.ID = sha256.Sum256(slices.Concat(d.w[:], binary.BigEndian.AppendUint64(nil, d.seq), b))
		if len(b) > MaxBody {
			d.t.Fatalf("body of %d bytes", len(b))
		}
		if _, err := d.s.Receive(r, now); err != nil && !errors.Is(err, ErrOwn) {
			if _, text := RefOf(b); text || !errors.Is(err, ErrLost) {
				d.t.Fatalf("own record: %v", err)
			}
		}
		out = append(out, r)
	}
	d.save()
	return out
}

func (d *device) write(now int64, text string) []Record {
	d.t.Helper()
	bodies, err := d.s.Seal(Draft{Seq: d.seq + 1, Time: now, Text: []byte(text)})
	if err != nil {
		d.t.Fatal(err)
	}
	rs := d.sign(now, bodies...)
	d.texts[rs[len(rs)-1].ID] = text
	return rs
}

func (d *device) start(now int64) []Record {
	d.t.Helper()
	bodies, err := d.s.Start(Draft{Seq: d.seq + 1, Time: now})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.sign(now, bodies...)
}

func (d *device) announce(now int64) []Record {
	d.t.Helper()
	b, err := d.s.Announce(now)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.sign(now, b)
}

// receive takes in a record, and what waited for it.
func (d *device) receive(r Record, now int64) error {
	d.t.Helper()
	news, err := d.s.Receive(r, now)
	d.save()
	if d.s.broken != nil {
		d.t.Fatal(d.s.broken)
	}
	if news.Plaintext != nil {
		d.opened[r.ID]++
		d.texts[r.ID] = string(news.Plaintext)
	}
	delete(d.waiting, r.ID)
	if errors.Is(err, ErrPending) || errors.Is(err, ErrNotForMe) || errors.Is(err, ErrLost) {
		d.waiting[r.ID] = r
	}
	d.errs[r.ID] = err
	if len(news.Epochs)+len(news.Records) > 0 {
		again := slices.SortedFunc(maps.Values(d.waiting), func(a, b Record) int { return cmp.Or(a.Writer.compare(b.Writer), cmp.Compare(a.Seq, b.Seq)) })
		for _, w := range again {
			if _, still := d.waiting[w.ID]; still {
				d.receive(w, now)
			}
		}
	}
	return err
}

func (d *device) receiveAll(rs []Record, now int64) {
	d.t.Helper()
	for _, r := range rs {
		if err := d.receive(r, now); err != nil {
			d.t.Fatalf("%s: record %d of %s: %v", d.w, r.Seq, r.Writer, err)
		}
	}
}

// group makes n devices that know each other's prekeys.
func group(t testing.TB, n int, kind Kind, now int64) []*device {
	t.Helper()
	var ds []*device
	var ws []Writer
	var prekeys []Record
	for i := range n {
		d := newDevice(t, uint64(i), kind, now)
		ds, ws = append(ds, d), append(ws, d.w)
		prekeys = append(prekeys, d.announce(now)...)
	}
	for _, d := range ds {
		d.members(ws, now)
		for _, r := range prekeys {
			if r.Writer != d.w {
				d.receiveAll([]Record{r}, now)
			}
		}
	}
	return ds
}

func writersOf(ds []*device) []Writer {
	var ws []Writer
	for _, d := range ds {
		ws = append(ws, d.w)
	}
	return ws
}

// sealFor seals a text with a key, whoever has it.
func sealFor(t testing.TB, k key, id EpochID, r Record, index uint16, text string) *message {
	t.Helper()
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, nonceSize)
	sealed := aead.Seal(nil, nonce, pad([]byte(text)), messageAAD(testTopic, r.Writer, r.Seq, id, index))
	return &message{ref: id.Ref(), index: index, nonce: nonce, sealed: sealed}
}
