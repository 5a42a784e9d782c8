package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// apply changes rows of a locked box. After an error nobody knows what is stored.
func (l *ledger) apply(d *drawer, changes []Row) error {
	err := l.store.Apply(changes)
	if err != nil {
		d.stale = true
		return fmt.Errorf("mailbox: write box %s: %w", d.box, err)
	}
	return nil
}

// find returns a mail of a box, nil where it is not there or too old.
func (l *ledger) find(d *drawer, id MailID, now int64) (*slip, error) {
	v, err := l.store.Get(mailKey(rowIndex, d.box, id))
	if err != nil || v == nil {
		return nil, err
	}
	s, err := parseSlip(v)
	if err != nil || s.Until <= now {
		return nil, err
	}
	return &s, nil
}

// receipt returns a receipt, nil where there is none or it is too old.
func (l *ledger) receipt(d *drawer, id MailID, now int64) (*Receipt, error) {
	v, err := l.store.Get(mailKey(rowReceipt, d.box, id))
	if err != nil || v == nil {
		return nil, err
	}
	r, until, err := parseStub(d.box, id, v)
	if err != nil || until <= now {
		return nil, err
	}
	return &r, nil
}

// judge says which mails of an offer are wanted, as if all those were put. Mail
// that is in the box already is not sent again, and is not kept longer.
func (l *ledger) judge(box Box, offers []offer, now time.Time) ([]State, error) {
	d, err := l.lookup(box)
	if err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	var out []State
	coming := int64(0)
	for i, o := range offers {
		state, err := l.judgeOne(d, o, coming, now)
		if err != nil {
			return nil, err
		}
		if state == Wanted && slices.ContainsFunc(offers[:i], func(p offer) bool { return p.ID == o.ID }) {
			state = Refused // twice in one offer
		}
		if state == Wanted {
			coming += int64(o.Size) + Overhead
		}
		out = append(out, state)
	}
	return out, nil
}

func (l *ledger) judgeOne(d *drawer, o offer, coming int64, now time.Time) (State, error) {
	ms := now.UnixMilli()
	if r, err := l.receipt(d, o.ID, ms); err != nil || r != nil {
		return Fetched, err
	}
	if s, err := l.find(d, o.ID, ms); err != nil || s != nil {
		return Kept, err
	}
	if o.Size < 1 || o.Size > MaxMail || o.Keep < time.Second || ms >= d.terms.Until {
		return Refused, nil
	}
	needs := coming + int64(o.Size) + Overhead
	if d.used+needs > d.terms.Quota {
		if err := l.sweepBox(d, ms); err != nil {
			return 0, err
		}
	}
	if d.used+needs > d.terms.Quota {
		return Full, nil
	}
	return Wanted, nil
}

// put keeps a mail. It is stored when put returns Kept.
func (l *ledger) put(box Box, o offer, mail []byte, now time.Time) (State, error) {
	if IDOf(mail) != o.ID || len(mail) != o.Size {
		return Damaged, nil
	}
	d, err := l.lookup(box)
	if err != nil {
		return 0, err
	}
	defer d.mu.Unlock()
	state, err := l.judgeOne(d, o, 0, now)
	if err != nil || state != Wanted {
		return state, err
	}
	if v, err := l.store.Get(mailKey(rowIndex, box, o.ID)); err != nil {
		return 0, err
	} else if v != nil { // too old, and not swept yet: it goes first
		if err := l.sweepBox(d, now.UnixMilli()); err != nil {
			return 0, err
		}
	}
	s := slip{entry{d.last + 1, o.ID, o.Size}, now.Add(min(o.Keep, l.age)).UnixMilli()}
	changes := append(s.rows(box), Row{mailKey(rowMail, box, o.ID), mail})
	if err := l.apply(d, changes); err != nil {
		return 0, err
	}
	d.add(s)
	return Kept, nil
}

// list returns up to limit mails behind a number, as they arrived, and whether
// there are more.
func (l *ledger) list(box Box, after uint64, limit int, now time.Time) (es []entry, more bool, err error) {
	d, err := l.lookup(box)
	if err != nil {
		return nil, false, err
	}
	defer d.mu.Unlock()
	err = l.walkMail(box, after, func(s slip) bool {
		if s.Until <= now.UnixMilli() {
			return true
		}
		if more = len(es) == limit; more {
			return false
		}
		es = append(es, s.entry)
		return true
	})
	return es, more, err
}

// get returns a mail, nil where it is not there.
func (l *ledger) get(box Box, id MailID, now time.Time) ([]byte, error) {
	d, err := l.lookup(box)
	if err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	if s, err := l.find(d, id, now.UnixMilli()); s == nil {
		return nil, err
	}
	mail, err := l.store.Get(mailKey(rowMail, box, id))
	if err == nil && IDOf(mail) != id {
		err = fmt.Errorf("mailbox: mail %s is damaged in the store", id)
	}
	return mail, err
}

