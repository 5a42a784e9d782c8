package reconcile

import (
	"errors"
	"fmt"
)

// Set is what is compared. It may change while an exchange goes on: what is added
// or removed meanwhile may or may not be found, and nothing else suffers. An error
// ends the exchange.
type Set interface {
	// Sum returns the sum of the items in the range.
	Sum(from, to Bound) (Sum, error)

	// Split returns bounds that cut the range into about equal parts: at most
	// parts-1 of them, ascending, each after from and before to. It returns none
	// only for a range of fewer than two items. Short bounds make short messages,
	// see [Between].
	Split(from, to Bound, parts int) ([]Bound, error)

	// List returns the first limit items of the range, ascending.
	List(from, to Bound, limit int) ([]Item, error)
}

// ranges asks a set about ranges and checks its bounds, since a wrong one would
// become a message that no peer can read.
type ranges struct{ set Set }

func (s ranges) sum(r Range) (Sum, error) {
	sum, err := s.set.Sum(r.From, r.To)
	if err != nil {
		return Sum{}, fmt.Errorf("reconcile: sum a range: %w", err)
	}
	return sum, nil
}

func (s ranges) list(r Range, limit int) ([]Item, error) {
	items, err := s.set.List(r.From, r.To, limit)
	if err != nil {
		return nil, fmt.Errorf("reconcile: list a range: %w", err)
	}
	if len(items) > limit {
		return nil, errors.New("reconcile: the set lists more than the limit")
	}
	for _, i := range items {
		if !r.Contains(i) {
			return nil, errors.New("reconcile: the set lists an item outside the range")
		}
		r.From = At(i)
	}
	return items, nil
}

// split cuts r into at most parts pieces, ascending, which together are r.
func (s ranges) split(r Range, parts int) ([]Range, error) {
	bounds, err := s.set.Split(r.From, r.To, parts)
	if err != nil {
		return nil, fmt.Errorf("reconcile: split a range: %w", err)
	}
	if len(bounds) >= parts {
		return nil, errors.New("reconcile: the set splits into too many parts")
	}
	pieces := make([]Range, 0, len(bounds)+1)
	for _, b := range bounds {
		piece := Range{r.From, b}
		if piece.empty() || b.Compare(r.To) >= 0 {
			return nil, errors.New("reconcile: the set splits out of order")
		}
		pieces = append(pieces, piece)
		r.From = b
	}
	return append(pieces, r), nil
}
