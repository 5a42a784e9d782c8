package reconcile

import "testing"

func benchmark(b *testing.B, lacking func(n int) bool) {
	const size = 1_000_000
	all := numbered(0, size)
	theirs := slice(b, all)
	ours := slice(b, without(all, lacking))
	var out outcome
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = exchange(ours, theirs, Options{}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	if found := len(out.Need) + len(out.NeedRanges); (found > 0) != (len(ours.items) < size) {
		b.Fatalf("found %d", found)
	}
	b.ReportMetric(float64(out.sent+out.received), "wire-B/op")
	b.ReportMetric(float64(out.rounds), "rounds/op")
}

// Each is both sides of an exchange over a million items.

func BenchmarkEqual(b *testing.B)        { benchmark(b, func(int) bool { return false }) }
func BenchmarkNewcomer(b *testing.B)     { benchmark(b, func(int) bool { return true }) }
func BenchmarkOneMissing(b *testing.B)   { benchmark(b, func(n int) bool { return n == 777_777 }) }
func BenchmarkScattered100(b *testing.B) { benchmark(b, func(n int) bool { return n%10_000 == 77 }) }
