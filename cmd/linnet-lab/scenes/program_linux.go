package scenes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// background is for what must be done though the run was cut short: tidying up.
var background = context.Background()

const (
	startWait = 30 * time.Second
	stopWait  = 20 * time.Second
	beat      = 100 * time.Millisecond // how often a condition is looked at
)

// program is one running linnet on a host.
type program struct {
	host  *netns.Host
	dir   string
	log   *os.File
	cmd   *exec.Cmd
	ended chan error
	began time.Time
	*client.Client
}

// start runs the program on a host, with its data and log in folder, until stop,
// and returns once it answers.
func start(ctx context.Context, path string, h *netns.Host, folder string, words ...string) (*program, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	p := &program{host: h, dir: filepath.Join(folder, "data"), ended: make(chan error, 1)}
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	p.log = log
	_ = os.Remove(filepath.Join(p.dir, api.DiscoveryFile)) // of an earlier run
	p.cmd = h.Command(background, path, append(words, "--data", p.dir, "--log-level", "debug")...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("scenes: %w", err), log.Close())
	}
	go func() { p.ended <- p.cmd.Wait() }() // it ends when the program does, which stop sees to
	if err := p.answers(ctx); err != nil {
		_ = p.stop() // why it does not answer is the better reason
		return nil, err
	}
	return p, nil
}

// answers waits until the program can be asked.
func (p *program) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		c, err := client.Discover(p.dir)
		if err == nil {
			c.SetDial(p.host.Dial)
			if _, err = c.Node(ctx); err == nil {
				p.Client = c
				return nil
			}
		}
		select {
		case end := <-p.ended:
			p.ended <- end
			return fmt.Errorf("scenes: linnet on %s ended: %v\n%s", p.host.Name, end, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("scenes: linnet on %s does not answer: %w\n%s", p.host.Name, err, p.tail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail is the end of the log, without what the store says of itself.
func (p *program) tail() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(b)), "\n"), func(l string) bool { return strings.Contains(l, "badger") })
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}

// stop ends the program as a person would.
func (p *program) stop() error {
	if p.Client != nil {
		p.Close()
	}
	defer p.log.Close()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-p.ended:
		p.ended <- err
		if err != nil {
			return fmt.Errorf("scenes: linnet on %s ended: %w\n%s", p.host.Name, err, p.tail())
		}
		return nil
	case <-time.After(stopWait):
		_ = p.cmd.Process.Kill()
		p.ended <- <-p.ended
		return fmt.Errorf("scenes: linnet on %s did not stop within %v", p.host.Name, stopWait)
	}
}

// texts returns what the newest messages of a topic say, 200 at most.
func (p *program) texts(ctx context.Context, topic string) ([]string, error) {
	page, err := p.Messages(ctx, topic, client.Page{Limit: 200})
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(page.Items))
	for _, m := range page.Items {
		out = append(out, m.Text)
	}
	return out, nil
}

// until waits until a topic has a message with this text.
func (p *program) until(ctx context.Context, topic, text string) error {
	for {
		if got, err := p.texts(ctx, topic); err == nil && slices.Contains(got, text) {
			return nil
		}
		if err := pause(ctx, beat/2); err != nil {
			return err
		}
	}
}

// ways are the ways by which somebody is connected.
func ways(r api.Reach) (out []string) {
	for _, w := range r.Ways {
		if w.Peers > 0 {
			out = append(out, w.Name)
		}
	}
	return out
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
