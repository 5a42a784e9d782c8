package gate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/shell"
)

// OwnFile, in the data folder, holds after how many minutes without use the node
// is locked. It tells nothing else, so that it can be read while locked.
const OwnFile = "auto-lock"

// MaxMinutes is the longest time without use.
const MaxMinutes = 24 * 60

// idleLook is how often the watch looks. It counts by the clock on the wall: the
// other one stands still while the computer sleeps.
const idleLook = 5 * time.Second

// idle is when the person last did something.
type idle struct {
	minutes int // 0: never lock
	last    time.Time
}

// Touch notes that the person does something.
func (g *Gate) Touch() {
	g.mu.Lock()
	g.touchLocked()
	g.mu.Unlock()
}

func (g *Gate) touchLocked() { g.idle.last = time.Now().Round(0) }

// AutoLock returns after how many minutes without use the node is locked, 0 for never.
func (g *Gate) AutoLock() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		return readMinutes(g.cfg.Node.Dir)
	}
	return g.idle.minutes
}

// SetAutoLock changes that, for later starts too.
func (g *Gate) SetAutoLock(minutes int) error {
	if minutes < 0 || minutes > MaxMinutes {
		return fmt.Errorf("gate: %d minutes, must be 0 to %d", minutes, MaxMinutes)
	}
	if err := shell.WritePrivate(filepath.Join(g.Dir(), OwnFile), []byte(strconv.Itoa(minutes)+"\n")); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle.minutes = minutes
	g.touchLocked()
	return nil
}

func readMinutes(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, OwnFile))
	if err != nil {
		return 0
	}
	minutes, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || minutes < 0 || minutes > MaxMinutes {
		return 0
	}
	return minutes
}

// watch locks the node when nobody has used it for long. It ends with ctx.
func (g *Gate) watch(ctx context.Context) {
	tick := time.NewTicker(idleLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if g.isIdle() {
				_ = g.lockIf(ctx, g.isIdle) // ErrUnprotected: there is nothing to lock
			}
		}
	}
}

// isIdle reports whether the person has been away for so long, and nothing that was asked for is under way.
func (g *Gate) isIdle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil || g.idle.minutes == 0 || g.now.busy > 0 {
		return false
	}
	away := time.Now().Round(0).Sub(g.idle.last)
	if away < 0 { // the clock was set back
		g.touchLocked()
	}
	return away >= time.Duration(g.idle.minutes)*time.Minute
}
