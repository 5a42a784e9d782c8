package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// maker makes records of 600 random bytes of a few chains, as a busy topic does.
type maker struct {
	rng  *rand.Rand
	seqs [20]uint64
	time int64
}

func newMaker() *maker { return &maker{rng: rand.New(rand.NewPCG(1, 2))} }

func (m *maker) next() Put {
	c := m.rng.IntN(len(m.seqs))
	m.seqs[c]++
	m.time += int64(m.rng.IntN(100))
	r := Record{Space: Space{1}, Lane: 1, Chain: Chain{byte(c + 1), 7}, Seq: m.seqs[c], Time: m.time, Data: make([]byte, 600)}
	for i := 0; i < len(r.Data); i += 8 {
		binary.LittleEndian.PutUint64(r.Data[i:], m.rng.Uint64())
	}
	copy(r.ID[:], r.Data)
	return Put{Record: r, Event: r.Data[:80]}
}

func (m *maker) batch(n int) Batch {
	b := Batch{Puts: make([]Put, n)}
	for i := range b.Puts {
		b.Puts[i] = m.next()
	}
	return b
}

func openBench(b testing.TB) *Store {
	s, err := Open(context.Background(), Options{Dir: b.TempDir(), Key: make([]byte, 32)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkCommit is the cost of one commit; cpu-us/rec counts all threads, Badger's compaction included.
func BenchmarkCommit(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, n := range []int{1, 10, 100, 200} {
			b.Run(fmt.Sprintf("durable=%v/n=%d", durable, n), func(b *testing.B) {
				s, m := openBench(b), newMaker()
				batches := make([]Batch, b.N)
				for i := range batches {
					batches[i] = m.batch(n)
					batches[i].Durable = durable
				}
				b.ReportAllocs()
				b.ResetTimer()
				cpu := cpuTime()
				for i := range batches {
					if _, err := s.Commit(context.Background(), batches[i]); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-cpu)/1e3/float64(b.N*n), "cpu-us/rec")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1e3/float64(b.N*n), "us/rec")
			})
		}
	}
}

// BenchmarkCommitParallel shows group commit: 64 callers, one record each.
func BenchmarkCommitParallel(b *testing.B) {
	for _, durable := range []bool{false, true} {
		b.Run(fmt.Sprintf("durable=%v", durable), func(b *testing.B) {
			s, m := openBench(b), newMaker()
			puts := m.batch(b.N).Puts
			work := make(chan Put, len(puts))
			for _, p := range puts {
				work <- p
			}
			close(work)
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuTime()
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for p := range work {
						if _, err := s.Commit(context.Background(), Batch{Puts: []Put{p}, Durable: durable}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(cpuTime()-cpu)/1e3/float64(b.N), "cpu-us/rec")
		})
	}
}

func fill(tb testing.TB, s *Store, n int) *maker {
	m := newMaker()
	for left := n; left > 0; left -= 500 {
		if _, err := s.Commit(context.Background(), m.batch(min(left, 500))); err != nil {
			tb.Fatal(err)
		}
	}
	return m
}

func BenchmarkRead(b *testing.B) {
	s := openBench(b)
	m := fill(b, s, 50_000)
	all, err := s.Range(Space{1}, 1, Query{})
	if err != nil {
		b.Fatal(err)
	}
	rng := m.rng
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Get(Space{1}, all[rng.IntN(len(all))].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("HasNot", func(b *testing.B) {
		for b.Loop() {
			if ok, err := s.Has(Space{1}, ID{byte(rng.Uint32()), byte(rng.Uint32()), 3, 4}); err != nil || ok {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("PageOf50", func(b *testing.B) {
		for b.Loop() {
			p := all[rng.IntN(len(all)-100)+50].Pos()
			if _, err := s.Range(Space{1}, 1, Query{Before: &p, Limit: 50, Newest: true}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("RangeAll50k", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Range(Space{1}, 1, Query{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Chains", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Chains(Space{1}, Chain{}, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
