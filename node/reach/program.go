package reach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	ptStart = 10 * time.Second // for a program to say where its proxies are
	ptAgain = 30 * time.Second // before one that failed is started again
	ptEnd   = 2 * time.Second  // for it to go by itself when its input ends
)

var errProgram = errors.New("reach: the pluggable transport's program")

// program is one that carries pluggable transports. It runs from the first dial that
// needs it until the host closes.
type program struct {
	base    context.Context // of the host: a start is not given up because another way was quicker
	names   []string
	command []string

	mu      sync.Mutex
	run     *running // nil: none
	failed  time.Time
	why     error
	closing bool
}

// running is a program that was started.
type running struct {
	cmd     *exec.Cmd
	input   io.Closer
	output  io.Closer
	dir     string
	methods map[string]string // transport -> address of its SOCKS5 proxy
	ended   chan struct{}
}

// method returns the address of a transport's proxy. It starts the program if it
// does not run.
func (p *program) method(name string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return "", context.Canceled
	}
	if p.run != nil {
		select {
		case <-p.run.ended:
			p.run.clear()
			p.run = nil
		default:
		}
	}
	if p.run == nil {
		if time.Since(p.failed) < ptAgain {
			return "", p.why
		}
		run, err := p.start()
		if err != nil {
			p.failed, p.why = time.Now(), err
			return "", err
		}
		p.run = run
	}
	addr := p.run.methods[name]
	if addr == "" {
		return "", fmt.Errorf("%w %s has no transport %s", errProgram, p.command[0], name)
	}
	return addr, nil
}

// start runs the program and hears where its proxies are.
func (p *program) start() (*running, error) {
	dir, err := os.MkdirTemp("", "linnet-pt-")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProgram, err)
	}
	r := &running{dir: dir, methods: map[string]string{}, ended: make(chan struct{}), cmd: exec.Command(p.command[0], p.command[1:]...)}
	r.cmd.Env = append(os.Environ(),
		"TOR_PT_MANAGED_TRANSPORT_VER=1",
		"TOR_PT_STATE_LOCATION="+dir,
		"TOR_PT_EXIT_ON_STDIN_CLOSE=1",
		"TOR_PT_CLIENT_TRANSPORTS="+strings.Join(p.names, ","),
	)
	out, err := r.cmd.StdoutPipe()
	r.output = out
	if err == nil {
		r.input, err = r.cmd.StdinPipe()
	}
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("%w cannot be started: %w", errProgram, err)
	}
	said := make(chan error, 1)
	go func() { // ends when the program does, which close waits for
		defer close(r.ended)
		said <- r.hear(bufio.NewReader(io.LimitReader(out, 1<<20)))
		_, _ = io.Copy(io.Discard, out) // what it logs is not read, and must not hold it up
		_ = r.cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(p.base, ptStart)
	defer cancel()
	select {
	case err = <-said:
	case <-ctx.Done():
		err = fmt.Errorf("%w does not say where its proxies are: %w", errProgram, ctx.Err())
	}
	if err != nil {
		r.end()
		return nil, err
	}
	return r, nil
}

// hear reads what the program says until it has named all its proxies.
func (r *running) hear(out *bufio.Reader) error {
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%w ended before it had said where its proxies are", errProgram)
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), fields[0]))
		switch fields[0] {
		case "VERSION":
			if rest != "1" {
				return fmt.Errorf("%w speaks version %.20q of the protocol, not 1", errProgram, rest)
			}
		case "VERSION-ERROR", "ENV-ERROR", "PROXY-ERROR":
			return fmt.Errorf("%w says: %.200q", errProgram, rest)
		case "CMETHOD":
			if len(fields) >= 4 && fields[2] == "socks5" && isPTName(fields[1]) && isProxyAddr(fields[3]) {
				r.methods[fields[1]] = fields[3]
			}
		case "CMETHODS":
			if rest == "DONE" && len(r.methods) == 0 {
				return fmt.Errorf("%w has no transport that this node can use", errProgram)
			}
			return nil
		}
	}
}

// isProxyAddr takes proxies on this computer only.
func isProxyAddr(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Addr().IsLoopback() && a.Port() != 0
}

// end has the program go, and waits until it has.
func (r *running) end() {
	_ = r.input.Close()
	timer := time.NewTimer(ptEnd)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
		_ = r.cmd.Process.Kill()
		_ = r.output.Close() // a child of its own may hold it
		<-r.ended
	}
	r.clear()
}

func (r *running) clear() { _ = os.RemoveAll(r.dir) }

// close ends the program for good.
func (p *program) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	if p.run != nil {
		p.run.end()
		p.run = nil
	}
}
