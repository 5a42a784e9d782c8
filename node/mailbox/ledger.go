package mailbox

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Bounds of a ledger that no configuration changes.
const (
	maxBoxes    = 4096
	maxReceipts = 4096 // of a box; the oldest go first
	eraseAtOnce = 256  // mails or receipts deleted by one change of the store
)

// ledger keeps the books of a keeper: which boxes it keeps, what is in them, and
// how much room that takes. All that lasts is in the store; what is here is
// counted from there.
type ledger struct {
	store  Store
	total  int64         // bytes that all quotas together may promise
	perBox int64         // bytes
	age    time.Duration // how long a mail or a receipt is kept at most
	term   time.Duration // how long an agreement runs at most

	mu       sync.Mutex // held only for the fields below
	boxes    map[Box]*drawer
	promised int64 // the sum of all quotas
}

// drawer is a box that is kept. Its mutex makes each change of its rows one step,
// and is held while the store works: rows of one box have one owner at a time.
// Who holds it may take the ledger's, never the other way.
type drawer struct {
	box Box

	mu       sync.Mutex
	open     bool // there is an agreement; a drawer without is new or was dropped
	stale    bool // the store failed: count again before use
	terms    terms
	used     int64 // bytes charged
	mails    int
	receipts int
	last     uint64 // the highest number that was given out
	soonest  int64  // ms: no mail and no receipt is too old before
}

// openLedger counts what is in the store, and drops what belongs to no agreement.
func openLedger(l *ledger) (*ledger, error) {
	l.boxes = map[Box]*drawer{}
	var bad error
	err := l.store.Walk([]byte{rowBox}, nil, func(k, v []byte) bool {
		var d drawer
		if bad = size(k, headSize); bad != nil {
			return false
		}
		d.box = Box(k[1:])
		d.terms, bad = parseTerms(v)
		d.open = true
		l.boxes[d.box] = &d
		l.promised += d.terms.Quota
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("mailbox: read agreements: %w", err)
	}
	for _, d := range l.boxes {
		if err := l.count(d); err != nil {
			return nil, err
		}
	}
	return l, l.dropOrphans()
}

// count counts a box anew from its rows.
func (l *ledger) count(d *drawer) error {
	d.used, d.mails, d.receipts, d.soonest = 0, 0, 0, 0 // last goes on, for a list that is under way
	var bad error
	err := l.walkMail(d.box, 0, func(s slip) bool {
		d.add(s)
		return true
	})
	err = errors.Join(err, l.store.Walk(boxKey(rowReceipt, d.box), nil, func(k, v []byte) bool {
		var until int64
		if _, until, bad = parseStub(d.box, MailID{}, v); bad != nil {
			return false
		}
		d.receipts++
		d.due(until)
		return true
	}))
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("mailbox: count box %s: %w", d.box, err)
	}
	d.stale = false
	return nil
}

func (d *drawer) add(s slip) {
	d.used += s.charge()
	d.mails++
	d.last = max(d.last, s.Number)
	d.due(s.Until)
}

func (d *drawer) remove(s slip) {
	d.used -= s.charge()
	d.mails--
}

// due notes that something will be too old at a time.
func (d *drawer) due(until int64) {
	if d.soonest == 0 || until < d.soonest {
		d.soonest = until
	}
}

// walkMail calls f with the mail of a box behind a number, as it arrived.
func (l *ledger) walkMail(box Box, after uint64, f func(slip) bool) error {
	var bad error
	err := l.store.Walk(boxKey(rowNumber, box), numberKey(box, after), func(_, v []byte) bool {
		s, err := parseSlip(v)
		if err != nil {
			bad = err
			return false
		}
		return f(s)
	})
	return errors.Join(err, bad)
}

// dropOrphans deletes rows of boxes that no agreement names: their box was ended
// just before a crash.
func (l *ledger) dropOrphans() error {
	var orphans []Box
	for _, kind := range []byte{rowNumber, rowIndex, rowReceipt} {
		err := l.store.Walk([]byte{kind}, nil, func(k, _ []byte) bool {
			if box := Box(k[1:headSize]); l.boxes[box] == nil && !slices.Contains(orphans, box) {
				orphans = append(orphans, box)
			}
			return len(orphans) < maxBoxes
		})
		if err != nil {
			return fmt.Errorf("mailbox: look for orphans: %w", err)
		}
	}
	for _, box := range orphans {
		if err := l.empty(box); err != nil {
			return err
		}
	}
	return nil
}

// empty deletes all mail and receipts of a box.
func (l *ledger) empty(box Box) error {
	for {
		var changes []Row
		err := l.walkMail(box, 0, func(s slip) bool {
			changes = append(changes, s.erase(box)...)
			return len(changes) < 3*eraseAtOnce
		})
		if err != nil || len(changes) == 0 {
			return errors.Join(err, l.emptyReceipts(box))
		}
		if err := l.store.Apply(changes); err != nil {
			return fmt.Errorf("mailbox: empty box %s: %w", box, err)
		}
	}
}

