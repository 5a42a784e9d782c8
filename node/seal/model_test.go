package seal

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	rounds    = flag.Int("seal.rounds", 60, "random schedules for TestModel")
	duration  = flag.Duration("seal.for", 0, "for how long TestModel plays, instead of a number of schedules")
	modelSeed = flag.Uint64("seal.seed", 0, "seed of the first schedule, 0 for a new one")
)

// TestModel plays random schedules and compares with a plain model who can and
// who cannot read each text. Run it longer with -seal.rounds, again with -seal.seed.
func TestModel(t *testing.T) {
	seed, n := *modelSeed, *rounds
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if testing.Short() {
		n = min(n, 10)
	}
	t.Logf("the first seed is %d", seed)
	var sum tally
	more := func(i int) bool { return i < n }
	if *duration > 0 {
		begin := time.Now()
		more = func(i int) bool { n = i; return time.Since(begin) < *duration }
	}
	for i := uint64(0); more(int(i)); i++ {
		w := newWorld(t, seed+i)
		w.play()
		w.settle()
		w.check()
		sum.add(w.tally)
		if t.Failed() {
			t.Fatalf("failed with -seal.seed=%d -seal.rounds=1", seed+i)
		}
	}
	t.Logf("%d schedules: %+v", n, sum)
	if n >= 60 && (sum.Read == 0 || sum.Denied == 0 || sum.Stolen == 0 || sum.StolenDenied == 0 || sum.Healed == 0 || sum.Removed == 0 || sum.Lies == 0) {
		t.Errorf("something never happened: %+v", sum)
	}
}

// tally counts what the schedules reached, so that nothing is tested in vain.
type tally struct{ Texts, Read, Denied, Stolen, StolenDenied, Healed, Removed, Epochs, Lies int }

func (s *tally) add(o tally) {
	s.Texts, s.Read, s.Denied, s.Stolen = s.Texts+o.Texts, s.Read+o.Read, s.Denied+o.Denied, s.Stolen+o.Stolen
	s.StolenDenied, s.Healed, s.Removed = s.StolenDenied+o.StolenDenied, s.Healed+o.Healed, s.Removed+o.Removed
	s.Epochs, s.Lies = s.Epochs+o.Epochs, s.Lies+o.Lies
}

// letter is what travels: a record, or a change of the membership.
type letter struct {
	n      int
	from   *actor
	record Record
	body   *body
	adds   []*actor
	drops  []*actor
}

// actor is a device with what the plain model knows of it.
type actor struct {
	*device
	n        int
	skew     int64
	clock    int64
	side     int
	away     bool
	days     int // half days that it was there
	outsider bool
	rogue    bool // seals nonsense now and then
	got      map[int]bool
	lacks    map[int]bool // a newcomer: what its inviter had and it has not yet
	added    map[*actor]bool
	dropped  map[*actor]bool
	knows    map[Writer]bool // has received a prekey of
	prekeys  []planPrekey
}

type planPrekey struct {
	id             prekeyID
	made, replaced int64
	days           int // its owner's when it was replaced
}

type planEpoch struct {
	rogue   bool // its starter leaves out whom it likes
	id      EpochID
	starter *actor
	members []Writer
	parts   []*letter
	at      int // step of its start
}

type planText struct {
	letter  *letter
	text    string
	epoch   *planEpoch
	dropped map[*actor]bool // whose removal its writer had seen
	late    bool            // its writer was removed before, and the verdict refuses it
	at      int
}

// theft is a copy of one device's whole state, and what the model says of that moment.
type theft struct {
	victim *actor
	rows   *memory
	held   map[prekeyID]bool // prekeys that the plain rules say are not erased
	done   map[RecordID]bool // texts read or written before
	opened map[EpochID]bool  // epochs that had opened
	at     int
}

