package server

import (
	"slices"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node"
)

func TestSentences(t *testing.T) {
	anna := node.Author{Name: "Anna"}
	may := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	for want, c := range map[string]node.Completeness{
		"waiting: Nothing has arrived yet. Linnet keeps looking for somebody who has this topic.":                         {Waiting: true},
		"forked: Anna signed two versions of number 7. What came from there on is set aside; 6 posts are here.":           {Forks: []node.Fork{{Author: anna, Seq: 7}}, Posts: 6},
		"missing: 4,812 posts are here, at least 1 record is missing. Asking 2 people.":                                   {Posts: 4812, Missing: 1, Asking: 2},
		"missing: 1 post is here, at least 3 records are missing.":                                                        {Posts: 1, Missing: 3},
		"unknown: 4,812 posts are here, and no gap is known. Nobody has vouched yet that this is all.":                    {Posts: 4812},
		"complete: 4,812 posts are here: all that Anna vouched for on 3 May 2026 (checkpoint 97). 12 of them came later.": {Posts: 4812, Checkpoint: &node.Checkpoint{Number: 97, By: anna, Time: may, Posts: 4800, Met: true}},
		"unknown: 3 posts are here, and no gap is known. Nobody has vouched yet that this is all.":                        {Posts: 3, Checkpoint: &node.Checkpoint{Number: 1, By: anna, Time: may, Posts: 3}},
		"complete: 1 post is here: all that a writer without a name (05000000) vouched for on 3 May 2026 (checkpoint 1).": {Posts: 1, Checkpoint: &node.Checkpoint{Number: 1, By: node.Author{Writer: node.Writer{5}}, Time: may, Posts: 1, Met: true}},
	} {
		if got := apiCompleteness(c); got.State+": "+got.Summary != want {
			t.Errorf("%s: %s, want %s", got.State, got.Summary, want)
		}
	}
	if !slices.Equal([]string{count(0), count(999), count(1000), count(1234567)}, []string{"0", "999", "1,000", "1,234,567"}) {
		t.Error("count")
	}
}
