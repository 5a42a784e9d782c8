package server

import (
	"fmt"
	"strconv"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// apiReachability says whom this node reaches, in a word and in a sentence.
func apiReachability(s node.Status) api.Reachability {
	r := api.Reachability{Nearby: s.Nearby, LANOnly: s.LANOnly}
	switch {
	case s.Peers > 0 && s.Nearby == s.Peers:
		r.State, r.Summary = api.ReachConnected, fmt.Sprintf("Connected to %s, all on this network.", people(s.Peers))
	case s.Peers > 0:
		r.State, r.Summary = api.ReachConnected, fmt.Sprintf("Connected to %s.", people(s.Peers))
	case s.Known > 0:
		r.State, r.Summary = api.ReachSearching, fmt.Sprintf("Nobody is connected right now. Linnet keeps trying the %s it knows.", people(s.Known))
	default:
		r.State, r.Summary = api.ReachAlone, "Nobody to reach yet. Open a link, or send yours to somebody."
	}
	if s.LANOnly {
		r.Summary += " Only this network is used."
	}
	return r
}

// apiCompleteness says how much of a topic is here. It never says that all of
// it is: nobody vouches for that yet.
func apiCompleteness(c node.Completeness) api.Completeness {
	out := api.Completeness{Have: c.Have, Missing: c.Missing}
	switch {
	case c.Waiting:
		out.State, out.Summary = api.CompleteWaiting, "Nothing has arrived yet. Linnet keeps looking for somebody who has this topic."
	case c.Forked:
		out.State, out.Summary = api.CompleteForked, "Somebody here signed two different messages with one number. Linnet keeps the first that it saw."
	case c.Missing > 0:
		out.State, out.Summary = api.CompleteMissing, fmt.Sprintf("%s %s here, at least %s %s missing.", count(c.Have), are(c.Have), count(c.Missing), are(c.Missing))
	default:
		out.State, out.Summary = api.CompleteUnknown, fmt.Sprintf("%s here, and no gap is known. Nobody can vouch yet that this is all.", things(c.Have))
	}
	return out
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// things counts records in words for a person: what is stored is more than what was posted.
func things(n uint64) string {
	if n == 1 {
		return "1 message or change is"
	}
	return count(n) + " messages and changes are"
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
