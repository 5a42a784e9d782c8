package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// report prints what was measured as it comes, or all of it as one JSON document.
type report struct {
	out io.Writer
	opt liveOptions
	doc struct {
		Setting setting     `json:"setting"`
		Live    []liveTable `json:"live,omitempty"`
		Single  []*idleRow  `json:"single,omitempty"`
		Others  float64     `json:"single_others_cores,omitempty"`
	}
}

// setting is what one needs to know to measure the same again.
type setting struct {
	Seed      uint64   `json:"seed"`
	Rounds    int      `json:"rounds"`
	Transport string   `json:"transport"`
	Network   string   `json:"network"`
	CPUs      int      `json:"cpus"`
	Go        string   `json:"go"`
	Modules   []string `json:"modules"`
	Quick     bool     `json:"quick,omitempty"`
}

type liveTable struct {
	Nodes    int      `json:"nodes"`
	Others   float64  `json:"others_cores"` // that other programs kept busy meanwhile; above disturbing the figures are worthless
	Raw      []sample `json:"raw"`
	Linnet   []sample `json:"linnet"`
	Figures  []figure `json:"figures"`
	Repeated int      `json:"repeated,omitempty"`
}

// disturbing is how many cores of others make figures worthless.
const disturbing = 0.5

// figure is one thing measured on both sides.
type figure struct {
	Name         string  `json:"name"`
	Raw          float64 `json:"raw"` // median over the rounds
	Linnet       float64 `json:"linnet"`
	Ratio        float64 `json:"ratio"` // of the medians
	RawSpread    string  `json:"raw_spread,omitempty"`
	LinnetSpread string  `json:"linnet_spread,omitempty"`
	RatioSpread  string  `json:"ratio_spread,omitempty"` // of the rounds
	Verdict      string  `json:"verdict,omitempty"`
}

// bar is what a figure has to reach.
type bar struct {
	limit   float64
	atLeast bool
	unit    string
}

func (b bar) verdict(got float64) string {
	word, sign := "MISSED", "at most"
	if b.atLeast {
		sign = "at least"
	}
	if (b.atLeast && got >= b.limit) || (!b.atLeast && got <= b.limit) {
		word = "passed"
	}
	return fmt.Sprintf("%s (%s %g%s)", word, sign, b.limit, b.unit)
}

// measures are the columns of a sample, with the bar for their ratio from barNodes on.
var measures = [...]struct {
	name string
	of   func(sample) float64
	bar  bar
}{
	{"p50, ms", func(s sample) float64 { return s.P50 }, bar{limit: 1.2, unit: "x"}},
	{"p99, ms", func(s sample) float64 { return s.P99 }, bar{}},
	{"last node p50, ms", func(s sample) float64 { return s.Last }, bar{}},
	{"posts/s", func(s sample) float64 { return s.Rate }, bar{limit: 1.2, atLeast: true, unit: "x"}},
	{"wire B/delivery", func(s sample) float64 { return s.Wire }, bar{limit: 0.6, unit: "x"}},
	{"CPU us/delivery", func(s sample) float64 { return s.CPU }, bar{}},
}

const barNodes = 8

func newReport(o liveOptions, where string, out io.Writer) *report {
	r := &report{out: out, opt: o}
	r.doc.Setting = setting{
		Seed: o.Seed, Rounds: o.Rounds, Transport: o.Transport, Network: where, Quick: o.Quick,
		CPUs: runtime.NumCPU(), Go: runtime.Version(), Modules: modules("go-libp2p", "go-libp2p-pubsub", "badger/v4"),
	}
	s := r.doc.Setting
	r.say("seed %d, %s, %d CPUs, %s, %s\nmeasured on %s\n", s.Seed, s.Transport, s.CPUs, s.Go, strings.Join(s.Modules, ", "), s.Network)
	if o.Quick {
		r.say("QUICK: one short round, these figures mean nothing\n")
	}
	return r
}

