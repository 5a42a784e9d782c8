package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// bulk makes n records of 20 chains as a newcomer gets them: newest first, in batches, without events.
func bulk(n, size, per int) []Batch {
	rng := rand.New(rand.NewPCG(3, 4))
	const chains = 20
	batches := make([]Batch, 0, n/per+1)
	data := make([]byte, n*size)
	for i := 0; i+8 <= len(data); i += 8 {
		binary.LittleEndian.PutUint64(data[i:], rng.Uint64())
	}
	var b Batch
	for i := n - 1; i >= 0; i-- {
		r := Record{Space: Space{1}, Lane: 1, Chain: Chain{byte(i%chains + 1), 7}, Seq: uint64(i/chains + 1), Time: int64(i) * 50}
		r.Data = data[i*size : (i+1)*size : (i+1)*size]
		binary.LittleEndian.PutUint64(r.ID[:], rng.Uint64())
		binary.LittleEndian.PutUint64(r.ID[24:], rng.Uint64())
		b.Puts = append(b.Puts, Put{Record: r})
		if len(b.Puts) == per || i == 0 {
			batches = append(batches, b)
			b = Batch{}
		}
	}
	return batches
}

func commitAll(tb testing.TB, s *Store, batches []Batch) {
	for i := range batches {
		if _, err := s.Commit(context.Background(), batches[i]); err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := s.Commit(context.Background(), Batch{Durable: true}); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkBulk stores 100,000 records, then makes them durable.
func BenchmarkBulk(b *testing.B) {
	const n = 100_000
	batches := bulk(n, 550, 700)
	var cpu, wall time.Duration
	for range b.N {
		s := openBench(b)
		cpu0, start := cpuTime(), time.Now()
		commitAll(b, s, batches)
		cpu, wall = cpu+cpuTime()-cpu0, wall+time.Since(start)
	}
	b.ReportMetric(float64(cpu)/1e3/float64(n*b.N), "cpu-us/rec")
	b.ReportMetric(float64(n*b.N)/wall.Seconds(), "rec/s")
}

// BenchmarkSum sums up parts of lanes of different size, which should make no difference.
func BenchmarkSum(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		s := openBench(b)
		commitAll(b, s, bulk(n, 250, 1000))
		rng := rand.New(rand.NewPCG(1, 2))
		bound := func() *Pos { return &Pos{Time: int64(rng.IntN(n)) * 50, ID: ID{128}} }
		b.Run(fmt.Sprintf("Sum/%d", n), func(b *testing.B) {
			for b.Loop() {
				from, to := bound(), bound()
				if from.Compare(*to) > 0 {
					from, to = to, from
				}
				if _, err := s.Sum(Space{1}, 1, from, to); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("All/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Sum(Space{1}, 1, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Split/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Split(Space{1}, 1, nil, bound(), 16); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Load/%d", n), func(b *testing.B) {
			for b.Loop() {
				s.view.mu.Lock()
				clear(s.view.lanes)
				s.view.mu.Unlock()
				if _, err := s.Sum(Space{1}, 1, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkServe reads 100,000 records newest first, in pages, as they are sent to a newcomer.
func BenchmarkServe(b *testing.B) {
	const n = 100_000
	s := openBench(b)
	commitAll(b, s, bulk(n, 550, 700))
	b.ResetTimer()
	cpu := cpuTime()
	for range b.N {
		got := 0
		for q := (Query{Limit: 512, Bytes: 512 << 10, Newest: true}); ; {
			page, err := s.Range(Space{1}, 1, q)
			if err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got += len(page)
			p := page[0].Pos()
			q.Before = &p
		}
		if got != n {
			b.Fatalf("%d records", got)
		}
	}
	b.ReportMetric(float64(cpuTime()-cpu)/1e3/float64(n*b.N), "cpu-us/rec")
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rec/s")
}
