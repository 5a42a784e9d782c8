package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/linnet-im/linnet/node/reach/front"
)

// Why a way does not work, in plain words.

// reasonLocked counts an address under the reason why its dial failed.
func (l *ladder) reasonLocked(w WayName, t trial) {
	la, why := l.latelyLocked(w), reason(t.err)
	if la.reasons[why] == nil {
		la.reasons[why] = map[string]struct{}{}
	}
	if len(la.reasons[why]) < maxReasons {
		la.reasons[why][string(t.addr.Bytes())] = struct{}{}
	}
}

// whyLocked says a reason with how many addresses have it.
func (l *ladder) whyLocked(w WayName, why string) string {
	n := len(l.latelyLocked(w).reasons[why])
	what := map[WayName]string{WayQUIC: "UDP", WayTCP: "TCP"}[w]
	switch {
	case why == noAnswer && what != "" && n > 1:
		return fmt.Sprintf("%s to %d addresses got no answer", what, n)
	case why == noAnswer && what != "":
		return what + " got no answer"
	case n > 1:
		return fmt.Sprintf("%s (%d addresses)", why, n)
	}
	return why
}

const noAnswer = "nobody answered"

// reason says in plain words why a dial failed.
func reason(err error) string {
	text := fmt.Sprint(err)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, front.ErrPin):
		return "somebody else answers in the bridge's place"
	case errors.Is(err, front.ErrSite):
		return "the bridge does not know this pass any more"
	case errors.Is(err, front.ErrFull):
		return "the bridge is full"
	case errors.Is(err, syscall.ECONNREFUSED) || has("connection refused"):
		return "the computer there refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), has("unreachable", "no route"):
		return "there is no route there"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), has("timeout", "timed out", "no recent network activity", "deadline"):
		return noAnswer
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), has("reset by peer", "EOF", "broken pipe"):
		return "connections were cut off while they began"
	case has("peer id mismatch", "peer IDs don't match"):
		return "somebody else answers there"
	case errors.Is(err, errProgram):
		return "the program of the pluggable transport does not run"
	case errors.Is(err, errProxy), has("socks"):
		return "the proxy did not let it through"
	case has("rate limit", "limit exceeded", "resource limit"):
		return "too many connections are open already"
	}
	return "it did not work"
}
