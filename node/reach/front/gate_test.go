package front

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 30, 12, 30, 0, 0, time.UTC)

// ticketAt returns a fresh ticket of a time.
func ticketAt(at time.Time) ticket {
	t := newTicket()
	t.Time = uint32(at.Unix())
	return t
}

// enter is what the server does with a path.
func (g *gate) enter(path, way string, now time.Time) (pass, bool) {
	t, p, ok := g.read(path, way, now)
	return p, ok && g.spend(t, p, now)
}

func TestGate(t *testing.T) {
	opened := noon.Add(-24 * time.Hour)
	g := newGate(opened)
	g.set([]pass{passOf(1), passOf(2)})
	path := func(at time.Time, p pass) string { return ticketAt(at).path(p, Veil) }
	good := path(noon, passOf(2))
	flip := func(s string, i int) string {
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	for _, try := range []struct {
		name, path, way string
		want            bool
	}{
		{"good", good, Veil, true},
		{"used", good, Veil, false},
		{"for the other way", path(noon, passOf(1)), Drip, false},
		{"an unknown pass", path(noon, passOf(3)), Veil, false},
		{"an hour ago", path(noon.Add(-time.Hour), passOf(1)), Veil, true},
		{"in an hour", path(noon.Add(time.Hour), passOf(1)), Veil, true},
		{"two hours ago", path(noon.Add(-2*time.Hour), passOf(1)), Veil, false},
		{"in two hours", path(noon.Add(2*time.Hour), passOf(1)), Veil, false},
		{"at the beginning of time", path(time.Unix(0, 0), passOf(1)), Veil, false},
		{"at its end", path(time.Unix(1<<32-1, 0), passOf(1)), Veil, false},
		{"another index", flip(path(noon, passOf(1)), 1), Veil, false},
		{"another nonce", flip(path(noon, passOf(1)), 15), Veil, false},
		{"another code", flip(path(noon, passOf(1)), 50), Veil, false},
		{"longer", path(noon, passOf(1)) + "A", Veil, false},
		{"with a slash", path(noon, passOf(1)) + "/", Veil, false},
		{"shorter", path(noon, passOf(1))[:59], Veil, false},
		{"no slash", path(noon, passOf(1))[1:], Veil, false},
		{"a line break", path(noon, passOf(1))[:58] + "\n" + "A", Veil, false},
		{"empty", "", Veil, false},
	} {
		if p, ok := g.enter(try.path, try.way, noon); ok != try.want || ok && try.name == "good" && p != passOf(2) {
			t.Errorf("%s: let in: %v", try.name, ok)
		}
	}
	removed := g.set([]pass{passOf(1)})
	if len(removed) != 1 || removed[0] != passOf(2) {
		t.Errorf("taken back: %v", removed)
	}
	if _, ok := g.enter(path(noon, passOf(2)), Veil, noon); ok {
		t.Error("a pass that was taken back still lets in")
	}
	if _, ok := newGateOf(noon.Add(time.Second), passOf(1)).enter(path(noon, passOf(1)), Veil, noon.Add(2*time.Second)); ok {
		t.Error("a ticket from before the start lets in: it may have been used then")
	}
}

func newGateOf(opened time.Time, passes ...pass) *gate {
	g := newGate(opened)
	g.set(passes)
	return g
}

// TestGateModel plays tickets in any order, over hours, beside a list of all that
// were ever used.
func TestGateModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	g := newGateOf(noon, passOf(1), passOf(2))
	used := map[string]bool{}
	var tickets []ticket
	now := noon
	ins, outs := 0, 0
	for range 20_000 {
		now = now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
		var k ticket
		switch {
		case len(tickets) > 0 && r.IntN(2) == 0: // the next of a session, or again one of it
			k = tickets[r.IntN(len(tickets))]
			k.Count += uint32(r.IntN(40))
			if r.IntN(10) > 0 {
				k.Time = uint32(now.Unix())
			}
		default:
			k = ticketAt(now.Add(time.Duration(r.IntN(4000)-2000) * time.Second))
		}
		path := k.path(passOf(byte(1+r.IntN(2))), Drip)
		_, ok := g.enter(path, Drip, now)
		if ok && used[path] {
			t.Fatalf("let in twice, seed %d", seed)
		}
		if ok {
			used[path] = true
			tickets = append(tickets, k)
			ins++
		} else {
			outs++
		}
		if len(g.spent) > 2*spentPerPass {
			t.Fatalf("%d visits are remembered", len(g.spent))
		}
	}
	if ins < 1000 || outs < 1000 {
		t.Errorf("%d let in and %d not: this shows little", ins, outs)
	}
}

// TestWindow: within 64 of the newest every count is taken once, in any order.
func TestWindow(t *testing.T) {
	w := window{}
	for _, try := range []struct {
		count uint32
		want  bool
	}{{0, true}, {0, false}, {2, true}, {1, true}, {1, false}, {2, false}, {65, true}, {2, false}, {1, false}, {3, true}, {500, true}, {436, false}, {437, true}, {437, false}, {1<<32 - 1, true}, {500, false}} {
		if got := w.take(try.count); got != try.want {
			t.Errorf("%d: %v", try.count, got)
		}
	}
}

// TestSpentIsBounded: who has a pass can fill their own share of the memory only,
// and an hour or two later it is free again.
func TestSpentIsBounded(t *testing.T) {
	g := newGateOf(noon, passOf(1), passOf(2))
	in := 0
	for range spentPerPass + 10 {
		if _, ok := g.enter(ticketAt(noon).path(passOf(1), Veil), Veil, noon); ok {
			in++
		}
	}
	if in != spentPerPass {
		t.Errorf("%d were let in", in)
	}
	if _, ok := g.enter(ticketAt(noon).path(passOf(2), Veil), Veil, noon); !ok {
		t.Error("another pass suffers")
	}
	later := noon.Add(2 * time.Hour)
	if _, ok := g.enter(ticketAt(later).path(passOf(1), Veil), Veil, later); !ok {
		t.Error("it is never forgotten")
	}
	if len(g.spent) != 1 || len(g.perPass) != 1 {
		t.Errorf("%d visits of %d passes are remembered", len(g.spent), len(g.perPass))
	}
}

// FuzzTicket: what is no ticket is none, and what can be taken apart is written
// like that only.
func FuzzTicket(f *testing.F) {
	f.Add(ticketAt(noon).path(passOf(1), Veil))
	f.Add("/" + strings.Repeat("A", 59))
	f.Add("/" + strings.Repeat("_", 58) + "\n")
	f.Add("/robots.txt")
	g := newGateOf(noon, passOf(1))
	f.Fuzz(func(t *testing.T, path string) {
		k, _, _, ok := parseTicket(path)
		if _, _, in := g.read(path, Veil, noon); in && (!ok || path != k.path(passOf(1), Veil)) {
			t.Errorf("%q is let in", path)
		}
	})
}

// BenchmarkProbe: what an outsider's guess costs a bridge with many passes.
func BenchmarkProbe(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(map[int]string{1: "one pass", 10_000: "10000 passes"}[n], func(b *testing.B) {
			var all []pass
			for i := range n {
				all = append(all, pass{byte(i), byte(i >> 8), 1})
			}
			g := newGateOf(noon, all...)
			path := ticketAt(noon).path(passOf(9), Veil)
			g.read(path, Veil, noon)
			for b.Loop() {
				if _, _, ok := g.read(path, Veil, noon); ok {
					b.Fatal("let in")
				}
			}
		})
	}
}
