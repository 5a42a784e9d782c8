package node

import (
	"errors"
	"fmt"
	"testing"

	"github.com/linnet-im/linnet/node/reach"
)

// TestPassLimits fills a bridge with passes: those that were taken back make room,
// but for those of contacts, who would get others by themselves.
func TestPassLimits(t *testing.T) {
	n, err := Open(t.Context(), Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.passes.byWhom, n.passes.byID, n.passes.bySecret = map[PersonID]string{}, map[string]passRow{}, map[reach.Pass]string{}
	for i := range maxPasses {
		row := passRow{Name: "x", Secret: fmt.Appendf(nil, "%016d", i), Created: 1}
		if i < 2 {
			row.Secret, row.Revoked = nil, int64(1+i)
		}
		if i == 0 { // the oldest
			row.Whom = make([]byte, 32)
		}
		n.passes.put(fmt.Sprint(i), row)
	}
	fresh := func(id string, whom []byte) error {
		return n.addPass(t.Context(), id, passRow{Name: id, Secret: fmt.Appendf(nil, "%16s", id), Created: 2, Whom: whom})
	}
	if err := fresh("contact", fmt.Appendf(nil, "%032d", 7)); !errors.Is(err, ErrManyPasses) {
		t.Errorf("one more for a contact: %v", err)
	}
	if err := fresh("hand", nil); err != nil {
		t.Errorf("one more by hand: %v", err)
	}
	if _, there := n.passes.byID["1"]; there || len(n.passes.byID) != maxPasses {
		t.Errorf("there are %d", len(n.passes.byID))
	}
	if err := fresh("another", nil); !errors.Is(err, ErrManyPasses) {
		t.Errorf("where none was taken back but a contact's: %v", err)
	}
	if _, there := n.passes.byID["0"]; !there {
		t.Error("the contact may have another pass")
	}
}
