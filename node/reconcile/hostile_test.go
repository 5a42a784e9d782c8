package reconcile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// hostileSet is a set as it is attacked, and what one message may cost it.
func hostileSet(t testing.TB) *counting { return &counting{Set: slice(t, numbered(0, 5000))} }

// TestAnswerIsBounded: the most expensive messages stay within the frame, and
// within one sum a range and some for each fingerprint of the reply.
func TestAnswerIsBounded(t *testing.T) {
	wide, lists, prints, zeros := newWriter(), newWriter(), newWriter(), newWriter()
	wide.list(Whole(), nil)
	for n := range int64(maxRanges) {
		r := Range{lists.at, Bound{Time: 1_700_000_000_000 + n*1000}}
		lists.list(r, nil)
		prints.fingerprint(r, Fingerprint{})
		zeros.fingerprint(Range{}, Fingerprint{})
	}
	for name, msg := range map[string][]byte{
		"an empty list of all": wide.buf, "many empty lists": lists.buf,
		"many wrong fingerprints": prints.buf, "many empty ranges": zeros.buf,
	} {
		set := hostileSet(t)
		reply, err := Answer(set, msg, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		calls := set.sums + set.splits + set.lists
		t.Logf("%s: %d bytes ask for %d bytes, %d calls, %d items listed", name, len(msg), len(reply), calls, set.listed)
		if len(reply) > 60<<10 || calls > 2*maxRanges || set.listed > 60<<10/idSize+maxRanges {
			t.Errorf("%s: %d bytes, %d calls, %d items listed", name, len(reply), calls, set.listed)
		}
	}
}

func TestTooManyRanges(t *testing.T) {
	w := newWriter()
	for range maxRanges + 1 {
		w.fingerprint(Range{}, Fingerprint{})
	}
	if _, err := Answer(hostileSet(t), w.buf, Options{}); !errors.Is(err, ErrMessage) {
		t.Error(err)
	}
	if _, err := Answer(hostileSet(t), append([]byte{version}, make([]byte, maxMessage)...), Options{}); !errors.Is(err, ErrMessage) {
		t.Error(err)
	}
}

// TestHostileAnswers plays answering sides that never come to an end.
func TestHostileAnswers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	wrong := func() (f Fingerprint) {
		f[0], f[1] = byte(rnd.Uint32()), 1
		return f
	}
	for name, tc := range map[string]struct {
		answer func(claims []claim) []byte
		want   error
		calls  int // of the set, at most
	}{
		"everything differs, as asked": {func(claims []claim) []byte {
			w := newWriter()
			for _, c := range claims {
				if c.mode != modeSkip {
					w.fingerprint(c.Range, wrong())
				}
			}
			return w.buf
		}, nil, 30_000},
		"the rest, always": {func([]claim) []byte {
			w := newWriter()
			w.fingerprint(Whole(), wrong())
			return w.buf
		}, ErrMessage, 100},
		"one millisecond a round": {func(claims []claim) []byte {
			w := newWriter()
			for _, c := range claims {
				if c.mode != modeSkip {
					step := Bound{Time: max(c.From.Time, 1_700_000_000_000) + 1}
					w.head(Range{c.From, step}, modeSkip)
					w.fingerprint(Range{step, c.To}, wrong())
					break
				}
			}
			return w.buf
		}, ErrRounds, 5000},
		"thousands of ranges": {func([]claim) []byte {
			w := newWriter()
			for range maxRanges {
				next := Bound{Time: max(w.at.Time, 1_700_000_000_000) + rnd.Int64N(2400)}
				w.fingerprint(Range{w.at, next}, wrong())
			}
			return w.buf
		}, nil, 300_000},
		"one id it made up": {func(claims []claim) []byte {
			w := newWriter()
			for _, c := range claims {
				if c.mode != modeSkip {
					w.list(c.Range, []Item{{ID: idOf(rnd.Uint64())}})
				}
			}
			return w.buf
		}, nil, 10_000},
		"a list of more than was asked": {func(claims []claim) []byte {
			w := newWriter()
			w.list(Whole(), []Item{{}})
			return w.buf
		}, ErrMessage, 1000},
		"an id listed twice": {func(claims []claim) []byte {
			w := newWriter()
			w.list(claims[len(claims)-1].Range, make([]Item, 1000))
			return w.buf
		}, ErrMessage, 10},
	} {
		t.Run(name, func(t *testing.T) {
			set := hostileSet(t)
			a := NewAsker(set, Options{Range: Range{Bound{}, At(numbered(4900, 4901)[0])}})
			msg, err := a.Start()
			for err == nil && msg != nil {
				claims, bad := parse(msg)
				if bad != nil || len(msg) > 60<<10 {
					t.Fatalf("made %d bytes: %v", len(msg), bad)
				}
				msg, err = a.Next(tc.answer(claims))
				a.Take()
			}
			calls := set.sums + set.splits + set.lists
			t.Logf("%v after %d rounds, %d calls, %d items listed, %d named", err, a.Rounds(), calls, set.listed, a.needed)
			if calls > tc.calls || a.Rounds() > 64 {
				t.Errorf("%d calls", calls)
			}
			if tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if err != nil && !errors.Is(err, ErrRounds) && !errors.Is(err, ErrMessage) {
				t.Error(err)
			}
			if _, again := a.Next([]byte{version}); again == nil {
				t.Error("goes on after its end")
			}
		})
	}
}

