package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// textSize is the bytes of each post.
const textSize = 300

// post is what the text of a post of the lab says.
type post struct {
	phase, sender, number int
	sent                  time.Time
}

// text writes p in exactly textSize bytes, the rest from letters, which holds at
// least as many.
func (p post) text(letters string) string {
	head := fmt.Sprintf("%d %d %d %d ", p.phase, p.sender, p.number, p.sent.UnixNano())
	from := (p.number * 31) % (len(letters) - textSize + 1)
	return head + letters[from:from+textSize-len(head)]
}

var errNotOurs = errors.New("not a post of the lab")

// parsePost reads what text wrote.
func parsePost(text string) (post, error) {
	f := strings.SplitN(text, " ", 5)
	if len(text) != textSize || len(f) != 5 {
		return post{}, errNotOurs
	}
	var n [4]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil || n[i] < 0 {
			return post{}, errNotOurs
		}
	}
	return post{phase: int(n[0]), sender: int(n[1]), number: int(n[2]), sent: time.Unix(0, n[3])}, nil
}

// someLetters is what posts are filled with: nothing that compresses well.
func someLetters(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 16<<10)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz     "[r.IntN(31)]
	}
	return string(b)
}
