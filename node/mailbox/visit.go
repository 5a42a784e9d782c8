package mailbox

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// visit is one stream as the keeper sees it.
type visit struct {
	k *Keeper
	talk
	*line
}

// refusal ends a visit with a status.
type refusal byte

func (r refusal) Error() string { return fmt.Sprintf("mailbox: answered %d", byte(r)) }

// serve answers requests until the asker closes its side.
func (v *visit) serve(busy bool) error {
	if busy {
		return v.answer(answerBusy)
	}
	v.Nonce = newNonce()
	if err := errors.Join(v.w.WriteByte(answerHere), ignore(v.w.Write(v.Nonce[:])), v.w.Flush()); err != nil {
		return err
	}
	for n := range uint64(maxRequests) {
		err := v.next(n)
		var status refusal
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &status):
			return v.answer(byte(status))
		case errors.Is(err, ErrUnknownBox):
			if err := v.answer(answerUnknown); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	return v.answer(answerBusy)
}

func ignore(_ int, err error) error { return err }

// next answers the nth request. io.EOF means that there is none.
func (v *visit) next(n uint64) error {
	frame, err := readFrame(v.r, maxRequest)
	if err != nil {
		return err
	}
	body := frame[:max(len(frame)-ed25519.SignatureSize, 0)]
	q, err := decodeRequest(body)
	if err != nil {
		return err
	}
	if !v.k.spent.spend(v.Asker, 1+len(q.Receipts)/16, 0, time.Now()) {
		return refusal(answerBusy)
	}
	if err := v.check(n, q, body, frame[len(body):]); err != nil {
		return err
	}
	switch q.Type {
	case askAgree:
		return v.agree(q)
	case askEnd:
		return v.end(q)
	case askOffer:
		return v.offer(q)
	case askList:
		return v.list(q)
	case askGet:
		return v.get(q)
	case askDone:
		return v.done(q)
	}
	return v.status(q)
}

// check verifies that a request is signed for this place in this stream. Nobody
// but an owner or a depositor of a box that is kept here, or is to be, may stay.
func (v *visit) check(n uint64, q request, body, sig []byte) error {
	key := ed25519.PublicKey(q.Box[:])
	if q.Type != askAgree {
		deposit, err := v.k.ledger.deposit(q.Box)
		if err != nil {
			return err
		}
		if !q.byOwner() {
			key = deposit
		}
	}
	if !ed25519.Verify(key, v.statement(n, body), sig) {
		return refusal(answerRefused)
	}
	if q.Type == askAgree {
		return nil // the policy comes first
	}
	return v.introduce()
}

func (v *visit) introduce() error {
	if !v.k.introduce(v.Stream) {
		return refusal(answerBusy)
	}
	v.line.end = time.Now().Add(longest)
	return nil
}

func (v *visit) agree(q request) error {
	allowed, ok := v.k.cfg.Policy.Allow(v.Asker.String(), q.Box, q.Terms)
	if !ok || !allowed.valid() {
		return refusal(answerRefused)
	}
	if err := v.introduce(); err != nil {
		return err
	}
	now := time.Now()
	a, err := v.k.ledger.agree(q.Box, allowed, now)
	if errors.Is(err, ErrFull) {
		return v.answer(answerFull)
	}
	if err != nil {
		return err
	}
	return v.reply(encodeGrant(a, now))
}

func (v *visit) end(q request) error {
	if err := v.k.ledger.end(q.Box); err != nil {
		return err
	}
	return v.answer(answerHere)
}

// offer says which mails are wanted, and takes them.
func (v *visit) offer(q request) error {
	states, err := v.k.ledger.judge(q.Box, q.Offers, time.Now())
	if err != nil {
		return err
	}
	verdicts := make([]verdict, len(states))
	begun := map[upload][]byte{}
	defer func() { v.giveBack(begun) }()
	for i, o := range q.Offers {
		verdicts[i].State = states[i]
		if states[i] != Wanted {
			continue
		}
		if !v.k.spent.spend(v.Asker, 0, o.Size, time.Now()) {
			verdicts[i].State = Busy
			continue
		}
		u := upload{q.Box, o.ID, o.Size}
		begun[u] = v.k.uploads.take(u)
		verdicts[i].From = len(begun[u])
	}
	if err := v.reply(encodeVerdicts(verdicts)); err != nil {
		return err
	}
	for i, o := range q.Offers {
		if verdicts[i].State != Wanted {
			continue
		}
		u := upload{q.Box, o.ID, o.Size}
		start := begun[u]
		delete(begun, u)
		if err := v.takeMail(u, o, start); err != nil {
			return err
		}
	}
	return nil
}

// giveBack keeps beginnings for a later stream.
func (v *visit) giveBack(begun map[upload][]byte) {
	for u, b := range begun {
		v.k.uploads.leave(u, b, time.Now())
	}
}

// takeMail reads the rest of a mail, keeps it and says what became of it.
func (v *visit) takeMail(u upload, o offer, start []byte) error {
	mail := make([]byte, o.Size)
	had := copy(mail, start)
	if n, err := io.ReadFull(v.r, mail[had:]); err != nil {
		v.k.uploads.leave(u, slices.Clone(mail[:had+n]), time.Now())
		return noEOF(err)
	}
	state, err := v.k.ledger.put(u.box, o, mail, time.Now())
	if errors.Is(err, ErrUnknownBox) { // ended meanwhile
		state, err = Refused, nil
	}
	if err != nil {
		return err
	}
	return v.answer(byte(state))
}

func (v *visit) list(q request) error {
	es, more, err := v.k.ledger.list(q.Box, q.After, maxPage, time.Now())
	if err != nil {
		return err
	}
	return v.reply(encodePage(more, es))
}

func (v *visit) get(q request) error {
	if err := v.w.WriteByte(answerHere); err != nil {
		return err
	}
	for _, w := range q.Wants {
		state, mail := v.mail(q.Box, w)
		if err := v.w.WriteByte(byte(state)); err != nil {
			return err
		}
		if state != Kept {
			continue
		}
		if err := writeFrame(v.w, mail); err != nil {
			return err
		}
	}
	return v.w.Flush()
}

// mail returns the end of a mail that is asked for, if there is one.
func (v *visit) mail(box Box, w want) (State, []byte) {
	mail, err := v.k.ledger.get(box, w.ID, time.Now())
	switch {
	case errors.Is(err, ErrUnknownBox) || err == nil && mail == nil:
		return Unknown, nil
	case err != nil:
		v.k.cfg.Logger.Warn("mailbox: cannot read a mail", "err", err)
		return Damaged, nil
	case w.From >= len(mail):
		return Refused, nil
	case !v.k.spent.spend(v.Asker, 0, len(mail)-w.From, time.Now()):
		return Busy, nil
	}
	return Kept, mail[w.From:]
}

func (v *visit) done(q request) error {
	for _, r := range q.Receipts {
		if !r.Verify() {
			return refusal(answerRefused)
		}
	}
	if err := v.k.ledger.done(q.Box, q.Receipts, time.Now()); err != nil {
		return err
	}
	return v.answer(answerHere)
}

func (v *visit) status(q request) error {
	ss, err := v.k.ledger.status(q.Box, q.IDs, time.Now())
	if err != nil {
		return err
	}
	return v.reply(encodeStandings(ss))
}
