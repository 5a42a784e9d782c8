package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Delivery is mail to be left for somebody.
type Delivery struct {
	To      Address
	Mails   [][]byte      // sealed and padded, 1 byte to MaxMail each
	Keep    time.Duration // how long it is wanted at most; 0: as long as the keeper does
	Keepers []string      // those that keep the box, the most wanted first; no two are equal
	Copies  int           // of each mail; 0 is 1
}

// Placement is what became of one mail.
type Placement struct {
	ID      MailID
	Kept    []string         // keepers that say that they keep it
	Receipt *Receipt         // not nil: its owner has it already, so no more copies are needed
	Failed  map[string]error // keepers that do not
}

// Put leaves each mail at as many keepers as copies are wanted, in parallel, and
// goes on to the next of the list where one does not take it. A line that is cut is
// taken up where it was. The placements are in the order of the mails. The error
// is ErrShort if a mail has fewer copies than wanted; nothing that was put is lost
// by that, and the same call may be made again.
func (c *Client) Put(ctx context.Context, d Delivery) ([]Placement, error) {
	p := &putting{c: c, d: d, queue: d.Keepers}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	for range min(p.d.Copies, maxKeepers, len(d.Keepers)) {
		wg.Go(func() { p.copy(ctx) }) // ends when the mails have one more copy, or with the list
	}
	wg.Wait()
	short := 0
	for _, pl := range p.places {
		if pl.Receipt == nil && len(pl.Kept) < p.d.Copies {
			short++
		}
	}
	if short > 0 {
		return p.places, fmt.Errorf("%w: %d of %d mails", ErrShort, short, len(p.places))
	}
	return p.places, nil
}

// putting is one call of Put.
type putting struct {
	c *Client
	d Delivery

	mu     sync.Mutex
	queue  []string // keepers not tried yet
	places []Placement
}

func (p *putting) prepare() error {
	if err := p.d.To.valid(); err != nil {
		return err
	}
	p.d.Copies = max(p.d.Copies, 1)
	if p.d.Keep == 0 {
		p.d.Keep = 1 << 32 * time.Second
	}
	for _, m := range p.d.Mails {
		if len(m) == 0 || len(m) > MaxMail {
			return fmt.Errorf("mailbox: a mail of %d bytes, 1 to %d can be kept", len(m), MaxMail)
		}
		p.places = append(p.places, Placement{ID: IDOf(m), Failed: map[string]error{}})
	}
	return nil
}

// copy puts one copy of every mail, at the first keepers that take it. Each keeper
// is used by one copy only.
func (p *putting) copy(ctx context.Context) {
	left := make([]int, len(p.d.Mails))
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 && ctx.Err() == nil {
		keeper, ok := p.next()
		if !ok {
			return
		}
		left = p.at(ctx, keeper, left)
	}
}

func (p *putting) next() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return "", false
	}
	k := p.queue[0]
	p.queue = p.queue[1:]
	return k, true
}

// at puts mails at one keeper and returns those that it did not take.
func (p *putting) at(ctx context.Context, keeper string, mails []int) (left []int) {
	left = mails
	moved := int64(0)
	err := persist(ctx, func() (int64, error) {
		err := p.c.visit(ctx, keeper, func(s *session) error {
			for len(left) > 0 {
				some := left[:min(len(left), maxOffer)]
				if err := p.offer(s, keeper, some, &moved); err != nil {
					return err
				}
				left = left[len(some):]
			}
			return nil
		})
		return moved, err
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range left {
		p.places[i].Failed[keeper] = told("put at", keeper, err)
	}
	left = nil
	for _, i := range mails {
		if p.places[i].Failed[keeper] != nil {
			left = append(left, i)
		}
	}
	return left
}

// offer offers some mails and sends those that are wanted.
func (p *putting) offer(s *session, keeper string, mails []int, moved *int64) error {
	q := request{Type: askOffer, Box: p.d.To.Box}
	for _, i := range mails {
		q.Offers = append(q.Offers, offer{p.places[i].ID, len(p.d.Mails[i]), p.d.Keep})
	}
	if err := s.ask(q, p.d.To.Deposit); err != nil {
		return err
	}
	b, err := readFrame(s.r, 5*len(mails))
	if err != nil {
		return noEOF(err)
	}
	vs, err := decodeVerdicts(b, q.Offers)
	if err != nil {
		return err
	}
	there := int64(0)
	for i, v := range vs {
		if v.State == Kept || v.State == Fetched {
			there += int64(q.Offers[i].Size)
		}
		there += int64(v.From)
	}
	*moved = max(*moved, there)
	if err := p.send(s, mails, vs); err != nil {
		return err
	}
	return p.settle(s, keeper, mails, vs)
}

// send sends what is wanted, and replaces the verdicts on it by what became of it.
func (p *putting) send(s *session, mails []int, vs []verdict) error {
	var failed error
	for i, v := range vs {
		if v.State == Wanted && failed == nil {
			_, failed = s.w.Write(p.d.Mails[mails[i]][v.From:])
		}
	}
	if err := errors.Join(failed, s.w.Flush()); err != nil {
		return err
	}
	for i, v := range vs {
		if v.State != Wanted {
			continue
		}
		b, err := s.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		if State(b) == Wanted {
			return fmt.Errorf("%w: a mail wanted twice", ErrProtocol)
		}
		vs[i].State = State(b)
	}
	return nil
}

// settle notes what a keeper said of mails. Fetched counts only with a receipt.
func (p *putting) settle(s *session, keeper string, mails []int, vs []verdict) error {
	receipts := map[int]*Receipt{}
	for i, v := range vs {
		if v.State != Fetched {
			continue
		}
		ss, err := s.status(p.d.To, []MailID{p.places[mails[i]].ID})
		if err != nil {
			return err
		}
		if ss[0].State != Fetched {
			return fmt.Errorf("%w: fetched, without a receipt", ErrFalse)
		}
		receipts[i] = &ss[0].Receipt
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range vs {
		pl := &p.places[mails[i]]
		switch err := v.State.err(); {
		case err != nil:
			pl.Failed[keeper] = told("put at", keeper, err)
		case v.State == Fetched:
			pl.Receipt = receipts[i]
		default:
			pl.Kept = append(pl.Kept, keeper)
		}
	}
	return nil
}

var _ io.Reader = (*line)(nil)