type world struct {
	t       *testing.T
	rnd     *rand.Rand
	kind    Kind
	long    bool
	past    Past
	now     int64
	step    int
	actors  []*actor
	letters []*letter
	epochs  map[Ref]*planEpoch
	texts   []*planText
	thefts  []*theft
	tally   tally
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: t0, epochs: make(map[Ref]*planEpoch)}
	w.kind = []Kind{Private, Direct}[w.rnd.IntN(2)]
	w.long = w.rnd.IntN(2) == 0
	w.past = []Past{{}, {}, {}, {Last: 5}, {All: true}}[w.rnd.IntN(5)]
	first := w.newActor()
	founders := []*actor{first}
	for range 1 + w.rnd.IntN(4) {
		founders = append(founders, w.newActor())
	}
	genesis := &letter{adds: founders}
	w.publish(first, genesis)
	for _, a := range founders[1:] {
		w.deliver(a, genesis)
	}
	for _, a := range founders {
		w.records(a, a.announce(w.timeOf(a)))
	}
	if w.rnd.IntN(3) == 0 && len(founders) > 2 {
		founders[1].rogue = true
	}
	evil := w.newActor()
	evil.outsider = true
	w.records(evil, evil.announce(w.timeOf(evil)))
	return w
}

func (w *world) newActor() *actor {
	a := &actor{n: len(w.actors), skew: w.rnd.Int64N(8*minute) - 4*minute, got: make(map[int]bool)}
	a.added, a.dropped, a.knows = make(map[*actor]bool), make(map[*actor]bool), make(map[Writer]bool)
	a.device = newDevice(w.t, uint64(len(w.actors)), w.kind, w.timeOf(a))
	if err := a.s.SetPast(w.past); err != nil {
		w.t.Fatal(err)
	}
	a.save()
	w.actors = append(w.actors, a)
	return a
}

func (w *world) timeOf(a *actor) int64 {
	a.clock = max(a.clock, w.now+a.skew)
	return a.clock
}

// fold is the membership as a knows it: a removal wins.
func (a *actor) fold() (in []*actor) {
	for b := range a.added {
		if !a.dropped[b] {
			in = append(in, b)
		}
	}
	slices.SortFunc(in, func(x, y *actor) int { return x.w.compare(y.w) })
	return in
}

func (a *actor) isMember() bool { return slices.Contains(a.fold(), a) }

func (w *world) publish(from *actor, l *letter) {
	l.n, l.from = len(w.letters), from
	w.letters = append(w.letters, l)
	w.deliver(from, l)
}

// deliver gives a letter to a device, and notes for the model what came.
func (w *world) deliver(a *actor, l *letter) {
	a.got[l.n] = true
	w.hand(a, l)
	if len(a.lacks) > 0 {
		if delete(a.lacks, l.n); len(a.lacks) == 0 {
			w.hand(a, &letter{})
		}
	}
	var seq uint64
	for _, o := range w.letters {
		if o.from == l.from {
			if !a.got[o.n] {
				break
			}
			seq = max(seq, o.record.Seq)
		}
	}
	if seq > 0 && l.from != a && len(a.lacks) == 0 {
		if err := a.s.Complete(l.from.w, seq, w.timeOf(a)); err != nil {
			w.t.Fatal(err)
		}
		a.save()
	}
}

// hand gives a device what a letter says.
func (w *world) hand(a *actor, l *letter) {
	if l.body == nil {
		for _, b := range l.adds {
			a.added[b] = true
		}
		for _, b := range l.drops {
			a.dropped[b] = true
		}
		var ms []Writer
		for _, b := range a.fold() {
			ms = append(ms, b.w)
		}
		if a.outsider {
			ms = append(ms, a.w) // claims to be one
		}
		w.rnd.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
		var removed []Writer
		for b := range a.dropped {
			removed = append(removed, b.w)
		}
		if len(a.lacks) == 0 {
			a.members(ms, w.timeOf(a), removed...)
		}
		return
	}
	if l.body.prekey != nil {
		a.knows[l.record.Writer] = true
	}
	if l.from != a {
		err := a.receive(l.record, w.timeOf(a))
		if errors.Is(err, ErrForged) || errors.Is(err, ErrForm) {
			w.t.Errorf("%d receives record %d of %d: %v", a.n, l.record.Seq, l.from.n, err)
		}
	}
}

