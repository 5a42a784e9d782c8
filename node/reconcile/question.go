package reconcile

import "slices"

// How many questions one message may hold. Each that differs is answered by
// sixteen fingerprints or as many ids, so that a full message can ask for more
// than fits a reply; the reply is then cut, and what it is cut off are the newest.
// So there are half as many after a reply that was cut, and twice as many after
// a full message whose reply was not.
const (
	fewestQuestions = 16
	firstQuestions  = 128
	mostQuestions   = 512
)

// form is how a question is put.
type form uint8

const (
	oneFingerprint form = 1
	allIDs         form = 2
	inParts        form = 3 // their fingerprint differs: cut it before asking
)

// question is a range that is not settled.
type question struct {
	Range
	form  form
	sum   Sum    // of our items, when it was last looked at; in form oneFingerprint
	items []Item // our items, in form allIDs, while it is being asked
}

// size returns the most bytes that the question takes.
func (q question) size() int {
	if q.form == allIDs {
		return listSize + len(q.items)*idSize
	}
	return printSize
}

// message asks about the newest ranges that wait, as many as fit.
func (a *Asker) message() ([]byte, error) {
	a.rounds++
	room := a.o.MaxFrame - 1
	for len(a.waiting) > 0 && len(a.asked) < a.width {
		q, err := a.newest()
		if err != nil {
			return nil, err
		}
		if room -= q.size(); room < 0 {
			q.items = nil
			a.waiting = append(a.waiting, q)
			break
		}
		a.asked = append(a.asked, q)
	}
	slices.Reverse(a.asked)

	w := newWriter()
	for i, q := range a.asked {
		if q.form == allIDs {
			w.list(q.Range, q.items)
			a.asked[i].items = nil
			continue
		}
		w.fingerprint(q.Range, q.sum.Fingerprint())
	}
	return w.buf, nil
}

// newest takes the newest question off those that wait and makes it ready.
func (a *Asker) newest() (question, error) {
	q := a.pop()
	if q.form == inParts {
		parts, err := a.parts(q.Range)
		if err != nil {
			return question{}, err
		}
		a.waiting = append(a.waiting, parts...)
		q = a.pop()
	}
	if q.form == allIDs {
		return a.listed(q)
	}
	return q, nil
}

func (a *Asker) pop() question {
	last := len(a.waiting) - 1
	q := a.waiting[last]
	a.waiting = a.waiting[:last]
	return q
}

// parts cuts r into questions of one fingerprint each, ascending.
func (a *Asker) parts(r Range) ([]question, error) {
	pieces, err := a.set.split(r, a.o.Parts)
	if err != nil {
		return nil, err
	}
	questions := make([]question, 0, len(pieces))
	for _, piece := range pieces {
		sum, err := a.set.sum(piece)
		if err != nil {
			return nil, err
		}
		questions = append(questions, question{Range: piece, form: oneFingerprint, sum: sum})
	}
	return questions, nil
}

// listed adds the items to a question for a list. If the set has grown beyond
// what is listed, the question becomes a fingerprint again.
func (a *Asker) listed(q question) (question, error) {
	items, err := a.set.list(q.Range, a.o.ListBelow)
	if err != nil {
		return question{}, err
	}
	if len(items) < a.o.ListBelow {
		q.items = items
		return q, nil
	}
	q.form = oneFingerprint
	q.sum, err = a.set.sum(q.Range)
	return q, err
}
