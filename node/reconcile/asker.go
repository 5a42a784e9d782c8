package reconcile

import (
	"errors"
	"fmt"
	"slices"
)

// maxWaiting bounds the memory of an exchange: so many ranges may wait to be
// asked about.
const maxWaiting = 1 << 16

// Asker is the asking side of one exchange. It is not safe for concurrent use.
type Asker struct {
	set     ranges
	o       Options
	asked   []question // in the last message: ascending, disjoint
	waiting []question // not asked yet: ascending, disjoint, all older than asked
	found   Result
	width   int // how many questions to ask at once
	needed  int // ids and ranges, in all
	had     int // own ids named, in all
	rounds  int
	err     error // why it ended; nil while it goes on
}

// Result is what was found. The newest comes first, except within Have.
type Result struct {
	// Need names items that the other side says it has and we lack.
	Need []ID
	// NeedRanges are ranges of which we have nothing and the other side says it
	// has something. They are to be fetched whole; their ids are not in Need.
	NeedRanges []Range
	// HaveCount is the number of our items that the other side lacks.
	HaveCount uint64
	// Have names some of them, see [Options.MaxHave].
	Have []ID
}

var (
	errOver    = errors.New("reconcile: the exchange is over")
	errStarted = errors.New("reconcile: the exchange has begun")
	errNotYet  = errors.New("reconcile: the exchange has not begun")
)

// NewAsker returns the asking side of an exchange about set. It does nothing yet.
func NewAsker(set Set, o Options) *Asker {
	return &Asker{set: ranges{set}, o: o.withDefaults(), width: firstQuestions}
}

// Start returns the first message: one fingerprint. It fails if the set does, and
// if the exchange has begun already.
func (a *Asker) Start() ([]byte, error) {
	if a.rounds > 0 {
		return nil, errStarted
	}
	sum, err := a.set.sum(a.o.Range)
	if err != nil {
		return nil, err
	}
	a.waiting = []question{{Range: a.o.Range, form: oneFingerprint, sum: sum}}
	msg, err := a.message()
	a.err = err
	return msg, err
}

// Next takes the reply to the last message and returns the next one, or nil if
// the exchange is over. An error also ends it, and is returned from then on:
// [ErrMessage], [ErrVersion], [ErrRounds] or one of the set. What was found until
// then can still be taken.
func (a *Asker) Next(reply []byte) ([]byte, error) {
	if a.rounds == 0 {
		return nil, errNotYet
	}
	if a.err != nil {
		return nil, a.err
	}
	next, err := a.next(reply)
	switch {
	case err != nil:
		a.err = err
	case next == nil:
		a.err = errOver
	}
	return next, err
}

// Take returns what was found since it was last called, and gives it away.
func (a *Asker) Take() Result {
	found := a.found
	a.found = Result{}
	return found
}

// Rounds returns how many messages were made.
func (a *Asker) Rounds() int { return a.rounds }

func (a *Asker) next(reply []byte) ([]byte, error) {
	claims, err := parse(reply)
	if err != nil {
		return nil, err
	}
	if err := a.read(claims); err != nil {
		return nil, err
	}
	if len(a.waiting) == 0 {
		return nil, nil
	}
	if a.rounds == a.o.MaxRounds || len(a.waiting) > maxWaiting {
		return nil, ErrRounds
	}
	return a.message()
}

// read works through a reply, the newest first, and puts what is to be asked next
// on top of what waits.
func (a *Asker) read(claims []claim) error {
	var read Bound
	if len(claims) > 0 {
		read = claims[len(claims)-1].To
	}
	claims = append(claims, claim{Range: Range{read, End()}, mode: modeSkip})

	r := reading{Asker: a}
	for _, c := range slices.Backward(claims) {
		if err := r.claim(c); err != nil {
			return err
		}
	}
	if !r.moved {
		return fmt.Errorf("%w: it settles nothing", ErrMessage)
	}
	switch {
	case r.cut:
		a.width = max(a.width/2, fewestQuestions)
	case len(a.asked) == a.width:
		a.width = min(a.width*2, mostQuestions)
	}
	slices.Reverse(r.again)
	a.waiting = append(a.waiting, r.again...)
	a.asked = nil
	return nil
}

// need counts n more ids or ranges that we lack.
func (a *Asker) need(n int) error {
	if a.needed += n; a.needed > a.o.MaxNeed {
		return ErrRounds
	}
	return nil
}
