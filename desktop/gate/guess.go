package gate

import (
	"context"
	"errors"
	"time"

	"github.com/linnet-im/linnet/node"
)

// After a wrong passphrase the next try waits, twice as long each time. It ends with
// the process: who can start that again can also copy the folder and try elsewhere,
// which argon2 makes slow and nothing makes impossible.
const (
	firstWait = time.Second
	lastWait  = 30 * time.Second
)

// tries counts wrong passphrases.
type tries struct {
	wrong int
	next  time.Time // not before
}

// Guess calls f, one at a time, and lets the next call wait where f said node.ErrPassphrase.
func (g *Gate) Guess(ctx context.Context, f func() error) error {
	select {
	case g.guesses <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.guesses }()
	g.mu.Lock()
	wait := time.Until(g.tries.next)
	g.mu.Unlock()
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := f()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.tries = tries{}
	case errors.Is(err, node.ErrPassphrase):
		g.tries.next = time.Now().Add(min(firstWait<<min(g.tries.wrong, 10), lastWait))
		g.tries.wrong++
	}
	return err
}
