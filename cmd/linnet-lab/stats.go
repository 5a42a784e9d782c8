package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// quantile returns the q-th quantile of xs, which it sorts; 0 of none.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	return xs[min(int(q*float64(len(xs))), len(xs)-1)]
}

func median(xs []float64) float64 { return quantile(slices.Clone(xs), 0.5) }

// spread is the smallest and the largest of xs.
func spread(xs []float64) string {
	if len(xs) < 2 {
		return ""
	}
	return fmt.Sprintf("%.3g-%.3g", slices.Min(xs), slices.Max(xs))
}

// memory returns the resident and the anonymous bytes of a process (Linux), 0 when unknown.
func memory(pid int) (rss, anon int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "Rss:":
			rss = n << 10
		case "Anonymous:":
			anon = n << 10
		}
	}
	return rss, anon
}

// loBytes returns the bytes that went over the loopback interface (Linux), IP headers included.
func loBytes() int64 {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if f := strings.Fields(rest); ok && name == "lo" && len(f) > 0 {
			n, err := strconv.ParseInt(f[0], 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