// modules are the versions of the named modules, on which the figures depend.
func modules(names ...string) (out []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, m := range info.Deps {
		for _, name := range names {
			if strings.HasSuffix(m.Path, "/"+name) {
				out = append(out, name+" "+m.Version)
			}
		}
	}
	return out
}

// say prints, unless JSON is wanted.
func (r *report) say(format string, args ...any) {
	if !r.opt.JSON {
		fmt.Fprintf(r.out, format, args...)
	}
}

func (r *report) table(n int, raw, linnet []sample, others float64) {
	t := liveTable{Nodes: n, Others: math.Round(others*100) / 100, Raw: raw, Linnet: linnet}
	for _, m := range measures {
		a, b := column(raw, m.of), column(linnet, m.of)
		f := figure{Name: m.name, Raw: median(a), Linnet: median(b), RawSpread: spread(a), LinnetSpread: spread(b), RatioSpread: spread(ratios(b, a))}
		if f.Raw != 0 {
			f.Ratio = f.Linnet / f.Raw
		}
		if n >= barNodes && m.bar.limit != 0 {
			f.Verdict = m.bar.verdict(f.Ratio)
		}
		t.Figures = append(t.Figures, f)
	}
	for _, s := range slices.Concat(raw, linnet) {
		t.Repeated += s.More
	}
	r.doc.Live = append(r.doc.Live, t)
	r.say("\n%d nodes, %d rounds; others kept %.2f cores busy\n", n, len(raw), others)
	r.say("  %-18s %9s %-15s %9s %-15s %6s %-11s\n", "median (spread)", "raw", "", "Linnet", "", "ratio", "")
	for _, f := range t.Figures {
		r.say("  %-18s %9.4g %-15s %9.4g %-15s %6.2f %-11s %s\n", f.Name, f.Raw, f.RawSpread, f.Linnet, f.LinnetSpread, f.Ratio, f.RatioSpread, f.Verdict)
	}
	r.disturbed(others)
	if t.Repeated > 0 {
		r.say("  WRONG: %d posts were delivered twice\n", t.Repeated)
	}
}

func column(samples []sample, of func(sample) float64) (xs []float64) {
	for _, s := range samples {
		xs = append(xs, of(s))
	}
	return xs
}

func (r *report) single(rows []*idleRow, others float64) {
	r.doc.Single, r.doc.Others = rows, math.Round(others*100)/100
	r.say("\nthe program alone; others kept %.2f cores busy\n", others)
	for _, s := range rows {
		r.say("  %d posts in its store\n", s.Records)
		for i := range s.Idle {
			m := &s.Idle[i]
			m.Verdict = bar{limit: 50, unit: " MB"}.verdict(m.Resident)
			r.say("    idle, after %2d starts  %6.1f MB resident, %.1f anonymous  %s\n", m.Starts, m.Resident, m.Anonymous, m.Verdict)
		}
		if len(s.Post) > 0 {
			s.FirstPost = bar{limit: 100, unit: " ms"}.verdict(median(s.Post))
			s.FirstPage = bar{limit: 200, unit: " ms"}.verdict(median(s.Page))
			r.say("    exec to first post    %6.1f ms (%s)  %s\n", median(s.Post), spread(s.Post), s.FirstPost)
			r.say("    exec to page          %6.1f ms (%s)  %s\n", median(s.Page), spread(s.Page), s.FirstPage)
		}
	}
	r.disturbed(others)
}

// disturbed warns where others took so much that the figures are worthless.
func (r *report) disturbed(others float64) {
	if others > disturbing {
		r.say("  DISTURBED: others kept more than %g cores busy, run it again\n", disturbing)
	}
}

func (r *report) end() error {
	if !r.opt.JSON {
		return nil
	}
	e := json.NewEncoder(r.out)
	e.SetIndent("", "  ")
	return e.Encode(r.doc)
}
