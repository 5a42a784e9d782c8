package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
)

// device is one end of a sealed topic: a writer with its chain of records, and
// its session over rows in memory.
type device struct {
	key  ed25519.PrivateKey
	w    seal.Writer
	s    *seal.Session
	rows *rowMap
	last *record.Record // of its chain, nil for none
	seen record.ID      // newest record of the others that none of its own names yet
}

var sealedTopic = record.TopicID{1}

// newGroup makes n devices that belong to one topic and have announced a prekey.
// Only the first know what the others announced: that costs much time.
func newGroup(kind seal.Kind, n, knowing int, now int64) ([]*device, error) {
	group := make([]*device, n)
	announced := make([]*record.Record, n)
	for i := range group {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		d := &device{key: key, w: seal.Writer(record.WriterOf(key)), rows: &rowMap{m: make(map[string][]byte)}}
		d.s, err = seal.New(seal.Config{Topic: seal.Topic(sealedTopic), Self: d.w, Kind: kind}, d.rows, now)
		if err != nil {
			return nil, err
		}
		body, err := d.s.Announce(now)
		if err != nil {
			return nil, err
		}
		rs, err := d.sign(now, record.KindPost, body)
		if err != nil {
			return nil, err
		}
		group[i], announced[i] = d, rs[0]
	}
	for i, d := range group[:knowing] {
		for j, r := range announced {
			if j == i {
				continue
			}
			if _, err := d.receive(r, now); err != nil {
				return nil, err
			}
		}
		if err := d.s.SetMembers(seal.Membership{Present: writersOf(group)}, now); err != nil {
			return nil, err
		}
		d.save()
	}
	return group, nil
}

func writersOf(group []*device) (ws []seal.Writer) {
	for _, d := range group {
		ws = append(ws, d.w)
	}
	return ws
}

// nextSeq is the number of the device's next record.
func (d *device) nextSeq() uint64 {
	if d.last == nil {
		return 1
	}
	return d.last.Seq + 1
}

// sign makes the device's next records. The first names the newest record of the
// others, unless an earlier one did, as a node does.
func (d *device) sign(now int64, kind record.Kind, bodies ...[]byte) (rs []*record.Record, err error) {
	for _, body := range bodies {
		h := record.Header{Topic: sealedTopic, Seq: d.nextSeq(), Time: now, Kind: kind}
		if d.last != nil {
			h.Prev = d.last.ID()
		}
		if !d.seen.IsZero() {
			h.After, d.seen = []record.ID{d.seen}, record.ID{}
		}
		r, err := record.Sign(h, body, d.key)
		if err != nil {
			return nil, err
		}
		rs, d.last = append(rs, r), r
	}
	return rs, nil
}

// receive has the session take in a record and stores what changed.
func (d *device) receive(r *record.Record, now int64) (seal.News, error) {
	d.seen = r.ID()
	news, err := d.s.Receive(sealRecord(r), now)
	d.save()
	return news, err
}

// save writes what changed.
func (d *device) save() { d.rows.write(d.s.Changes()) }

// again is the same device once more, from what it has stored.
func (d *device) again() (*device, error) {
	c := *d
	c.rows = &rowMap{m: maps.Clone(d.rows.m), bytes: d.rows.bytes}
	s, err := seal.Load(c.rows)
	c.s = s
	return &c, err
}

// sealRecord is a record as a session takes it.
func sealRecord(r *record.Record) seal.Record {
	body, _ := r.Body()
	return seal.Record{ID: seal.RecordID(r.ID()), Writer: seal.Writer(r.Writer), Seq: r.Seq, Time: r.Time, Body: body}
}

// rowMap keeps a session's rows in memory and knows how much they are.
type rowMap struct {
	m     map[string][]byte
	bytes int // of keys and values
}

// Get implements [seal.Rows].
func (m *rowMap) Get(key []byte) ([]byte, error) { return m.m[string(key)], nil }

// Scan implements [seal.Rows].
func (m *rowMap) Scan(prefix []byte, f func(key, value []byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(m.m)) {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), m.m[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *rowMap) write(rows []seal.Row) {
	for _, r := range rows {
		if old, ok := m.m[string(r.Key)]; ok {
			m.bytes -= len(r.Key) + len(old)
			delete(m.m, string(r.Key))
		}
		if r.Value != nil {
			m.m[string(r.Key)] = r.Value
			m.bytes += len(r.Key) + len(r.Value)
		}
	}
}

// added counts the rows that are in m and not in before, and their bytes.
func (m *rowMap) added(before map[string][]byte) (rows, bytes int) {
	for k, v := range m.m {
		if _, old := before[k]; !old {
			rows, bytes = rows+1, bytes+len(k)+len(v)
		}
	}
	return rows, bytes
}

// stopwatch is time added up from many short calls.
type stopwatch struct{ sum time.Duration }

func (w *stopwatch) run(f func() error) error {
	began := time.Now()
	err := f()
	w.sum += time.Since(began)
	return err
}

// us is the time of each of n calls.
func (w *stopwatch) us(n int) float64 { return float64(w.sum) / float64(time.Microsecond) / float64(n) }

var errWrongText = errors.New("a sealed text opened as another one")

func wrongEpoch(d *device) error { return fmt.Errorf("device %s did not open an epoch", d.w) }

// naming is the length of r if it had to name a record of another writer too.
func (d *device) naming(r *record.Record) (int, error) {
	h := r.Header
	h.After = []record.ID{r.ID()}
	body, _ := r.Body()
	same, err := record.Sign(h, body, d.key)
	if err != nil {
		return 0, err
	}
	return len(same.Bytes()), nil
}
