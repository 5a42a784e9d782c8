package mailbox

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Collect fetches the mail of the box of key from several keepers at once and hands
// each mail to take, one at a time, the same mail once for each keeper that has it.
// What take accepts by returning nil is deleted there, and a receipt that says so
// stays for who asks; what it refuses stays for another time. The error joins those
// of keepers that gave no proper answer and those of take.
func (c *Client) Collect(ctx context.Context, key ed25519.PrivateKey, keepers []string, take func(mail []byte) error) error {
	if err := whole(key); err != nil {
		return err
	}
	var mu sync.Mutex
	one := func(mail []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return take(mail)
	}
	return errors.Join(each(keepers, maxKeepers, func(keeper string) error {
		g := &gathering{key: key, take: one}
		err := persist(ctx, func() (int64, error) {
			err := c.visit(ctx, keeper, g.all)
			return g.done, err
		})
		return errors.Join(told("collect from", keeper, err), g.refused)
	})...)
}

// gathering is what one keeper is asked for.
type gathering struct {
	key     ed25519.PrivateKey
	take    func([]byte) error
	after   uint64 // number of the last mail that was looked at
	done    int64  // mails
	refused error  // by take
}

// all goes through the list of a keeper, page by page, from where it was.
func (g *gathering) all(s *session) error {
	for more := true; more; {
		if err := s.ask(request{Type: askList, Box: BoxOf(g.key), After: g.after}, g.key); err != nil {
			if errors.Is(err, ErrUnknownBox) {
				return nil // there is nothing, and no agreement
			}
			return err
		}
		b, err := readFrame(s.r, 1+maxPage*entrySize)
		if err != nil {
			return noEOF(err)
		}
		var es []entry
		if more, es, err = decodePage(b, g.after); err != nil {
			return err
		}
		for some := range slices.Chunk(es, getTogether) {
			if err := g.some(s, some); err != nil {
				return err
			}
			g.after = some[len(some)-1].Number
			g.done += int64(len(some))
		}
	}
	return nil
}

// getTogether is how many mails are asked for, and said to be fetched, at once.
const getTogether = 16

// some fetches mails, hands them over and has those that were taken deleted.
func (g *gathering) some(s *session, es []entry) error {
	q := request{Type: askGet, Box: BoxOf(g.key)}
	for _, e := range es {
		q.Wants = append(q.Wants, want{ID: e.ID})
	}
	if err := s.ask(q, g.key); err != nil {
		return err
	}
	done := request{Type: askDone, Box: q.Box}
	busy := false
	for _, e := range es {
		state, err := s.r.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		if State(state) != Kept { // gone meanwhile, damaged there, or too much at once
			busy = busy || State(state) == Busy
			continue
		}
		mail, err := readFrame(s.r, MaxMail)
		if err != nil {
			return noEOF(err)
		}
		if IDOf(mail) != e.ID {
			return fmt.Errorf("%w: mail %s", ErrFalse, e.ID)
		}
		if err := g.take(mail); err != nil {
			g.refused = errors.Join(g.refused, err)
			continue
		}
		done.Receipts = append(done.Receipts, sign(g.key, e.ID, time.Now()))
	}
	if len(done.Receipts) > 0 {
		if err := s.ask(done, g.key); err != nil {
			return err
		}
	}
	if busy {
		return ErrBusy
	}
	return nil
}

// KeepOwn has a keeper keep its own person's box, so that others can leave mail
// where it is read. No policy is asked.
func (k *Keeper) KeepOwn(key ed25519.PrivateKey, t Terms) error {
	_, err := k.ledger.agree(BoxOf(key), t, time.Now())
	return err
}

// CollectOwn is Client.Collect for the keeper's own person.
func (k *Keeper) CollectOwn(key ed25519.PrivateKey, take func(mail []byte) error) error {
	box, after := BoxOf(key), uint64(0)
	var errs []error
	for more := true; more; {
		es, rest, err := k.ledger.list(box, after, maxPage, time.Now())
		if errors.Is(err, ErrUnknownBox) {
			return nil
		}
		if err != nil {
			return err
		}
		more = rest
		for _, e := range es {
			after = e.Number
			mail, err := k.ledger.get(box, e.ID, time.Now())
			if err == nil && mail != nil {
				err = take(mail)
			}
			if err == nil {
				err = k.ledger.done(box, []Receipt{sign(key, e.ID, time.Now())}, time.Now())
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
