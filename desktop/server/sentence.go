package server

import (
	"fmt"
	"strconv"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// apiReachability says whom this node reaches, in a word and in a sentence.
func apiReachability(s standing) api.Reachability {
	r := api.Reachability{Nearby: s.status.Nearby, LANOnly: s.mode() == api.ModeLAN, Mode: s.mode()}
	r.State, r.Summary = s.sentence()
	return r
}

// apiCompleteness says how much of a topic is here. That all of it is, it says
// only where somebody who may vouches for it.
func apiCompleteness(c node.Completeness) api.Completeness {
	out := api.Completeness{Have: c.Have, Missing: c.Missing, Posts: c.Posts, Asking: c.Asking}
	if cp := c.Checkpoint; cp != nil {
		out.Checkpoint = &api.Checkpoint{Number: cp.Number, By: apiAuthor(cp.By), Time: stamp(cp.Time), Posts: cp.Posts, Met: cp.Met}
	}
	for _, h := range c.Holes {
		out.Holes = append(out.Holes, api.Hole{Author: apiAuthor(h.Author), From: h.From, To: h.To})
	}
	for _, f := range c.Forks {
		out.Forks = append(out.Forks, api.Fork{Author: apiAuthor(f.Author), Seq: f.Seq, Time: stamp(f.When)})
	}
	if c.Total >= progressFrom {
		out.Progress = &api.Progress{Done: min(c.Done, c.Total), Total: c.Total}
	}
	out.State, out.Summary = Completeness(c)
	return out
}

// progressFrom is from how many records on a transfer is shown: fewer are there
// within a second.
const progressFrom = 2000

// Completeness says in a word and in a sentence how much is here.
func Completeness(c node.Completeness) (state, summary string) {
	asking := ""
	if c.Asking > 0 {
		asking = fmt.Sprintf(" Asking %s.", people(c.Asking))
	}
	switch {
	case c.Waiting:
		return api.CompleteWaiting, "Nothing has arrived yet. Linnet keeps looking for somebody who has this topic."
	case len(c.Forks) > 0:
		return api.CompleteForked, fmt.Sprintf("%s signed two versions of number %d. What came from there on is set aside; %s here.",
			nameOf(c.Forks[0].Author), c.Forks[0].Seq, posts(c.Posts))
	case c.Missing > 0:
		return api.CompleteMissing, fmt.Sprintf("%s here, at least %s %s missing.%s", posts(c.Posts), records(c.Missing), are(c.Missing), asking)
	case c.Checkpoint == nil || !c.Checkpoint.Met:
		return api.CompleteUnknown, fmt.Sprintf("%s here, and no gap is known. Nobody has vouched yet that this is all.%s", posts(c.Posts), asking)
	}
	cp := c.Checkpoint
	later := ""
	if c.Posts > cp.Posts {
		later = fmt.Sprintf(" %s of them came later.", count(c.Posts-cp.Posts))
	}
	return api.CompleteAll, fmt.Sprintf("%s here: all that %s vouched for on %s (checkpoint %d).%s",
		posts(c.Posts), nameOf(cp.By), cp.Time.Format("2 January 2006"), cp.Number, later)
}

// nameOf names a writer in a sentence.
func nameOf(a node.Author) string {
	switch {
	case a.Me:
		return "this device"
	case a.Name != "":
		return a.Name
	}
	return "a writer without a name (" + a.Writer.String()[:8] + ")"
}

func posts(n uint64) string {
	if n == 1 {
		return "1 post is"
	}
	return count(n) + " posts are"
}

func records(n uint64) string {
	if n == 1 {
		return "1 record"
	}
	return count(n) + " records"
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func are(n uint64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// count writes 4812 as 4,812.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