// done deletes mail for which there are receipts, whose signatures the caller has
// checked, and keeps the receipts; also those of mail that is not here, so that it
// is not put once more.
func (l *ledger) done(box Box, rs []Receipt, now time.Time) error {
	d, err := l.lookup(box)
	if err != nil {
		return err
	}
	defer d.mu.Unlock()
	if err := l.trimReceipts(d, len(rs), now.UnixMilli()); err != nil {
		return err
	}
	var changes []Row
	var gone []slip
	fresh := 0
	until := now.Add(l.age).UnixMilli()
	for i, r := range rs {
		if slices.ContainsFunc(rs[:i], func(q Receipt) bool { return q.ID == r.ID }) {
			continue
		}
		v, err := l.store.Get(mailKey(rowReceipt, box, r.ID))
		if err != nil {
			return err
		}
		if v == nil {
			fresh++
		}
		changes = append(changes, stubRow(r, until))
		s, err := l.find(d, r.ID, 0)
		if err != nil {
			return err
		}
		if s != nil {
			gone = append(gone, *s)
			changes = append(changes, s.erase(box)...)
		}
	}
	if err := l.apply(d, changes); err != nil {
		return err
	}
	d.receipts += fresh
	d.due(until)
	for _, s := range gone {
		d.remove(s)
	}
	return nil
}

// trimReceipts makes room for n more: those that are kept the shortest go.
func (l *ledger) trimReceipts(d *drawer, n int, now int64) error {
	if d.receipts+n <= maxReceipts {
		return nil
	}
	type stub struct {
		key   []byte
		until int64
	}
	var stubs []stub
	var bad error
	err := l.store.Walk(boxKey(rowReceipt, d.box), nil, func(k, v []byte) bool {
		var until int64
		_, until, bad = parseStub(d.box, MailID{}, v)
		stubs = append(stubs, stub{slices.Clone(k), until})
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	slices.SortFunc(stubs, func(a, b stub) int { return int(a.until - b.until) })
	for _, part := range chunk(stubs[:min(len(stubs), max(n, maxReceipts/4))], eraseAtOnce) {
		var changes []Row
		for _, s := range part {
			changes = append(changes, Row{Key: s.key})
		}
		if err := l.apply(d, changes); err != nil {
			return err
		}
		d.receipts -= len(part)
	}
	return nil
}

// chunk cuts a list into parts of at most n.
func chunk[T any](list []T, n int) (parts [][]T) {
	for part := range slices.Chunk(list, n) {
		parts = append(parts, part)
	}
	return parts
}

// status returns the states of mails.
func (l *ledger) status(box Box, ids []MailID, now time.Time) ([]standing, error) {
	d, err := l.lookup(box)
	if err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	var out []standing
	for _, id := range ids {
		r, err := l.receipt(d, id, now.UnixMilli())
		if err != nil {
			return nil, err
		}
		s, err := l.find(d, id, now.UnixMilli())
		if err != nil {
			return nil, err
		}
		switch {
		case r != nil:
			out = append(out, standing{Fetched, *r})
		case s != nil:
			out = append(out, standing{State: Kept})
		default:
			out = append(out, standing{State: Unknown})
		}
	}
	return out, nil
}

// sweep deletes what is too old, and boxes whose agreement has run out once
// nothing is left in them.
func (l *ledger) sweep(now time.Time) error {
	var errs []error
	for _, d := range l.drawers() {
		errs = append(errs, l.sweepDrawer(d, now.UnixMilli()))
	}
	return errors.Join(errs...)
}

func (l *ledger) sweepDrawer(d *drawer, now int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.open {
		return nil
	}
	if d.stale {
		if err := l.count(d); err != nil {
			return err
		}
	}
	if err := l.sweepBox(d, now); err != nil {
		return err
	}
	if now >= d.terms.Until && d.mails == 0 && d.receipts == 0 {
		return l.drop(d)
	}
	return nil
}

// sweepBox deletes what is too old in a locked box.
func (l *ledger) sweepBox(d *drawer, now int64) error {
	if d.soonest == 0 || d.soonest > now {
		return nil
	}
	var old []slip
	err := l.walkMail(d.box, 0, func(s slip) bool {
		if s.Until <= now {
			old = append(old, s)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, part := range chunk(old, eraseAtOnce) {
		var changes []Row
		for _, s := range part {
			changes = append(changes, s.erase(d.box)...)
		}
		if err := l.apply(d, changes); err != nil {
			return err
		}
	}
	if err := l.sweepReceipts(d, now); err != nil {
		return err
	}
	return l.count(d)
}

func (l *ledger) sweepReceipts(d *drawer, now int64) error {
	var keys [][]byte
	var bad error
	err := l.store.Walk(boxKey(rowReceipt, d.box), nil, func(k, v []byte) bool {
		var until int64
		if _, until, bad = parseStub(d.box, MailID{}, v); until <= now {
			keys = append(keys, slices.Clone(k))
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	for _, part := range chunk(keys, eraseAtOnce) {
		var changes []Row
		for _, k := range part {
			changes = append(changes, Row{Key: k})
		}
		if err := l.apply(d, changes); err != nil {
			return err
		}
	}
	return nil
}
