package front

import (
	"crypto/hmac"
	"sync"
	"time"
)

// Bounds on what is remembered of tickets that were used. Who has a pass can fill
// their own share only; then that pass shows the site until an hour has gone by.
const (
	spentPerPass = 2048
	spentMost    = 1 << 17
)

// gate knows the passes and the tickets that were used. What an outsider's request
// costs does not depend on how many passes there are.
type gate struct {
	mu      sync.Mutex
	opened  time.Time // tickets of before may have been used before the last restart
	passes  map[pass]bool
	slots   map[int64]map[index]pass
	spent   map[visit]*window
	perPass map[pass]int
	swept   int64 // the slot in which old visits were last forgotten
}

// visit is one drawing of a nonce.
type visit struct {
	pass  pass
	nonce [nonceSize]byte
}

func newGate(now time.Time) *gate {
	return &gate{opened: now, spent: map[visit]*window{}, perPass: map[pass]int{}}
}

// set lets in who has one of passes, and nobody else. It returns those that were
// let in before.
func (g *gate) set(passes []pass) (removed []pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.passes
	g.passes = make(map[pass]bool, len(passes))
	for _, p := range passes {
		g.passes[p] = true
	}
	g.slots = map[int64]map[index]pass{}
	for p := range before {
		if !g.passes[p] {
			removed = append(removed, p)
		}
	}
	return removed
}

func (g *gate) knows(p pass) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passes[p]
}

// read says whose ticket a path is, if it is one for way at this time. It may have
// been used before.
func (g *gate) read(path, way string, now time.Time) (ticket, pass, bool) {
	t, i, code, ok := parseTicket(path)
	if !ok {
		return t, pass{}, false
	}
	slot := now.Unix() / slotLength
	p, known := pass{}, false
	if d := t.slot() - slot; -1 <= d && d <= 1 {
		p, known = g.find(t.slot(), slot, i)
	}
	// An unknown index costs the same code as a known one.
	genuine := hmac.Equal(code, t.code(p, way))
	return t, p, known && genuine
}

// find looks an index up in a slot that is within one of now.
func (g *gate) find(slot, now int64, i index) (pass, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slots[slot] == nil {
		for old := range g.slots {
			if old < now-1 || old > now+1 {
				delete(g.slots, old)
			}
		}
		of := make(map[index]pass, len(g.passes))
		for p := range g.passes {
			of[indexOf(p, slot)] = p
		}
		g.slots[slot] = of
	}
	p, ok := g.slots[slot][i]
	return p, ok
}

// spend reports whether a genuine ticket is used for the first time.
func (g *gate) spend(t ticket, p pass, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// By the clock as it is now: it may have been set since.
	if opened := now.Add(-now.Sub(g.opened)); int64(t.Time) < opened.Unix() {
		return false
	}
	slot := now.Unix() / slotLength
	if slot != g.swept {
		g.sweepLocked(slot)
	}
	v := visit{p, t.Nonce}
	w := g.spent[v]
	if w == nil {
		if g.perPass[p] >= spentPerPass || len(g.spent) >= spentMost {
			return false
		}
		w = &window{}
		g.spent[v] = w
		g.perPass[p]++
	}
	w.slot = max(w.slot, t.slot())
	return w.take(t.Count)
}

// sweepLocked forgets visits whose tickets are all too old to be taken again.
func (g *gate) sweepLocked(slot int64) {
	g.swept = slot
	for v, w := range g.spent {
		if w.slot < slot-1 {
			delete(g.spent, v)
			if g.perPass[v.pass]--; g.perPass[v.pass] == 0 {
				delete(g.perPass, v.pass)
			}
		}
	}
}

// window tells which counts of a visit were used: those among the last 64 that are
// marked, and all before them.
type window struct {
	slot int64 // of the newest ticket
	top  uint32
	bits uint64 // bit n: top-n was used
}

func (w *window) take(count uint32) bool {
	switch {
	case w.bits == 0 || count > w.top:
		if w.bits != 0 {
			w.bits <<= count - w.top // 64 and more leave nothing
		}
		w.top = count
		w.bits |= 1
		return true
	case w.top-count >= 64:
		return false
	}
	bit := uint64(1) << (w.top - count)
	fresh := w.bits&bit == 0
	w.bits |= bit
	return fresh
}
