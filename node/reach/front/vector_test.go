package front

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// TestTicketVectors holds tickets against what is written down for other
// implementations.
func TestTicketVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/ticket.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Pass, Way, Nonce string
		Time, Count      uint32
		Path             string
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all) < 3 {
		t.Fatal(len(all), err)
	}
	for i, v := range all {
		p, err1 := hex.DecodeString(v.Pass)
		n, err2 := hex.DecodeString(v.Nonce)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		k := ticket{Nonce: [nonceSize]byte(n), Time: v.Time, Count: v.Count}
		if got := k.path(pass(p), v.Way); got != v.Path {
			t.Errorf("%d: path %s, want %s", i, got, v.Path)
		}
	}
}
