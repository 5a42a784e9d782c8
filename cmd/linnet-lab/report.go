package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// report prints tables, or keeps everything for one JSON document.
type report struct {
	out  io.Writer
	json bool
	doc  struct {
		Live   []liveRow       `json:"live,omitempty"`
		Single []*singleResult `json:"single,omitempty"`
	}
}

type liveRow struct {
	Nodes       int      `json:"nodes"`
	Raw, Linnet []sample `json:"-"`
	Figures     []figure `json:"figures"`
}

// figure is one thing measured on both sides.
type figure struct {
	Name        string  `json:"name"`
	Raw, Linnet float64 // medians
	Ratio       float64
	Bar         float64 `json:"bar,omitempty"` // the ratio to reach, 0 for none
	AtLeast     bool    `json:"at_least,omitempty"`
	RawSpread   string
	Spread      string
}

func (f figure) verdict() string {
	switch {
	case f.Bar == 0:
		return ""
	case f.AtLeast && f.Ratio >= f.Bar, !f.AtLeast && f.Ratio <= f.Bar:
		return fmt.Sprintf("reached (bar %.1f)", f.Bar)
	}
	return fmt.Sprintf("MISSED (bar %.1f)", f.Bar)
}

func (r *report) live(n int, raw, linnet []sample) {
	row := liveRow{Nodes: n}
	add := func(name string, bar float64, atLeast bool, of func(sample) float64) {
		var a, b []float64
		for _, s := range raw {
			a = append(a, of(s))
		}
		for _, s := range linnet {
			b = append(b, of(s))
		}
		f := figure{Name: name, Raw: median(a), Linnet: median(b), AtLeast: atLeast, RawSpread: spread(a), Spread: spread(b)}
		f.Ratio = f.Linnet / f.Raw
		if n >= 8 {
			f.Bar = bar
		}
		row.Figures = append(row.Figures, f)
	}
	add("p50, ms", 1.2, false, func(s sample) float64 { return s.P50 })
	add("p99, ms", 0, false, func(s sample) float64 { return s.P99 })
	add("last of all p50, ms", 0, false, func(s sample) float64 { return s.Last })
	add("posts/s", 1.2, true, func(s sample) float64 { return s.Rate })
	add("wire B/delivery", 0.6, false, func(s sample) float64 { return s.Wire })
	add("CPU us/delivery", 0, false, func(s sample) float64 { return s.CPU })
	r.doc.Live = append(r.doc.Live, row)
	if r.json {
		return
	}
	fmt.Fprintf(r.out, "\n%d nodes, posts of %d bytes, %d rounds    raw gossipsub            Linnet                   ratio\n", n, textSize, len(raw))
	for _, f := range row.Figures {
		fmt.Fprintf(r.out, "  %-28s %10.4g %-14s %10.4g %-14s %6.2f  %s\n", f.Name, f.Raw, f.RawSpread, f.Linnet, f.Spread, f.Ratio, f.verdict())
	}
}

func (r *report) single(results []*singleResult) {
	r.doc.Single = results
	if r.json {
		return
	}
	for _, s := range results {
		fmt.Fprintf(r.out, "\none node, %d posts in its store\n", s.Records)
		if s.RSS > 0 {
			fmt.Fprintf(r.out, "  idle: %.1f MB resident (%.1f MB of it anonymous)  %s\n", float64(s.RSS)/1e6, float64(s.Anon)/1e6, reached(float64(s.RSS)/1e6 < 50, "under 50 MB"))
		}
		if len(s.Post) > 0 {
			fmt.Fprintf(r.out, "  process start to first post at a known node: %.0f ms (%s)  %s\n", median(s.Post), spread(s.Post), reached(median(s.Post) <= 100, "100 ms"))
			fmt.Fprintf(r.out, "  process start to the page: %.0f ms (%s)  %s\n", median(s.Page), spread(s.Page), reached(median(s.Page) <= 200, "200 ms"))
		}
	}
}

func reached(ok bool, bar string) string {
	if ok {
		return "reached (bar " + bar + ")"
	}
	return "MISSED (bar " + bar + ")"
}

func (r *report) end() error {
	if !r.json {
		return nil
	}
	e := json.NewEncoder(r.out)
	e.SetIndent("", "  ")
	return e.Encode(r.doc)
}
