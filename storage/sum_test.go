package storage

import (
	"context"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestSumArithmetic compares with math/big.
func TestSumArithmetic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	number := func(b [32]byte) *big.Int {
		slices.Reverse(b[:])
		return new(big.Int).SetBytes(b[:])
	}
	mod := new(big.Int).Lsh(big.NewInt(1), 256)
	var s Sum
	want := new(big.Int)
	var ids []ID
	for range 1000 {
		var id ID
		for i := 0; i < 32; i += 8 {
			binary.LittleEndian.PutUint64(id[i:], rng.Uint64()|-(rng.Uint64()&1)) // often all ones, for carries
		}
		ids = append(ids, id)
		s.add(id)
		want.Add(want, number(id)).Mod(want, mod)
		if number(s.Total).Cmp(want) != 0 {
			t.Fatalf("%x, want %x", s.Total, want)
		}
	}
	for _, id := range ids {
		s.sub(id)
	}
	if s != (Sum{}) {
		t.Fatalf("%v is left", s)
	}
}

// TestSumConcurrent reads sums while records arrive, also through the loading of a lane: each must be that of a moment.
func TestSumConcurrent(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir})
	batches := bulk(12_000, 40, 200)
	var moments []Sum
	var sum Sum
	for _, b := range batches {
		for i := range b.Puts {
			sum.add(b.Puts[i].Record.ID)
		}
		moments = append(moments, sum)
	}
	commit := func(bs []Batch) {
		for i := range bs {
			if _, err := s.Commit(context.Background(), bs[i]); err != nil {
				t.Error(err)
			}
		}
	}
	commit(batches[:20])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, Options{Dir: dir})
	var done sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		done.Go(func() {
			for at := 19; ; {
				got, err := s.Sum(Space{1}, 1, nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				i := int(got.Count/200) - 1
				if got.Count%200 != 0 || got != moments[i] || i < at {
					t.Errorf("%d records after %d", got.Count, (at+1)*200)
					return
				}
				at = i
				low := Pos{Time: 50 * int64(11_000)} // the newest 1,000 came first
				if part, err := s.Sum(Space{1}, 1, &low, nil); err != nil || part != moments[4] {
					t.Errorf("%v %v, want %v", part, err, moments[4])
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	commit(batches[20:])
	close(stop)
	done.Wait()
	checkAllSums(t, s)
}

// TestDropWhileSumming drops and fills a space under readers.
func TestDropWhileSumming(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	batches := bulk(2000, 10, 1000)
	var done sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		done.Go(func() {
			for {
				if sum, err := s.Sum(Space{1}, 1, nil, nil); err != nil || sum.Count%1000 != 0 {
					t.Errorf("%d %v", sum.Count, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 6 {
		for i := range batches {
			if _, err := s.Commit(context.Background(), batches[i]); err != nil {
				t.Error(err)
			}
		}
		if err := s.DropSpace(t.Context(), Space{1}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	done.Wait()
}
