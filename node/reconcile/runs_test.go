package reconcile

import (
	"fmt"
	"slices"
	"testing"
)

// runItems returns the items of vectors that runs such as "0-99" stand for.
func runItems(t *testing.T, runs []string) []Item {
	t.Helper()
	var items []Item
	for _, run := range runs {
		var low, high uint64
		if _, err := fmt.Sscanf(run, "%d-%d", &low, &high); err != nil {
			t.Fatalf("%s: %v", run, err)
		}
		for n := low; n <= high; n++ {
			items = append(items, vectorItem(n))
		}
	}
	return items
}

func vectorItem(n uint64) Item { return Item{1_700_000_000_000 + int64(n/2)*1000, idOf(n)} }

// runs is the opposite of runItems, for those items that are chosen.
func runs(items []Item, chosen func(Item) bool) []string {
	var numbers []uint64
	for _, i := range items {
		n := uint64(i.Time-1_700_000_000_000) / 1000 * 2
		if i != vectorItem(n) {
			n++
		}
		if chosen(i) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	runs := []string{}
	for at := 0; at < len(numbers); {
		low := at
		for at++; at < len(numbers) && numbers[at] == numbers[at-1]+1; at++ {
		}
		runs = append(runs, fmt.Sprintf("%d-%d", numbers[low], numbers[at-1]))
	}
	return runs
}
