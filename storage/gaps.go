package storage

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// Gap is a run of seqs of a chain that are not here.
type Gap struct{ From, To uint64 }

// Gaps lists up to limit gaps below the head of a chain, ascending. It reads
// keys only, as many as the chain has records until the limit is reached.
func (s *Store) Gaps(sp Space, ch Chain, limit int) ([]Gap, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return nil, err
	}
	defer sn.close()
	if !ok || limit <= 0 {
		return nil, nil
	}
	var out []Gap
	next := uint64(1)
	prefix := append(appendNum(nil, keyChain, in.num), ch[:]...)
	err = scanKeys(sn.txn, prefix, prefix, false, func(item *badger.Item) error {
		_, _, seq, err := parseChainKey(item.Key())
		if err != nil {
			return err
		}
		if seq > next {
			out = append(out, Gap{next, seq - 1})
		}
		next = seq + 1
		if len(out) == limit {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: chain %s: %w", ErrDamaged, ch, err)
	}
	return out, nil
}