// records publishes what a device just signed, and holds it against the model.
func (w *world) records(a *actor, rs []Record) {
	for _, r := range rs {
		b, err := parse(r.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		l := &letter{record: r, body: b}
		if b.prekey != nil {
			if n := len(a.prekeys); n > 0 {
				a.prekeys[n-1].replaced, a.prekeys[n-1].days = r.Time, a.days
			}
			a.prekeys = append(a.prekeys, planPrekey{id: idOfPrekey(b.prekey), made: r.Time})
		}
		if b.epoch != nil {
			w.noteEpoch(a, b.epoch, l)
		}
		if b.message != nil {
			w.noteText(a, r, b.message, l)
		}
		w.publish(a, l)
	}
}

func (w *world) noteEpoch(a *actor, p *epochPart, l *letter) {
	e := w.epochs[p.id.Ref()]
	if e == nil {
		e = &planEpoch{id: p.id, starter: a, members: p.members, at: w.step, rogue: a.rogue && a.s.epochs[p.id.Ref()] == nil}
		w.epochs[p.id.Ref()] = e
		w.tally.Epochs++
	}
	e.parts = append(e.parts, l)
	if got, want := p.members, a.reachable(); !slices.Equal(got, want) && !e.rogue {
		w.t.Errorf("%d seals epoch %s to %v, its members with prekeys are %v", a.n, p.id.Ref(), got, want)
	}
}

// reachable are the members whom a can seal to.
func (a *actor) reachable() (ws []Writer) {
	for _, b := range a.fold() {
		if b == a || a.knows[b.w] {
			ws = append(ws, b.w)
		}
	}
	if a.outsider {
		ws = append(ws, a.w)
		slices.SortFunc(ws, Writer.compare)
	}
	return ws
}

func (w *world) noteText(a *actor, r Record, m *message, l *letter) {
	e := w.epochs[m.ref]
	x := &planText{letter: l, text: a.texts[r.ID], epoch: e, dropped: make(map[*actor]bool), at: w.step}
	for _, l := range w.letters {
		x.late = x.late || slices.Contains(l.drops, a)
	}
	for b := range a.dropped {
		x.dropped[b] = true
		if slices.Contains(e.members, b.w) {
			w.t.Errorf("%d writes in epoch %s, sealed to %d whose removal it had seen", a.n, m.ref, b.n)
		}
	}
	for _, b := range a.reachable() {
		if !slices.Contains(e.members, b) {
			w.t.Errorf("%d writes in epoch %s without %s", a.n, m.ref, b)
		}
	}
	w.texts = append(w.texts, x)
	w.tally.Texts++
}

func (w *world) pick(ok func(*actor) bool) *actor {
	var some []*actor
	for _, a := range w.actors {
		if ok(a) {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[w.rnd.IntN(len(some))]
}

func active(a *actor) bool { return !a.away && !a.outsider && len(a.lacks) == 0 && a.isMember() }

// play does random things.
func (w *world) play() {
	for w.step = range 60 + w.rnd.IntN(120) {
		w.now += w.rnd.Int64N(20 * minute)
		a := w.pick(active)
		if a == nil {
			return
		}
		switch n := w.rnd.IntN(100); {
		case n < 10 && a.rogue:
			w.lie(a)
		case n < 30:
			w.write(a)
		case n < 75:
			for range 1 + w.rnd.IntN(8) {
				w.deliverSome()
			}
		case n < 78:
			for _, b := range w.actors {
				b.side = w.rnd.IntN(2) * w.rnd.IntN(2)
			}
		case n < 82:
			w.add(a)
		case n < 86:
			w.remove(a)
		case n < 90:
			w.tend(a)
		case n < 94:
			a.reload()
		case n < 96:
			w.steal(a)
		case n < 97:
			w.givePast(a)
		default:
			w.jump()
		}
	}
}

func (w *world) write(a *actor) {
	if _, ok := a.s.Writing(w.timeOf(a)); !ok && len(a.reachable()) == 1 && len(a.fold()) > 1 {
		if _, err := a.s.Seal(Draft{Seq: a.seq + 1, Time: w.timeOf(a)}); !errors.Is(err, ErrNoPrekey) {
			w.t.Errorf("%d seals to nobody: %v", a.n, err)
		}
		return
	}
	text := fmt.Sprintf("%d writes in step %d", a.n, w.step)
	w.records(a, a.write(w.timeOf(a), text))
}

// lie publishes an epoch of which some entries are nonsense, or somebody is left out.
func (w *world) lie(a *actor) {
	var secret, other key
	secret[0], other[0] = byte(w.step), 1
	c := &covers{members: a.reachable()}
	if at := w.rnd.IntN(len(c.members)); w.rnd.IntN(3) == 0 && c.members[at] != a.w {
		c.members = slices.Delete(c.members, at, at+1)
	}
	c.prekeys = make([]prekeyID, len(c.members))
	e := epochPart{started: w.timeOf(a) + w.rnd.Int64N(maxAhead), members: c.members}
	e.id = commit(testTopic, &secret, contextOf(a.w, e.started, membersDigest(c.members)))
	entries, err := a.s.sealEntries(e.id, c, &secret)
	if err != nil {
		w.t.Fatal(err)
	}
	wrong, err := a.s.sealEntries(e.id, c, &other)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range entries {
		switch w.rnd.IntN(6) {
		case 0:
			entries[i].sealed[5] ^= 1
		case 1:
			entries[i].prekey[1] ^= 1
		case 2:
			entries[i] = wrong[i]
		}
	}
	w.tally.Lies++
	for _, b := range split(e, entries) {
		w.records(a, []Record{a.forge(w.timeOf(a), b)})
	}
}

// deliverSome brings any letter to anybody on the same side, or one again.
func (w *world) deliverSome() {
	a := w.pick(func(a *actor) bool { return !a.away })
	if a == nil {
		return
	}
	again := w.rnd.IntN(10) == 0
	var some []*letter
	for _, l := range w.letters {
		if l.from != a && a.got[l.n] == again && l.from.side == a.side {
			some = append(some, l)
		}
	}
	if len(some) == 0 {
		return
	}
	at := w.rnd.IntN(len(some))
	if w.rnd.IntN(2) == 0 {
		at = w.rnd.IntN(at + 1) // rather what is older
	}
	w.deliver(a, some[at])
}

func (w *world) add(a *actor) {
	if len(w.actors) > 10 {
		return
	}
	b := w.newActor()
	b.side, b.lacks = a.side, maps.Clone(a.got)
	w.publish(a, &letter{adds: []*actor{b}})
	b.lacks[len(w.letters)-1] = true
	prekey := b.announce(w.timeOf(b))
	w.records(b, prekey)
	if w.rnd.IntN(2) == 0 {
		w.deliver(a, w.letters[len(w.letters)-1])
		if w.rnd.IntN(2) == 0 {
			w.records(a, a.start(w.timeOf(a)))
		}
	}
}

func (w *world) remove(a *actor) {
	b := w.pick(func(b *actor) bool { return b != a && !b.outsider && slices.Contains(a.fold(), b) })
	if b == nil || len(a.fold()) < 3 {
		return
	}
	w.tally.Removed++
	w.publish(a, &letter{drops: []*actor{b}})
	if w.rnd.IntN(2) == 0 && (len(a.reachable()) > 1 || len(a.fold()) == 1) {
		w.records(a, a.start(w.timeOf(a)))
	}
}

// tend does what is due although nobody writes.
func (w *world) tend(a *actor) bool {
	now := w.timeOf(a)
	due := a.s.Due(now)
	a.save()
	if due.Start != 0 && now >= due.Start {
		w.records(a, a.start(now))
		return true
	}
	if due.Prekey {
		w.records(a, a.announce(now))
		return true
	}
	return false
}

func (w *world) givePast(a *actor) {
	b := w.pick(func(b *actor) bool { return b != a && slices.Contains(a.fold(), b) })
	if b == nil {
		return
	}
	if bodies, err := a.s.Past(b.w); err == nil {
		w.records(a, a.sign(w.timeOf(a), bodies...))
	}
}

// jump lets days pass, in which all letters arrive, except at a device that is away.
func (w *world) jump() {
	if !w.long {
		w.now += w.rnd.Int64N(6 * hour)
		return
	}
	if back := w.pick(func(a *actor) bool { return a.away }); back != nil && w.rnd.IntN(2) == 0 {
		back.away = false
	} else if leaves := w.pick(active); back == nil && leaves != nil && w.rnd.IntN(2) == 0 {
		w.deliverAll()
		leaves.away = true
	}
	w.deliverAll()
	for range 2 * w.rnd.IntN(80) {
		w.now += 12 * hour
		for _, a := range w.actors {
			if !a.away {
				a.days++
				if err := a.s.Tick(w.timeOf(a)); err != nil {
					w.t.Fatal(err)
				}
				a.save()
				if active(a) && a.s.Due(w.timeOf(a)).Prekey && w.rnd.IntN(4) == 0 {
					w.tend(a)
				}
			}
		}
		w.deliverAll()
	}
}

// deliverAll brings everything to everybody who is there, in a random order for each.
func (w *world) deliverAll() {
	for _, a := range w.actors {
		if a.away {
			continue
		}
		var some []*letter
		for _, l := range w.letters {
			if !a.got[l.n] {
				some = append(some, l)
			}
		}
		w.rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		for _, l := range some {
			w.deliver(a, l)
		}
	}
}

// settle heals all splits, delivers everything, and lets happen what is due.
func (w *world) settle() {
	w.step++
	for _, a := range w.actors {
		a.away, a.side = false, 0
	}
	w.deliverAll()
	for range 40 {
		w.now += hour
		quiet := true
		for _, a := range w.actors {
			if active(a) && w.tend(a) {
				quiet = false
				w.deliverAll()
			}
		}
		if quiet {
			break
		}
	}
	for range 3 { // a word from each
		w.step++
		for _, a := range w.actors {
			if active(a) {
				w.now += minute
				w.write(a)
				w.deliverAll()
			}
		}
	}
}

// check holds the end against the plain model.
func (w *world) check() {
	var all Ref
	for _, a := range w.actors {
		if !active(a) || a.rogue {
			continue
		}
		ref, ok := a.s.Writing(w.timeOf(a))
		if !ok && a.s.Due(w.timeOf(a)).Epoch != DueTurn {
			w.t.Errorf("%d has to start an epoch: %v", a.n, a.s.Due(w.timeOf(a)))
		}
		if all == (Ref{}) {
			all = ref
		}
		if ref != all {
			w.t.Errorf("%d writes in %s, another in %s", a.n, ref, all)
		}
	}
	for _, x := range w.texts {
		for _, a := range w.actors {
			w.checkText(x, a)
		}
	}
	for _, a := range w.actors {
		w.checkHoard(a)
	}
	for _, th := range w.thefts {
		w.checkTheft(th)
	}
}

// checkText: everybody entitled has read it, and once.
func (w *world) checkText(x *planText, a *actor) {
	id := x.letter.record.ID
	entitled := slices.Contains(x.epoch.members, a.w)
	switch {
	case x.letter.from == a || x.late || a.rogue || x.epoch.rogue:
	case entitled && (a.opened[id] < 1 || a.texts[id] != x.text):
		w.t.Errorf("%d is entitled to text %q in epoch %s, and has %q: %v", a.n, x.text, x.epoch.id.Ref(), a.texts[id], a.errs[id])
	case entitled && a.opened[id] > 1 && w.past == (Past{}):
		w.t.Errorf("%d opened text %q %d times", a.n, x.text, a.opened[id])
	case entitled:
		w.tally.Read++
	case w.past == (Past{}) && a.opened[id] > 0:
		w.t.Errorf("%d is not entitled to text %q, and read it", a.n, x.text)
	}
}

// checkHoard: a device that erases nothing, and offers all that it ever had to
// all records, reads nothing beyond the epochs that were sealed to it.
func (w *world) checkHoard(a *actor) {
	m := newMaterial()
	for _, row := range a.rows.hoard {
		m.take(row[0], row[1])
	}
	m.work(w.letters)
	for _, x := range w.texts {
		reads := m.reads(x.letter)
		entitled := slices.Contains(x.epoch.members, a.w)
		if reads && x.dropped[a] && (w.past == Past{} || !w.gavePast(a)) {
			w.t.Errorf("%d reads text %q, written in knowledge of its removal", a.n, x.text)
		}
		if reads && !entitled && (w.past == Past{} || a.outsider) {
			w.t.Errorf("%d can read text %q, not sealed to it", a.n, x.text)
		}
		if !reads && entitled && x.letter.from != a && !x.epoch.rogue {
			w.t.Errorf("the attack is weak: %d cannot read text %q", a.n, x.text)
		}
		if !reads {
			w.tally.Denied++
		}
	}
}

// gavePast reports whether somebody who did not know of a's removal gave it a past.
func (w *world) gavePast(a *actor) bool {
	return slices.ContainsFunc(w.letters, func(l *letter) bool { return l.body != nil && l.body.past != nil && l.body.past.to == a.w })
}

// steal copies a device's state, with what the plain rules say it gives.
func (w *world) steal(a *actor) {
	if w.past != (Past{}) || len(w.thefts) > 3 {
		return
	}
	th := &theft{victim: a, rows: a.rows.clone(), at: w.step}
	th.held, th.done, th.opened = make(map[prekeyID]bool), make(map[RecordID]bool), make(map[EpochID]bool)
	for i, p := range a.prekeys {
		if !w.erased(a, i) {
			th.held[p.id] = true
		}
	}
	for _, x := range w.texts {
		if x.letter.from == a || a.opened[x.letter.record.ID] > 0 {
			th.done[x.letter.record.ID] = true
		}
	}
	for _, e := range w.epochs {
		if e.starter == a || w.sealedTo(a, e, true) >= 0 {
			th.opened[e.id] = true
		}
	}
	w.thefts = append(w.thefts, th)
}

// sealedTo is the place in a.prekeys of the one that e was sealed to, -1 for none;
// where asked only if that part has arrived.
func (w *world) sealedTo(a *actor, e *planEpoch, arrived bool) int {
	for _, l := range e.parts {
		if arrived && !a.got[l.n] {
			continue
		}
		if at, ok := l.body.epoch.place(a.w, e.starter.w); ok {
			at -= l.body.epoch.offset
			if at < 0 || at >= len(l.body.epoch.entries) {
				continue
			}
			id := l.body.epoch.entries[at].prekey
			return slices.IndexFunc(a.prekeys, func(p planPrekey) bool { return p.id == id })
		}
	}
	return -1
}

// erased is the plain rule for a's ith prekey: it was replaced, and either long
// ago, or everybody has used a later one and all their epochs before have come.
func (w *world) erased(a *actor, i int) bool {
	p := a.prekeys[i]
	if p.replaced == 0 {
		return false
	}
	if a.days-p.days > int((Window+day)/(12*hour)) {
		return true
	}
	others := a.fold()
	for b := range a.dropped {
		others = append(others, b)
	}
	for _, b := range others {
		if b != a && !w.movedOn(a, b, i) {
			return false
		}
	}
	return len(a.fold()) > 1
}

// movedOn reports whether b used a later prekey than a's ith in a record before
// which all of b's have come.
func (w *world) movedOn(a, b *actor, i int) bool {
	for _, l := range w.letters {
		if l.from != b {
			continue
		}
		if !a.got[l.n] {
			return false
		}
		if l.body == nil || l.body.epoch == nil {
			continue
		}
		if e := w.epochs[l.body.epoch.id.Ref()]; slices.Contains(e.parts, l) && w.sealedTo(a, &planEpoch{starter: b, parts: []*letter{l}}, true) > i {
			return true
		}
	}
	return false
}

// checkTheft: the stolen state, with all records before and after, gives only
// what the plain rules say.
func (w *world) checkTheft(th *theft) {
	m := newMaterial()
	for k, v := range th.rows.now {
		m.take([]byte(k), v)
	}
	m.work(w.letters)
	for _, x := range w.texts {
		at := w.sealedTo(th.victim, x.epoch, false)
		byPrekey := at >= 0 && th.held[th.victim.prekeys[at].id]
		byChain := th.opened[x.epoch.id] && !th.done[x.letter.record.ID]
		reads := m.reads(x.letter)
		if reads && !byPrekey && !byChain {
			w.t.Errorf("the state of %d stolen in step %d reads text %q of step %d, epoch %s of step %d",
				th.victim.n, th.at, x.text, x.at, x.epoch.id.Ref(), x.epoch.at)
		}
		switch {
		case reads:
			w.tally.Stolen++
		case x.at > th.at && slices.Contains(x.epoch.members, th.victim.w):
			w.tally.Healed++
		case slices.Contains(x.epoch.members, th.victim.w):
			w.tally.StolenDenied++
		}
	}
}
