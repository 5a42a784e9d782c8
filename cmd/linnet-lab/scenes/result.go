package scenes

import (
	"fmt"
	"strings"
	"time"
)

// Result says how one scenario went.
type Result struct {
	Scenario  Scenario
	Started   time.Duration // from the start of the program until it answers
	First     time.Duration // from the start of the program until the first post is there; negative: it never came
	Sent      int
	Delivered int           // of them, in time
	Longest   time.Duration // the longest that a post that came took
	Ways      string        // that were in use
	Wire      string        // what the router counted
	Sentence  string
	Notes     []string // further figures
	Failures  []string // bars that were missed, and what went wrong
}

// Met reports whether every bar of the scenario was met.
func (r Result) Met() bool { return len(r.Failures) == 0 }

func (r *Result) failf(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

func (r *Result) notef(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// judgeSentence holds the sentence of the page against what is known of the network.
func (r *Result) judgeSentence() {
	s := r.Scenario
	if s.Says != nil && !s.Says.MatchString(r.Sentence) {
		r.failf("the sentence does not say %q", s.Says)
	}
	if s.Never != nil && s.Never.MatchString(r.Sentence) {
		r.failf("the sentence says %q", s.Never.FindString(r.Sentence))
	}
}

// Cell is one way alone in one scenario.
type Cell struct {
	Way, Scenario string
	First         time.Duration // negative: nothing came
	Sent          int
	Delivered     int
	Err           string // what went wrong in the lab itself
}

// String is the cell as the table shows it.
func (c Cell) String() string {
	switch {
	case c.Err != "":
		return "?"
	case c.First < 0:
		return "x"
	}
	return fmt.Sprintf("%s %d/%d", seconds(c.First), c.Delivered, c.Sent)
}

// Report is what Run found.
type Report struct {
	Results []Result
	Cells   []Cell
}

// Met reports whether every bar was met.
func (r *Report) Met() bool {
	for _, one := range r.Results {
		if !one.Met() {
			return false
		}
	}
	for _, c := range r.Cells {
		if c.Err != "" {
			return false
		}
	}
	return true
}

// seconds writes a time to the tenth of a second.
func seconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// String is the report in tables, for people.
func (r *Report) String() string {
	var b strings.Builder
	if len(r.Results) > 0 {
		b.WriteString("| scenario | bar | first post | posts | longest | ways | on the wire | met |\n|---|---|---|---|---|---|---|---|\n")
		for _, one := range r.Results {
			b.WriteString(one.row())
		}
		b.WriteString("\nWhat the page says at the end:\n")
		for _, one := range r.Results {
			fmt.Fprintf(&b, "  %-16s %s\n", one.Scenario.Name, one.Sentence)
			for _, n := range one.Notes {
				fmt.Fprintf(&b, "  %-16s   %s\n", "", n)
			}
			for _, f := range one.Failures {
				fmt.Fprintf(&b, "  %-16s   MISSED: %s\n", "", f)
			}
		}
	}
	b.WriteString(r.grid())
	return b.String()
}

func (r Result) row() string {
	bar, first, met := "–", "–", "yes"
	if r.Scenario.First > 0 {
		bar, first = seconds(r.Scenario.First), seconds(r.First)
	}
	if !r.Met() {
		met = "NO"
	}
	return fmt.Sprintf("| %s | %s | %s | %d/%d | %s | %s | %s | %s |\n", r.Scenario.Name, bar, first, r.Delivered, r.Sent, seconds(r.Longest), r.Ways, r.Wire, met)
}

// grid is the table of ways and scenarios.
func (r *Report) grid() string {
	if len(r.Cells) == 0 {
		return ""
	}
	var ways, columns []string
	at := map[[2]string]Cell{}
	for _, c := range r.Cells {
		if !contains(ways, c.Way) {
			ways = append(ways, c.Way)
		}
		if !contains(columns, c.Scenario) {
			columns = append(columns, c.Scenario)
		}
		at[[2]string{c.Way, c.Scenario}] = c
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nEach way alone: time to the first post, posts delivered; x: nothing came.\n\n| way | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, w := range ways {
		fmt.Fprintf(&b, "| %s |", w)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s |", at[[2]string{w, c}])
		}
		b.WriteString("\n")
	}
	for _, c := range r.Cells {
		if c.Err != "" {
			fmt.Fprintf(&b, "? %s in %s: %s\n", c.Way, c.Scenario, c.Err)
		}
	}
	return b.String()
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
