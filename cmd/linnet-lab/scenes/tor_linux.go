package scenes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
)

const (
	insideProxy = "192.168.60.1" // where the client finds the proxy
	proxyPort   = "9050"
)

// playTor has a client that is wired to a SOCKS proxy's host, which forwards
// nothing: what the client sends elsewhere leaves all the same, and is seen.
func (st *stage) playTor(ctx context.Context) error {
	n, err := newInternet(2, profiles()[st.scenario.block])
	if err != nil {
		return err
	}
	st.later(n.close)
	gate := n.servers[1]
	h, err := n.Host("hidden")
	if err != nil {
		return err
	}
	err = errors.Join(
		gate.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"),
		h.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"), // the kernel would speak by itself
		n.Wire(netns.End{Host: h, Name: "eth0", Addr: "192.168.60.2/24"}, netns.End{Host: gate, Name: "in0", Addr: insideProxy + "/24"}),
		h.IP("route", "add", "default", "via", insideProxy),
		h.Resolver("11.9.9.9"))
	if err != nil {
		return err
	}
	proxy, err := openProxy(ctx, gate, insideProxy+":"+proxyPort)
	if err != nil {
		return err
	}
	st.later(proxy.Close)
	capture, err := startCapture(h)
	if err != nil {
		return err
	}
	st.later(capture.stop)
	if err := st.torTalk(ctx, n, h); err != nil {
		return err
	}
	return st.torQuiet(proxy, capture)
}

func (st *stage) torTalk(ctx context.Context, n *internet, h *netns.Host) error {
	st.turn.Lock()
	server, t, err := st.author(ctx, n.servers[0], serverAddr(0))
	var client *program
	if err == nil {
		client, err = st.cold(ctx, h, t.Link, t.ID, nil, "--tor", insideProxy+":"+proxyPort)
	}
	st.turn.Unlock()
	if err != nil {
		return err
	}
	if err := st.converse(ctx, n.router, &talk{sides: [2]*program{server, client}, topic: t.ID, posts: posts, pace: pace}, minute); err != nil {
		return err
	}
	return client.stop() // the capture goes on over the end of it
}

// torQuiet holds what left against what may.
func (st *stage) torQuiet(proxy *proxy, c *capture) error {
	if err := c.stop(); err != nil {
		return err
	}
	allowed, others := c.count(func(line string) bool {
		return strings.Contains(line, insideProxy+"."+proxyPort) && strings.Contains(line, "tcp")
	})
	st.result.notef("%d packets from and to the proxy, %d others; the proxy made %d connections", allowed, len(others), proxy.made.Load())
	if allowed == 0 {
		st.result.failf("the capture has seen nothing, not even the proxy")
	}
	if len(others) > 0 {
		st.result.failf("packets went past the proxy, such as: %s", strings.Join(others[:min(5, len(others))], " | "))
	}
	return nil
}

// capture is a tcpdump on a host.
type capture struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done bool
}

// startCapture returns once the capture runs. Address resolution of the local wire
// is not looked at.
func startCapture(h *netns.Host) (*capture, error) {
	c := &capture{cmd: h.Command(background, "tcpdump", "-l", "-n", "-q", "-t", "-i", "eth0", "not", "arp")}
	c.cmd.Stdout = &c.out
	ready, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	c.cmd.Stderr = w
	err = c.cmd.Start()
	w.Close()
	if err != nil {
		ready.Close()
		return nil, fmt.Errorf("scenes: tcpdump: %w", err)
	}
	b := make([]byte, 4096)
	for all := ""; !strings.Contains(all, "listening on"); {
		n, err := ready.Read(b)
		if err != nil {
			ready.Close()
			return nil, errors.Join(fmt.Errorf("scenes: tcpdump: %w: %s", err, all), c.stop())
		}
		all += string(b[:n])
	}
	go func() { // ends with tcpdump, which gives up what it has seen when nobody reads this
		_, _ = io.Copy(io.Discard, ready)
		ready.Close()
	}()
	return c, nil
}

// stop ends the capture, a moment after the last packet.
func (c *capture) stop() error {
	if c.done {
		return nil
	}
	c.done = true
	time.Sleep(time.Second) // what was just sent is still on its way through tcpdump
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("scenes: tcpdump: %w", err)
	}
	return nil
}

// count tells apart packets that may be there and all others.
func (c *capture) count(may func(line string) bool) (allowed int, others []string) {
	for _, line := range strings.Split(strings.TrimSpace(c.out.String()), "\n") {
		switch {
		case line == "":
		case may(line):
			allowed++
		default:
			others = append(others, line)
		}
	}
	return allowed, others
}