func (l *ledger) emptyReceipts(box Box) error {
	for {
		var changes []Row
		err := l.store.Walk(boxKey(rowReceipt, box), nil, func(k, _ []byte) bool {
			changes = append(changes, Row{Key: slices.Clone(k)})
			return len(changes) < eraseAtOnce
		})
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := l.store.Apply(changes); err != nil {
			return fmt.Errorf("mailbox: empty box %s: %w", box, err)
		}
	}
}

// lookup returns a box that is kept, locked and counted; the caller unlocks it.
func (l *ledger) lookup(box Box) (*drawer, error) {
	l.mu.Lock()
	d := l.boxes[box]
	l.mu.Unlock()
	if d == nil {
		return nil, ErrUnknownBox
	}
	d.mu.Lock()
	if !d.open {
		d.mu.Unlock()
		return nil, ErrUnknownBox
	}
	if d.stale {
		if err := l.count(d); err != nil {
			d.mu.Unlock()
			return nil, err
		}
	}
	return d, nil
}

// deposit returns the key that requests of depositors are signed with.
func (l *ledger) deposit(box Box) (ed25519.PublicKey, error) {
	d, err := l.lookup(box)
	if err != nil {
		return nil, err
	}
	defer d.mu.Unlock()
	return slices.Clone(d.terms.Deposit[:]), nil
}

// agree keeps a box from now on, or goes on keeping it, on terms that are as wanted
// or less. ErrFull means that there is no room for even the smallest.
func (l *ledger) agree(box Box, want Terms, now time.Time) (Agreement, error) {
	d, err := l.drawerFor(box)
	if err != nil {
		return Agreement{}, err
	}
	defer d.mu.Unlock()
	defer l.discard(d)
	if err := l.prepare(d); err != nil {
		return Agreement{}, err
	}
	quota, err := l.promise(d, min(want.Quota, l.perBox))
	if err != nil {
		return Agreement{}, err
	}
	t := terms{[32]byte(want.Deposit), quota, now.Add(min(want.Term, l.term)).UnixMilli()}
	if err := l.store.Apply([]Row{t.row(box)}); err != nil {
		l.settle(quota, d.terms.Quota)
		return Agreement{}, fmt.Errorf("mailbox: store agreement: %w", err)
	}
	d.terms, d.open = t, true
	return d.standing(), nil
}

// drawerFor returns the drawer of a box, locked, a new one if there is none.
func (l *ledger) drawerFor(box Box) (*drawer, error) {
	for {
		l.mu.Lock()
		d := l.boxes[box]
		if d == nil && len(l.boxes) >= maxBoxes {
			l.mu.Unlock()
			return nil, ErrFull
		}
		if d == nil {
			d = &drawer{box: box}
			l.boxes[box] = d
		}
		l.mu.Unlock()
		d.mu.Lock()
		l.mu.Lock()
		same := l.boxes[box] == d
		l.mu.Unlock()
		if same {
			return d, nil
		}
		d.mu.Unlock() // it was dropped meanwhile
	}
}

// prepare has a drawer count what is in it; a new one has nothing left of an older agreement.
func (l *ledger) prepare(d *drawer) error {
	switch {
	case !d.open:
		return l.empty(d.box)
	case d.stale:
		return l.count(d)
	}
	return nil
}

// promise sets room aside for a box, in place of what it had. It does not go below
// what is used.
func (l *ledger) promise(d *drawer, want int64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	quota := max(min(want, l.total-l.promised+d.terms.Quota), d.used)
	if quota < MinQuota {
		return 0, ErrFull
	}
	l.promised += quota - d.terms.Quota
	return quota, nil
}

// settle takes back a promise.
func (l *ledger) settle(from, to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.promised += to - from
}

// discard forgets a drawer that came to nothing.
func (l *ledger) discard(d *drawer) {
	if d.open {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.boxes, d.box)
}

func (d *drawer) standing() Agreement {
	return Agreement{d.box, d.terms.Quota, d.used, d.mails, time.UnixMilli(d.terms.Until)}
}

// end drops a box and all that is in it.
func (l *ledger) end(box Box) error {
	d, err := l.lookup(box)
	if err != nil {
		return err
	}
	defer d.mu.Unlock()
	return l.drop(d)
}

// drop deletes the agreement first: from then on nobody counts on the rest.
func (l *ledger) drop(d *drawer) error {
	if err := l.store.Apply([]Row{{Key: boxKey(rowBox, d.box)}}); err != nil {
		return fmt.Errorf("mailbox: end box %s: %w", d.box, err)
	}
	d.open = false
	err := l.empty(d.box) // what is left after an error is dropped as orphans, or by the next agreement
	l.settle(d.terms.Quota, 0)
	l.discard(d)
	return err
}

// all returns how each box stands, in no order.
func (l *ledger) all() []Agreement {
	var out []Agreement
	for _, d := range l.drawers() {
		d.mu.Lock()
		if d.open {
			out = append(out, d.standing())
		}
		d.mu.Unlock()
	}
	return out
}

func (l *ledger) drawers() []*drawer {
	l.mu.Lock()
	defer l.mu.Unlock()
	ds := make([]*drawer, 0, len(l.boxes))
	for _, d := range l.boxes {
		ds = append(ds, d)
	}
	return ds
}
