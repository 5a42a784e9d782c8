package server

import (
	"slices"
	"testing"

	"github.com/linnet-im/linnet/node"
)

func TestSentences(t *testing.T) {
	for want, s := range map[string]node.Status{
		"Connected to 1 person, all on this network.":                                             {Peers: 1, Nearby: 1},
		"Connected to 3 people.":                                                                  {Peers: 3, Nearby: 1},
		"Nobody is connected right now. Linnet keeps trying the 2 people it knows.":               {Known: 2},
		"Nobody to reach yet. Open a link, or send yours to somebody.":                            {},
		"Nobody to reach yet. Open a link, or send yours to somebody. Only this network is used.": {LANOnly: true},
	} {
		if got := apiReachability(s).Summary; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, c := range map[string]node.Completeness{
		"waiting: Nothing has arrived yet. Linnet keeps looking for somebody who has this topic.":                   {Waiting: true},
		"forked: Somebody here signed two different messages with one number. Linnet keeps the first that it saw.":  {Forked: true, Have: 1, Missing: 1},
		"missing: 4,812 are here, at least 1 is missing.":                                                           {Have: 4812, Missing: 1},
		"missing: 1 is here, at least 3 are missing.":                                                               {Have: 1, Missing: 3},
		"unknown: 4,812 messages and changes are here, and no gap is known. Nobody can vouch yet that this is all.": {Have: 4812},
		"unknown: 1 message or change is here, and no gap is known. Nobody can vouch yet that this is all.":         {Have: 1},
	} {
		if got := apiCompleteness(c); got.State+": "+got.Summary != want {
			t.Errorf("%s: %s, want %s", got.State, got.Summary, want)
		}
	}
	if !slices.Equal([]string{count(0), count(999), count(1000), count(1234567)}, []string{"0", "999", "1,000", "1,234,567"}) {
		t.Error("count")
	}
}
