package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
)

// sealReport prints what sealing costs, or all of it as one JSON document.
type sealReport struct {
	out io.Writer
	opt sealOptions
	doc sealDoc
}

type sealDoc struct {
	Setting sealSetting  `json:"setting"`
	Others  float64      `json:"others_cores"` // that other programs kept busy meanwhile; above disturbing the times are worthless
	Tables  []*sealTable `json:"tables"`
}

// sealSetting is what one needs to know to measure the same again.
type sealSetting struct {
	Seed    uint64   `json:"seed"`
	Rounds  int      `json:"rounds"`
	CPUs    int      `json:"cpus"`
	Go      string   `json:"go"`
	Modules []string `json:"modules"`
	Quick   bool     `json:"quick,omitempty"`
}

type sealTable struct {
	Name    string       `json:"name"`
	Figures []sealFigure `json:"figures"`
}

// sealFigure is one thing measured, beside a floor where there is one.
type sealFigure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"` // median over the rounds
	Spread  string  `json:"spread,omitempty"`
	Floor   float64 `json:"floor,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // of the medians
	Verdict string  `json:"verdict,omitempty"`
}

// The bars of sealing.
var (
	barOpen    = bar{limit: 50, unit: " us"}
	barChain   = bar{limit: 300, unit: " B"}
	barTurn    = bar{limit: 3000, unit: " B"}
	barRemoval = bar{limit: 300_000, unit: " B"}
)

// barMembers is the group for which barRemoval is meant.
const barMembers = 200

func newSealReport(o sealOptions, out io.Writer) *sealReport {
	r := &sealReport{out: out, opt: o}
	r.doc.Setting = sealSetting{Seed: o.Seed, Rounds: o.Rounds, CPUs: runtime.NumCPU(), Go: runtime.Version(), Modules: modules("x/crypto"), Quick: o.Quick}
	s := r.doc.Setting
	r.say("seed %d, %d rounds, %d CPUs, %s %s/%s, %s\n", s.Seed, s.Rounds, s.CPUs, s.Go, runtime.GOOS, runtime.GOARCH, strings.Join(s.Modules, ", "))
	if o.Quick {
		r.say("QUICK: one short round, these figures mean nothing\n")
	}
	return r
}

// say prints, unless JSON is wanted.
func (r *sealReport) say(format string, args ...any) {
	if !r.opt.JSON {
		fmt.Fprintf(r.out, format, args...)
	}
}

func (r *sealReport) others(cores float64) {
	r.doc.Others = math.Round(cores*100) / 100
	r.say("others kept %.2f cores busy\n", cores)
	if cores > disturbing {
		r.say("DISTURBED: others kept more than %g cores busy, run it again\n", disturbing)
	}
}

// row is a figure of a sample, with its floor (nil for none) and its bar (zero for none).
type row[S any] struct {
	name  string
	of    func(S) float64
	floor func(S) float64
	bar   bar
}

// sealRows adds a table of samples.
func sealRows[S any](r *sealReport, name string, samples []S, rows []row[S]) {
	t := &sealTable{Name: name}
	r.doc.Tables = append(r.doc.Tables, t)
	r.say("\n%s\n  %-36s %9s %-17s %9s %6s\n", name, "", "median", "(spread)", "floor", "ratio")
	for _, w := range rows {
		var values, floors []float64
		for _, s := range samples {
			values = append(values, w.of(s))
			if w.floor != nil {
				floors = append(floors, w.floor(s))
			}
		}
		f := sealFigure{Name: w.name, Value: median(values), Spread: between(values), Floor: median(floors)}
		if f.Floor != 0 {
			f.Ratio = f.Value / f.Floor
		}
		if w.bar.limit != 0 {
			f.Verdict = w.bar.verdict(f.Value)
		}
		t.Figures = append(t.Figures, f)
		r.say("  %-36s %9s %-17s %9s %6s  %s\n", f.Name, number(f.Value), f.Spread, blank(f.Floor, number), blank(f.Ratio, ratio), f.Verdict)
	}
}

// between shows the smallest and the largest of xs, nothing where they are the same.
func between(xs []float64) string {
	least, most := number(slices.Min(xs)), number(slices.Max(xs))
	if least == most {
		return ""
	}
	return least + "-" + most
}

// number shows bytes whole and times to four digits.
func number(x float64) string {
	if math.Abs(x) >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}

func ratio(x float64) string { return fmt.Sprintf("%.2f", x) }

// blank shows nothing for what is not there.
func blank(x float64, show func(float64) string) string {
	if x == 0 {
		return ""
	}
	return show(x)
}

func (r *sealReport) chain(size, n int, samples []chainSample) {
	type s = chainSample
	rawOpen := func(c s) float64 { return c.rawOpen }
	text := float64(size)
	rows := []row[s]{
		{name: "seal, us", of: func(c s) float64 { return c.seal }, floor: func(c s) float64 { return c.rawSeal }},
	}
	for i, order := range orders {
		rows = append(rows, row[s]{name: "open, " + order + ", us", of: func(c s) float64 { return c.open[i] }, floor: rawOpen, bar: barOpen})
	}
	rows = append(rows,
		row[s]{name: "sign a record, us", of: func(c s) float64 { return c.sign }},
		row[s]{name: "verify a record (Ed25519), us", of: func(c s) float64 { return c.verify }},
		row[s]{name: "record, bytes", of: func(c s) float64 { return c.sealed }, floor: func(c s) float64 { return c.plain }},
		row[s]{name: "  besides the text", of: func(c s) float64 { return c.sealed - text }, floor: func(c s) float64 { return c.plain - text }, bar: barChain},
		row[s]{name: "  besides the padded text", of: func(c s) float64 { return c.bare }, bar: barChain},
		row[s]{name: "  the same, naming another's record", of: func(c s) float64 { return c.naming }, bar: barChain},
		row[s]{name: "  more than the plain record", of: func(c s) float64 { return c.sealed - c.plain }, bar: barChain},
	)
	for i, order := range orders {
		rows = append(rows, row[s]{name: "rows grow, " + order + ", bytes", of: func(c s) float64 { return c.state[i] }})
	}
	sealRows(r, fmt.Sprintf("a text of %d bytes in a chain of %d, padded to %d; floor: bare XChaCha20-Poly1305, plain record", size, n, samples[0].padded), samples, rows)
}

func (r *sealReport) turn(samples []turnSample) {
	type s = turnSample
	sealRows(r, fmt.Sprintf("a turn of a direct topic, beyond a text of %d bytes in a chain; floor: X-Wing and HPKE alone", turnText), samples, []row[s]{
		{name: "bytes", of: func(t s) float64 { return t.bytes }, floor: func(s) float64 { return prekeySize + entrySize }, bar: barTurn},
		{name: "writer, us", of: func(t s) float64 { return t.writer }, floor: func(t s) float64 { return t.raw.make + t.raw.seal }},
		{name: "reader, us", of: func(t s) float64 { return t.reader }, floor: func(t s) float64 { return t.raw.open }},
	})
}

func (r *sealReport) removal(n int, samples []removalSample) {
	type s = removalSample
	limit := bar{}
	if n == barMembers {
		limit = barRemoval
	}
	each, others := float64(n), float64(n-1)
	sealRows(r, fmt.Sprintf("a removal that leaves %d members; floor: HPKE alone for each but the starter", n), samples, []row[s]{
		{name: "bytes of all records", of: func(x s) float64 { return x.bytes }, floor: func(s) float64 { return others * entrySize }, bar: limit},
		{name: "records, the op among them", of: func(x s) float64 { return x.records }},
		{name: "starter, ms", of: func(x s) float64 { return x.starter }, floor: func(x s) float64 { return others * x.raw.seal / 1000 }},
		{name: "receiver, ms", of: func(x s) float64 { return x.receiver }, floor: func(x s) float64 { return x.raw.open / 1000 }},
		{name: "rows of an open epoch", of: func(x s) float64 { return x.rows }},
		{name: "  for each member", of: func(x s) float64 { return x.rows / each }},
		{name: "bytes of these rows", of: func(x s) float64 { return x.state }},
		{name: "  for each member", of: func(x s) float64 { return x.state / each }},
		{name: "rows of a session with two epochs", of: func(x s) float64 { return x.allRows }},
		{name: "bytes of these rows", of: func(x s) float64 { return x.allState }},
		{name: "memory of a session, one epoch, bytes", of: func(x s) float64 { return x.loaded }},
		{name: "  after it opened an epoch", of: func(x s) float64 { return x.used }},
	})
}

func (r *sealReport) end() error {
	if !r.opt.JSON {
		return nil
	}
	e := json.NewEncoder(r.out)
	e.SetIndent("", "  ")
	return e.Encode(r.doc)
}
