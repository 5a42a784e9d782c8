package reconcile

import "errors"

var (
	// ErrMessage means that a message breaks the protocol, or leads nowhere: its
	// sender is broken or hostile.
	ErrMessage = errors.New("reconcile: bad message")
	// ErrVersion means that the answering side speaks another version.
	ErrVersion = errors.New("reconcile: the peer speaks another version")
	// ErrRounds means that the sets differ in more than one exchange may find.
	// What was found is good: fetch it and start again.
	ErrRounds = errors.New("reconcile: too many differences for one exchange")
)

// Options bound an exchange. Zero values are the defaults.
type Options struct {
	// Range is compared; the zero value stands for all items. Only the asking
	// side needs it.
	Range Range

	// MaxFrame is the longest message to make, in bytes: 60 KiB, at least 4 KiB.
	MaxFrame int
	// MaxRounds is how many messages the asking side sends: 64.
	MaxRounds int
	// MaxNeed is how many ids and ranges the asking side accepts in all: 131,072.
	MaxNeed int
	// MaxHave is how many of its own ids that the other side lacks the asking
	// side names: none. They are counted in any case.
	MaxHave int

	// Parts is into how many a range is cut when it differs: 16, at most 64.
	Parts int
	// ListBelow is the number of items below which a range that differs is
	// listed: 32, at most 64.
	ListBelow int
}

const (
	minFrame   = 4 << 10 // the smallest that negentropy allows; any single range fits
	maxMessage = 1 << 20 // a longer message is refused unread
)

func (o Options) withDefaults() Options {
	if o.Range.equal(Range{}) {
		o.Range = Whole()
	}
	o.MaxFrame = clamp(o.MaxFrame, 60<<10, minFrame, maxMessage)
	o.MaxRounds = clamp(o.MaxRounds, 64, 1, 1<<30)
	o.MaxNeed = clamp(o.MaxNeed, 1<<17, 1, 1<<30)
	o.MaxHave = max(o.MaxHave, 0)
	o.Parts = clamp(o.Parts, 16, 2, 64)
	o.ListBelow = clamp(o.ListBelow, 32, 2, 64)
	return o
}

func clamp(n, zero, low, high int) int {
	if n == 0 {
		return zero
	}
	return min(max(n, low), high)
}
