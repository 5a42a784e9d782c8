package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// worlds counts those of this process, for names that no other has.
var worlds atomic.Int64

// World is a set of hosts that nothing else on this computer reaches.
type World struct {
	prefix string
	home   *os.File // the namespace of this process
	mu     sync.Mutex
	hosts  []*Host
}

// Host is one network namespace.
type Host struct {
	Name  string // the namespace's
	world *World
	file  *os.File
}

// End is one end of a wire.
type End struct {
	Host *Host
	Name string // of the interface, 15 bytes at most
	Addr string // with the length of its network, such as 10.0.0.1/24; empty: none
}

// New makes a world with no host in it. The caller closes it.
func New(name string) (*World, error) {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	return &World{prefix: fmt.Sprintf("%s-%d-%d-", name, os.Getpid(), worlds.Add(1)), home: home}, nil
}

// Close removes the hosts and the wires between them. Programs that still run
// there go on without a network: end them first.
func (w *World) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []error
	for _, h := range w.hosts {
		all = append(all, h.file.Close(), run("ip", "netns", "del", h.Name), os.RemoveAll(h.settings()))
	}
	w.hosts = nil
	return errors.Join(append(all, w.home.Close())...)
}

// Host makes a host with nothing but its loopback.
func (w *World) Host(name string) (*Host, error) {
	h := &Host{Name: w.prefix + name, world: w}
	if err := run("ip", "netns", "add", h.Name); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join("/run/netns", h.Name))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netns: %w", err), run("ip", "netns", "del", h.Name))
	}
	h.file = f
	w.mu.Lock()
	w.hosts = append(w.hosts, h)
	w.mu.Unlock()
	return h, run("ip", "-n", h.Name, "link", "set", "lo", "up")
}

// Wire joins two hosts by a pair of interfaces. Packets go over it in the size
// that they would have on a wire: nothing is left to a network card that is not there.
func (w *World) Wire(a, b End) error {
	if err := run("ip", "link", "add", a.Name, "netns", a.Host.Name, "type", "veth", "peer", "name", b.Name, "netns", b.Host.Name); err != nil {
		return err
	}
	for _, e := range []End{a, b} {
		if e.Addr != "" {
			if err := e.Host.IP("addr", "add", e.Addr, "dev", e.Name); err != nil {
				return err
			}
		}
		if err := e.Host.IP("link", "set", e.Name, "up"); err != nil {
			return err
		}
	}
	return nil
}

// Bridge makes a switch of a host, with the interfaces named as its ports.
func (h *Host) Bridge(ports ...string) error {
	if err := h.IP("link", "add", "br0", "type", "bridge"); err != nil {
		return err
	}
	for _, p := range ports {
		if err := h.IP("link", "set", p, "master", "br0"); err != nil {
			return err
		}
	}
	return h.IP("link", "set", "br0", "up")
}

// Router lets a host forward packets, and count what conntrack sees.
func (h *Host) Router() error {
	return errors.Join(
		h.Run("sysctl", "-qw", "net.ipv4.ip_forward=1"),
		h.Run("sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1"))
}

// IP runs the command ip on the host.
func (h *Host) IP(args ...string) error { return run("ip", append([]string{"-n", h.Name}, args...)...) }

// NFT gives the host's nftables a script, which is taken all or not at all.
func (h *Host) NFT(script string) error {
	cmd := h.Command(context.Background(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	return quiet(cmd)
}

// Run runs a command on the host; its output is in the error.
func (h *Host) Run(name string, args ...string) error {
	return quiet(h.Command(context.Background(), name, args...))
}

// Command prepares a command on the host. It is killed when this process ends.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Name, name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Resolver names the DNS server that programs started on the host from now on ask.
func (h *Host) Resolver(addr string) error {
	if err := os.MkdirAll(h.settings(), 0o755); err != nil {
		return fmt.Errorf("netns: %w", err)
	}
	return os.WriteFile(filepath.Join(h.settings(), "resolv.conf"), []byte("nameserver "+addr+"\n"), 0o644)
}

// settings is where "ip netns exec" looks for files to lay over those in /etc.
func (h *Host) settings() string { return filepath.Join("/etc/netns", h.Name) }

// File is the open namespace. It belongs to the world.
func (h *Host) File() *os.File { return h.file }

// Dial connects as if from the host.
func (h *Host) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = h.Inside(func() error {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Listen listens as if on the host.
func (h *Host) Listen(ctx context.Context, network, addr string) (l net.Listener, err error) {
	err = h.Inside(func() error {
		l, err = (&net.ListenConfig{}).Listen(ctx, network, addr)
		return err
	})
	return l, err
}

// Inside calls f on a thread that is in the host's namespace. A socket stays in
// the namespace in which it was made. The thread comes back and lives on: were it
// to end, the kernel would kill the programs that it started (prctl(2), PDEATHSIG).
func (h *Host) Inside(f func() error) error {
	runtime.LockOSThread()
	if err := unix.Setns(int(h.file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("netns: enter %s: %w", h.Name, err)
	}
	err := f()
	if back := unix.Setns(int(h.world.home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("netns: leave %s: %w", h.Name, back)) // the thread stays locked: nobody else may use it
	}
	runtime.UnlockOSThread()
	return err
}

func run(name string, args ...string) error { return quiet(exec.Command(name, args...)) }

func quiet(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("netns: %s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
