package main

import (
	"fmt"
	"math"
	"slices"
)

// quantile is the smallest of xs that at least the part q of them does not
// exceed (nearest rank), 0 of none.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(xs))
	rank := int(math.Ceil(q * float64(len(xs))))
	return sorted[min(max(rank, 1), len(xs))-1]
}

// median is the middle of xs, or half way between the two in the middle; 0 of none.
func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread shows the smallest and the largest of xs, nothing where there is no choice.
func spread(xs []float64) string {
	if len(xs) < 2 {
		return ""
	}
	return fmt.Sprintf("%.4g-%.4g", slices.Min(xs), slices.Max(xs))
}

// ratios divides what was measured in the same round.
func ratios(over, under []float64) []float64 {
	out := make([]float64, 0, len(over))
	for i := range min(len(over), len(under)) {
		if under[i] != 0 {
			out = append(out, over[i]/under[i])
		}
	}
	return out
}
