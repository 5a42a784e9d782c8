package pubsub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBlame()
		for i := range maxStrikes {
			if b.out("p") {
				t.Fatalf("out after %d strikes", i)
			}
			b.strike("p")
		}
		if !b.out("p") || b.out("q") {
			t.Error("p is out, and only p")
		}
		time.Sleep(forgiveAfter)
		if b.out("p") {
			t.Error("nothing was forgiven")
		}
		for range 1000 {
			b.strike("p")
		}
		if d := time.Until(b.strikes["p"]); d > (2*maxStrikes+1)*forgiveAfter {
			t.Errorf("blamed for %v", d)
		}
		time.Sleep(time.Hour)
		for i := range maxBlamed + 10 {
			b.strike(peer.ID(fmt.Sprint(i)))
		}
		if _, ok := b.strikes["p"]; ok {
			t.Error("p is not swept")
		}
	})
}