// TestPassesOverWhatWasNotAsked: claims about other ranges change nothing.
func TestPassesOverWhatWasNotAsked(t *testing.T) {
	all := numbered(0, 100)
	asked := Range{At(all[10]), At(all[20])}
	a := NewAsker(slice(t, all), Options{Range: asked})
	if _, err := a.Start(); err != nil {
		t.Fatal(err)
	}
	w := newWriter()
	w.fingerprint(Range{Bound{}, asked.From}, Fingerprint{1})
	w.list(asked, all[11:20])
	w.fingerprint(Range{asked.To, End()}, Fingerprint{2})
	next, err := a.Next(w.buf)
	found := a.Take()
	if next != nil || err != nil || found.HaveCount != 1 || len(found.Need)+len(found.NeedRanges) > 0 {
		t.Errorf("% x, %v, %+v", next, err, found)
	}
}

// TestLeftOutOfTheSum: some implementations (the C++ and fiatjaf's) leave a range
// that did not fit out of the fingerprint of the rest, which then may be right by
// accident. What was asked about in it is asked again all the same.
func TestLeftOutOfTheSum(t *testing.T) {
	all := numbered(0, 3000)
	ours, theirs := slice(t, append(numbered(0, 1000), numbered(2000, 3000)...)), slice(t, all)
	a := NewAsker(ours, Options{})
	msg, err := a.Start()
	for err == nil && a.Rounds() < 2 {
		var reply []byte
		if reply, err = Answer(theirs, msg, Options{}); err == nil {
			msg, err = a.Next(reply)
		}
	}
	if err != nil || len(a.asked) < 3 {
		t.Fatal(err, len(a.asked))
	}
	first := a.asked[0].Range
	w := newWriter()
	w.list(first, nil)
	sum, _ := ours.Sum(first.To, End())
	w.fingerprint(Range{first.To, End()}, sum.Fingerprint())
	if next, err := a.Next(w.buf); err != nil || len(next) < 20 {
		t.Errorf("% x, %v", next, err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, v := range load(f).seeds() {
		f.Add(v)
	}
	set := slice(f, numbered(0, 300))
	f.Fuzz(func(t *testing.T, msg []byte) {
		counted := &counting{Set: set}
		reply, err := Answer(counted, msg, Options{MaxFrame: minFrame})
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			if counted.sums > 0 {
				t.Error("asked the set because of a bad message")
			}
			return
		}
		if len(reply) > minFrame {
			t.Errorf("a reply of %d bytes", len(reply))
		}
		if _, err := parse(reply); err != nil {
			t.Errorf("made % x: %v", reply, err)
		}
		if calls := counted.sums + counted.splits + counted.lists; calls > len(msg)+minFrame/4 {
			t.Errorf("%d calls for %d bytes", calls, len(msg))
		}
	})
}

// FuzzAsker feeds replies, which are separated by three bytes 0xff.
func FuzzAsker(f *testing.F) {
	seeds := load(f).seeds()
	f.Add(bytes.Join(seeds, []byte{0xff, 0xff, 0xff}))
	for _, v := range seeds {
		f.Add(v)
	}
	set := slice(f, numbered(0, 300))
	f.Fuzz(func(t *testing.T, replies []byte) {
		a := NewAsker(set, Options{MaxFrame: minFrame, MaxRounds: 8, MaxNeed: 500, MaxHave: 50})
		msg, err := a.Start()
		for _, reply := range bytes.Split(replies, []byte{0xff, 0xff, 0xff}) {
			if err != nil || msg == nil {
				break
			}
			if _, bad := parse(msg); bad != nil || len(msg) > minFrame {
				t.Fatalf("made % x: %v", msg, bad)
			}
			msg, err = a.Next(reply)
			found := a.Take()
			if found.HaveCount > 300 || len(found.Have) > 50 || len(found.Need)+len(found.NeedRanges) > 500 {
				t.Errorf("found %d, %d, %d, %d", len(found.Need), len(found.NeedRanges), found.HaveCount, len(found.Have))
			}
		}
		if err != nil && !errors.Is(err, ErrMessage) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrRounds) {
			t.Error(err)
		}
		if a.Rounds() > 8 {
			t.Errorf("%d rounds", a.Rounds())
		}
	})
}
