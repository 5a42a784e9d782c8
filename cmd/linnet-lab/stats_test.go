package main

import (
	"slices"
	"testing"
)

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		xs   []float64
		q    float64
		want float64
	}{
		{nil, 0.5, 0}, {[]float64{3}, 0.99, 3}, {[]float64{3}, 0, 3},
		{[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.5, 2},
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100},
	} {
		if got := quantile(c.xs, c.q); got != c.want {
			t.Errorf("quantile(%v of %d, %v) = %v, want %v", c.xs[:min(4, len(c.xs))], len(c.xs), c.q, got, c.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("the caller's order has changed")
	}
}

func TestMedianAndRatios(t *testing.T) {
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of four: %v", got)
	}
	if got := ratios([]float64{2, 9, 4}, []float64{1, 0, 2}); !slices.Equal(got, []float64{2, 2}) {
		t.Errorf("ratios: %v", got)
	}
	if got := spread([]float64{3, 1, 2}); got != "1-3" {
		t.Errorf("spread: %q", got)
	}
}

func TestBars(t *testing.T) {
	for _, c := range []struct {
		bar  bar
		got  float64
		want string
	}{
		{bar{limit: 1.2, unit: "x"}, 1.2, "passed (at most 1.2x)"},
		{bar{limit: 1.2, unit: "x"}, 1.21, "MISSED (at most 1.2x)"},
		{bar{limit: 1.2, atLeast: true, unit: "x"}, 1.19, "MISSED (at least 1.2x)"},
		{bar{limit: 50, unit: " MB"}, 49, "passed (at most 50 MB)"},
	} {
		if got := c.bar.verdict(c.got); got != c.want {
			t.Errorf("%v: %q, want %q", c.got, got, c.want)
		}
	}
}

// TestCount: what came twice counts once, and the last node counts only where all nodes have the post.
func TestCount(t *testing.T) {
	var p phaseResult
	p.count([]reply{
		{Got: []delivery{{1, 0, 2}, {1, 0, 9}, {1, 1, 4}}},
		{Got: []delivery{}},
		{Got: []delivery{{1, 0, 3}}},
	})
	if p.delivered != 3 || p.repeated != 1 || !slices.Equal(p.last, []float64{3}) {
		t.Errorf("delivered %d, repeated %d, last %v; want 3, 1, [3]", p.delivered, p.repeated, p.last)
	}
}

func TestKept(t *testing.T) {
	good := phaseResult{posts: 1000, wanted: 1000, delivered: 999, late: 10, latency: []float64{499}}
	if !good.kept() {
		t.Error("what is just good enough was refused")
	}
	for name, spoil := range map[string]func(*phaseResult){
		"lost": func(p *phaseResult) { p.delivered = 998 }, "late": func(p *phaseResult) { p.late = 11 },
		"refused": func(p *phaseResult) { p.failed = 1 }, "slow": func(p *phaseResult) { p.latency = []float64{500} },
		"nothing": func(p *phaseResult) { p.delivered, p.wanted = 0, 0 },
	} {
		bad := good
		spoil(&bad)
		if bad.kept() {
			t.Errorf("%s: it counts as kept", name)
		}
	}
}
