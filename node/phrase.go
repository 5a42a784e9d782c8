package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/storage"
)

// keyPhrase is there once the person has shown that the recovery phrase was written down.
const keyPhrase = "identity/phrase"

// askWords is how many words a person is asked for to show that.
const askWords = 3

// Phrase returns the recovery phrase of the account, 24 words, or nil on a further
// device, which has none. Whoever reads it is the person.
func (n *Node) Phrase() []string {
	account, ok := n.accountKey()
	if !ok {
		return nil
	}
	p := account.Phrase()
	return p[:]
}

// PhraseQuestions chooses positions in the phrase, from 1 and ascending, to ask for
// once it was written down.
func (n *Node) PhraseQuestions() []int {
	return identity.PhraseQuestions(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), askWords)
}

// PhraseChecked reports whether the person has shown that the phrase was written down.
func (n *Node) PhraseChecked() (bool, error) {
	_, err := n.store.State(keyPhrase)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// CheckPhrase tells which of the words typed stand at the positions asked for. Once
// three or more different ones are right in one call, and none is wrong, the phrase
// counts as written down.
func (n *Node) CheckPhrase(ctx context.Context, ask []int, typed []string) (right []bool, checked bool, err error) {
	account, ok := n.accountKey()
	if !ok {
		return nil, false, ErrNoAccount
	}
	p := account.Phrase()
	right = []bool{}
	for i, at := range ask {
		right = append(right, i < len(typed) && p.Matches(at, typed[i]))
	}
	places := slices.Compact(slices.Sorted(slices.Values(ask)))
	if len(places) >= askWords && !slices.Contains(right, false) {
		if err := n.setState(ctx, keyPhrase, []byte{1}); err != nil {
			return nil, false, fmt.Errorf("node: keep that the phrase was written down: %w", err)
		}
		n.bell.node()
		return right, true, nil
	}
	checked, err = n.PhraseChecked()
	return right, checked, err
}
