package seal

import (
	"fmt"
	"testing"
)

// sizeOf is the length of bodies with about 210 bytes of header and signature each.
func sizeOf(rs []Record) (n int) {
	for _, r := range rs {
		n += len(r.Body) + 210
	}
	return n
}

// TestBytes holds what is sent against the bars.
func TestBytes(t *testing.T) {
	ds := group(t, 2, Direct, t0)
	a, b := ds[0], ds[1]
	b.receiveAll(a.write(t0, "x"), t0)
	turn := b.write(t0+minute, "x")
	a.receiveAll(turn, t0+minute)
	same := b.write(t0+minute, "x")
	a.receiveAll(same, t0+minute)
	extra, within := sizeOf(turn)-sizeOf(same), sizeOf(same)-padded(2)
	t.Logf("direct: a turn adds %d bytes; a record in a chain has %d besides its padded text, %d of them sealing", extra, within, within-210)
	if len(turn) != 1 || extra > 3000 || extra < 2000 {
		t.Errorf("a turn adds %d bytes in %d records", extra, len(turn))
	}
	if within >= 300 {
		t.Errorf("a record has %d bytes besides its text", within)
	}
	for _, bar := range []struct{ members, most int }{{2, 2_000}, {10, 15_000}, {50, 70_000}, {200, 300_000}, {MaxMembers, 1_000_000}} {
		d := starter(t, bar.members)
		rs := d.start(t0)
		t.Logf("private, %d members: an epoch is %d bytes in %d records", bar.members, sizeOf(rs), len(rs))
		if sizeOf(rs) > bar.most {
			t.Errorf("%d members: an epoch is %d bytes, at most %d", bar.members, sizeOf(rs), bar.most)
		}
	}
}

// starter is a device that knows the prekeys of n-1 others, all the same for speed.
func starter(t testing.TB, n int) *device {
	t.Helper()
	d := newDevice(t, 0, Private, t0)
	d.announce(t0)
	p, err := NewPrekey()
	if err != nil {
		t.Fatal(err)
	}
	ws := []Writer{d.w}
	for i := 1; i < n; i++ {
		ws = append(ws, writerOf(uint64(i)))
	}
	d.members(ws, t0)
	for _, w := range ws[1:] {
		if err := d.s.AddPrekey(w, p.Public, t0); err != nil {
			t.Fatal(err)
		}
	}
	d.save()
	return d
}

func TestPadding(t *testing.T) {
	classes := make(map[int]bool)
	for n := range MaxPlaintext + 1 {
		p := padded(n + 1)
		classes[p] = true
		switch {
		case p < n+1, padded(p) != p:
			t.Fatalf("%d bytes are filled up to %d", n, p)
		case n >= 1024 && (p-n-1)*8 > n+1, n >= 64 && p >= 2*(n+1):
			t.Fatalf("%d bytes are filled up to %d", n, p)
		}
	}
	if 1+messageOverhead+padded(MaxPlaintext+1) > MaxBody {
		t.Error("the longest text does not fit")
	}
	t.Logf("%d lengths", len(classes))
	for _, n := range []int{0, 1, 63, 64, 5000} {
		text := make([]byte, n)
		if got, ok := unpad(pad(text)); !ok || len(got) != n {
			t.Errorf("%d bytes become %d", n, len(got))
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 64), {1, 0, 0}} {
		if _, ok := unpad(b); ok {
			t.Errorf("% x is padded", b)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	ds := group(b, 2, Private, t0)
	now, seq, changed := t0, ds[0].seq, 0
	b.ReportAllocs()
	for b.Loop() {
		seq++
		now += minute / 600
		if _, err := ds[0].s.Seal(Draft{Seq: seq, Time: now, Text: make([]byte, 200)}); err != nil {
			b.Fatal(err)
		}
		changed += ds[0].save()
	}
	b.ReportMetric(float64(changed)/float64(b.N), "statebytes/op")
}

func BenchmarkOpen(b *testing.B) {
	for _, order := range []string{"in order", "newest first"} {
		b.Run(order, func(b *testing.B) {
			var rs []Record
			var to *device
			at, changed := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				if at == len(rs) {
					b.StopTimer()
					rs, to = texts(b, 900)
					if at = 0; order != "in order" {
						for i := range len(rs) / 2 {
							rs[i], rs[len(rs)-1-i] = rs[len(rs)-1-i], rs[i]
						}
					}
					b.StartTimer()
				}
				if _, err := to.s.Receive(rs[at], t0); err != nil {
					b.Fatal(err)
				}
				changed += to.save()
				at++
			}
			b.ReportMetric(float64(changed)/float64(b.N), "statebytes/op")
		})
	}
}

// texts are n records of one chain, and a device that has their epoch.
func texts(b *testing.B, n int) ([]Record, *device) {
	b.Helper()
	ds := group(b, 2, Private, t0)
	ds[1].receiveAll(ds[0].start(t0), t0)
	var rs []Record
	for range n {
		rs = append(rs, ds[0].write(t0, "two hundred bytes or fewer")...)
	}
	return rs, ds[1]
}

func BenchmarkEpoch(b *testing.B) {
	for _, n := range []int{2, 10, 50, 200} {
		b.Run(fmt.Sprintf("start %d", n), func(b *testing.B) {
			d := starter(b, n)
			bytes, changed := 0, 0
			for b.Loop() {
				bodies, err := d.s.Start(Draft{Seq: 9, Time: t0})
				if err != nil {
					b.Fatal(err)
				}
				bytes = 0
				for _, body := range bodies {
					bytes += len(body) + 210
				}
				changed += d.save()
			}
			b.ReportMetric(float64(bytes), "bytes")
			b.ReportMetric(float64(changed)/float64(b.N), "statebytes/op")
		})
		b.Run(fmt.Sprintf("receive %d", n), func(b *testing.B) {
			from := starter(b, n)
			p, err := NewPrekey()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				to := newDevice(b, 1, Private, t0)
				to.s.adopt(p, t0)
				from.s.peers[to.w].id, from.s.peers[to.w].seq = prekeyID{}, 0
				if err := from.s.AddPrekey(to.w, p.Public, t0); err != nil {
					b.Fatal(err)
				}
				rs := from.start(t0)
				b.StartTimer()
				for _, r := range rs {
					if _, err := to.s.Receive(r, t0); err != nil {
						b.Fatal(err)
					}
				}
				to.save()
			}
		})
	}
}
