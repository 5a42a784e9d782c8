// Package oracle plays another implementation of negentropy against room
// reconcile, on both sides. It is a module of its own, so that what the other
// implementation needs does not become a dependency of Linnet.
package oracle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"fiatjaf.com/nostr"
	"fiatjaf.com/nostr/nip77/negentropy"
	"fiatjaf.com/nostr/nip77/negentropy/storage/vector"
	"github.com/linnet-im/linnet/node/reconcile"
)

// pair is two sets of which each side holds one.
type pair struct{ ours, theirs []reconcile.Item }

func randomPair(rnd *rand.Rand) pair {
	size := []int{0, 1, 31, 32, 33, 500, 5000}[rnd.IntN(7)]
	span := []int64{1, 100, 1 << 41}[rnd.IntN(3)]
	oursLack, theirsLack := rnd.Float64(), rnd.Float64()
	if rnd.IntN(2) == 0 {
		oursLack, theirsLack = oursLack/50, theirsLack/50
	}
	switch rnd.IntN(8) {
	case 0:
		oursLack = 1
	case 1:
		theirsLack = 1
	case 2:
		oursLack, theirsLack = 0, 0
	}
	var p pair
	for range size {
		id := sha256.Sum256(binary.BigEndian.AppendUint64(nil, rnd.Uint64()))
		if rnd.IntN(3) == 0 {
			clear(id[:24]) // long common prefixes
		}
		i := reconcile.Item{Time: rnd.Int64N(span), ID: id}
		if rnd.Float64() >= oursLack {
			p.ours = append(p.ours, i)
		}
		if rnd.Float64() >= theirsLack {
			p.theirs = append(p.theirs, i)
		}
	}
	return p
}

// difference returns the ids of a that are not in b, sorted.
func difference(a, b []reconcile.Item) []reconcile.ID {
	in := make(map[reconcile.ID]bool)
	for _, i := range b {
		in[i.ID] = true
	}
	var ids []reconcile.ID
	for _, i := range a {
		if !in[i.ID] {
			ids = append(ids, i.ID)
		}
	}
	return sorted(ids)
}

func sorted(ids []reconcile.ID) []reconcile.ID {
	slices.SortFunc(ids, func(a, b reconcile.ID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

func vectorOf(items []reconcile.Item) *vector.Vector {
	v := vector.New()
	for _, i := range items {
		v.Insert(nostr.Timestamp(i.Time), nostr.ID(i.ID))
	}
	v.Seal()
	return v
}

func sliceOf(t *testing.T, items []reconcile.Item) *reconcile.Slice {
	t.Helper()
	s, err := reconcile.NewSlice(items)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func each(t *testing.T, play func(t *testing.T, p pair, frame int)) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for n := range 150 {
		p, frame := randomPair(rnd), []int{0, 4096, 60 << 10}[n%3]
		t.Run(fmt.Sprintf("%d: %d and %d items, frame %d", n, len(p.ours), len(p.theirs), frame), func(t *testing.T) {
			play(t, p, frame)
		})
	}
}

// TestWeAsk: the other implementation answers our Asker.
func TestWeAsk(t *testing.T) {
	each(t, func(t *testing.T, p pair, frame int) {
		asker := reconcile.NewAsker(sliceOf(t, p.ours), reconcile.Options{MaxFrame: frame, MaxRounds: 5000, MaxHave: 10_000})
		answerer := negentropy.New(vectorOf(p.theirs), frame, false, false)
		var found reconcile.Result
		msg, err := asker.Start()
		for err == nil && msg != nil {
			var reply string
			if reply, err = answerer.Reconcile(hex.EncodeToString(msg)); err != nil {
				break
			}
			raw, _ := hex.DecodeString(reply)
			msg, err = asker.Next(raw)
			got := asker.Take()
			found.Need = append(found.Need, got.Need...)
			found.NeedRanges = append(found.NeedRanges, got.NeedRanges...)
			found.Have = append(found.Have, got.Have...)
		}
		if err != nil {
			t.Fatal(err)
		}
		need := found.Need
		for _, i := range p.theirs {
			if slices.ContainsFunc(found.NeedRanges, func(r reconcile.Range) bool { return r.Contains(i) }) {
				need = append(need, i.ID)
			}
		}
		compare(t, p, sorted(need), sorted(found.Have))
	})
}

// TestTheyAsk: the other implementation asks our Answer.
func TestTheyAsk(t *testing.T) {
	each(t, func(t *testing.T, p pair, frame int) {
		asker := negentropy.New(vectorOf(p.ours), frame, true, true)
		answering := sliceOf(t, p.theirs)
		var have, need []reconcile.ID
		var readers sync.WaitGroup
		readers.Go(func() {
			for id := range asker.Haves {
				have = append(have, reconcile.ID(id))
			}
		})
		readers.Go(func() {
			for id := range asker.HaveNots {
				need = append(need, reconcile.ID(id))
			}
		})
		var err error
		msg, rounds := asker.Start(), 0
		for ; msg != "" && err == nil && rounds < 5000; rounds++ {
			raw, _ := hex.DecodeString(msg)
			var reply []byte
			if reply, err = reconcile.Answer(answering, raw, reconcile.Options{MaxFrame: frame}); err == nil {
				msg, err = asker.Reconcile(hex.EncodeToString(reply))
			}
		}
		if msg != "" || err != nil {
			t.Fatalf("after %d rounds: %v", rounds, err) // its readers wait for ever, but this process ends
		}
		readers.Wait()
		compare(t, p, sorted(need), sorted(have))
	})
}

func compare(t *testing.T, p pair, need, have []reconcile.ID) {
	t.Helper()
	if want := difference(p.theirs, p.ours); !slices.Equal(need, want) {
		t.Errorf("%d needed, want %d", len(need), len(want))
	}
	if want := difference(p.ours, p.theirs); !slices.Equal(have, want) {
		t.Errorf("%d had, want %d", len(have), len(want))
	}
}
