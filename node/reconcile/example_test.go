package reconcile_test

import (
	"crypto/sha256"
	"fmt"
	"log"

	"github.com/linnet-im/linnet/node/reconcile"
)

// Two friends have the same letters, but for one each.
func Example() {
	letter := func(time int64, text string) reconcile.Item {
		return reconcile.Item{Time: time, ID: sha256.Sum256([]byte(text))}
	}
	mine, err := reconcile.NewSlice([]reconcile.Item{letter(1, "hello"), letter(2, "are you there?"), letter(3, "it rains")})
	if err != nil {
		log.Fatal(err)
	}
	yours, err := reconcile.NewSlice([]reconcile.Item{letter(1, "hello"), letter(2, "are you there?"), letter(4, "yes")})
	if err != nil {
		log.Fatal(err)
	}

	asker := reconcile.NewAsker(mine, reconcile.Options{})
	msg, err := asker.Start()
	for err == nil && msg != nil {
		var reply []byte
		if reply, err = reconcile.Answer(yours, msg, reconcile.Options{}); err != nil {
			break
		}
		msg, err = asker.Next(reply)
		found := asker.Take()
		fmt.Println("lacking:", len(found.Need), "more than they have:", found.HaveCount)
	}
	if err != nil {
		log.Fatal(err)
	}
	// Output: lacking: 1 more than they have: 1
}
