package scenes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
)

// A Tor network of our own: Debian's tor as authorities, relays and clients, which
// agree on a consensus every ten seconds instead of every hour. Nothing of it is known
// outside, and it knows of nothing outside.
const (
	torAuthorities = 3
	torRelays      = 5
	torGroup       = 9050 // every tor's, so that its packets can be told from Linnet's
	torControl     = "127.0.0.1:9051"
	torSOCKS       = "127.0.0.1:9050"
	torUp          = 3 * time.Minute // for a client to be ready, from nothing
)

// torNet is such a network on one host.
type torNet struct {
	host   *netns.Host
	addr   string
	folder string
	trust  string // the authorities, as torrc names them
	tors   []*tor
}

// tor is one tor that runs.
type tor struct {
	host  *netns.Host
	name  string
	dir   string
	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{}
	err   error // once it has ended
}

// newTorNet starts the authorities and relays, until close.
func newTorNet(ctx context.Context, h *netns.Host, addr, folder string) (n *torNet, err error) {
	for _, name := range []string{"tor", "tor-gencert"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("scenes: not run: there is no command %s", name)
		}
	}
	n = &torNet{host: h, addr: addr, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if err := n.found(ctx); err != nil {
		return n, err
	}
	for i := range torAuthorities {
		if _, err := n.start(h, authority(i), n.authorityLines(i)); err != nil {
			return n, err
		}
	}
	for i := range torRelays {
		if _, err := n.start(h, fmt.Sprint("relay", i), n.relayLines(i)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// close ends every tor.
func (n *torNet) close() error {
	var all []error
	for _, t := range n.tors {
		all = append(all, t.stop())
	}
	n.tors = nil
	return errors.Join(all...)
}

func authority(i int) string { return fmt.Sprint("authority", i) }

// Ports of the i-th authority and relay.
func authorityPorts(i int) (or, dir int) { return 5100 + i, 7100 + i }

func relayPort(i int) int { return 5200 + i }

// found makes the authorities' keys, and what the others are told of them.
func (n *torNet) found(ctx context.Context) error {
	var wg sync.WaitGroup
	lines, errs := make([]string, torAuthorities), make([]error, torAuthorities)
	for i := range torAuthorities {
		wg.Go(func() { lines[i], errs[i] = n.authorityKeys(ctx, i) })
	}
	wg.Wait()
	n.trust = strings.Join(lines, "")
	return errors.Join(errs...)
}

var (
	torIdentity    = regexp.MustCompile(`(?m)^fingerprint ([0-9A-F]{40})$`)
	torFingerprint = regexp.MustCompile(`(?m)^authority\d+((?: [0-9A-F]{4}){10})\s*$`)
)

func (n *torNet) authorityKeys(ctx context.Context, i int) (line string, err error) {
	dir := filepath.Join(n.folder, authority(i))
	keys := filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return "", fmt.Errorf("scenes: %w", err)
	}
	or, at := authorityPorts(i)
	gencert := n.host.Command(ctx, "tor-gencert", "--create-identity-key", "--passphrase-fd", "0", "-m", "12", "-a", fmt.Sprintf("%s:%d", n.addr, at),
		"-i", filepath.Join(keys, "authority_identity_key"), "-s", filepath.Join(keys, "authority_signing_key"), "-c", filepath.Join(keys, "authority_certificate"))
	gencert.Stdin = strings.NewReader("nothing secret\n")
	if out, err := gencert.CombinedOutput(); err != nil {
		return "", fmt.Errorf("scenes: tor-gencert: %w: %s", err, out)
	}
	cert, err := os.ReadFile(filepath.Join(keys, "authority_certificate"))
	if err != nil {
		return "", fmt.Errorf("scenes: %w", err)
	}
	list := n.host.Command(ctx, "tor", "--list-fingerprint", "--quiet", "--ignore-missing-torrc", "--defaults-torrc", "/dev/null", "-f", "/dev/null", "--DataDirectory", dir,
		"--ORPort", fmt.Sprint(or), "--Nickname", authority(i), "--DirAuthority", "none 127.0.0.1:1 "+strings.Repeat("f", 40))
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("scenes: tor --list-fingerprint: %w: %s", err, out)
	}
	identity, print := torIdentity.FindSubmatch(cert), torFingerprint.FindSubmatch(out)
	if identity == nil || print == nil {
		return "", fmt.Errorf("scenes: tor's keys are not as expected: %s\n%s", cert, out)
	}
	return fmt.Sprintf("DirAuthority %s orport=%d no-v2 v3ident=%s %s:%d %s\n", authority(i), or, identity[1], n.addr, at, strings.ReplaceAll(string(print[1]), " ", "")), nil
}

func (n *torNet) authorityLines(i int) string {
	or, dir := authorityPorts(i)
	return fmt.Sprintf(`SocksPort 0
ORPort %s:%d
DirPort %s:%d
Address %s
AssumeReachable 1
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody@example.org
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
V3AuthNIntervalsValid 2
TestingV3AuthInitialVotingInterval 10
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
ExitPolicy reject *:*
`, n.addr, or, n.addr, dir, n.addr)
}

// relayLines: exits lead nowhere, so that two who reach each other do by the onion.
func (n *torNet) relayLines(i int) string {
	return fmt.Sprintf(`SocksPort 0
ORPort %s:%d
Address %s
AssumeReachable 1
ContactInfo nobody@example.org
ExitPolicy reject *:*
`, n.addr, relayPort(i), n.addr)
}

// client starts a tor for a node on its host, with a SOCKS port on loopback. With a port
// it has an onion service, whose name it returns, for that port of loopback.
func (n *torNet) client(ctx context.Context, h *netns.Host, name string, port int) (t *tor, onion string, err error) {
	lines := "SocksPort " + torSOCKS + "\nControlPort " + torControl + "\nCookieAuthentication 0\n"
	service := filepath.Join(n.folder, name, "service")
	if port != 0 {
		lines += fmt.Sprintf("HiddenServiceDir %s\nHiddenServicePort %d\n", service, port)
	}
	if t, err = n.start(h, name, lines); err != nil || port == 0 {
		return t, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if b, err := os.ReadFile(filepath.Join(service, "hostname")); err == nil && len(b) > 0 {
			return t, fmt.Sprintf("%s:%d", strings.TrimSpace(string(b)), port), nil
		}
		if err := t.pause(ctx, beat); err != nil {
			return t, "", err
		}
	}
}

// start runs one tor until close.
func (n *torNet) start(h *netns.Host, name, lines string) (*tor, error) {
	t := &tor{host: h, name: name, dir: filepath.Join(n.folder, name), ended: make(chan struct{})}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	torrc := fmt.Sprintf("TestingTorNetwork 1\nDataDirectory %s\nNickname %s\nLog notice stdout\nSafeLogging 0\n%s%s", t.dir, name, n.trust, lines)
	err := os.WriteFile(filepath.Join(t.dir, "torrc"), []byte(torrc), 0o600)
	if err == nil {
		t.log, err = os.Create(filepath.Join(t.dir, "log"))
	}
	if err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	t.cmd = h.Command(background, "tor", "--ignore-missing-torrc", "--defaults-torrc", "/dev/null", "-f", filepath.Join(t.dir, "torrc"))
	t.cmd.SysProcAttr.Credential = &syscall.Credential{Gid: torGroup}
	t.cmd.Stdout, t.cmd.Stderr = t.log, t.log
	if err := t.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("scenes: tor: %w", err), t.log.Close())
	}
	go func() { // it ends when tor does, which stop sees to
		t.err = t.cmd.Wait()
		close(t.ended)
	}()
	n.tors = append(n.tors, t)
	return t, nil
}

// pause waits, and fails when tor has ended meanwhile.
func (t *tor) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-t.ended:
		return fmt.Errorf("scenes: tor %s has ended: %v\n%s", t.name, t.err, t.tail())
	case <-ctx.Done():
		return fmt.Errorf("scenes: tor %s: %w\n%s", t.name, ctx.Err(), t.tail())
	case <-time.After(d):
		return nil
	}
}

// ready waits until tor has a way through its network, and where it has an onion
// service until that can be found there (control-spec, STATUS_CLIENT and HS_DESC).
func (t *tor) ready(ctx context.Context, service bool) error {
	ctx, cancel := context.WithTimeout(ctx, torUp)
	defer cancel()
	var c net.Conn
	for {
		var err error
		if c, err = t.host.Dial(ctx, "tcp", torControl); err == nil {
			break
		}
		if err := t.pause(ctx, beat); err != nil {
			return err
		}
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := fmt.Fprint(c, "AUTHENTICATE\r\nSETEVENTS STATUS_CLIENT HS_DESC\r\nGETINFO status/bootstrap-phase\r\n"); err != nil {
		return fmt.Errorf("scenes: control tor %s: %w", t.name, err)
	}
	done, found := false, !service
	lines := bufio.NewScanner(c)
	for !(done && found) && lines.Scan() {
		line := lines.Text()
		done = done || strings.Contains(line, "BOOTSTRAP PROGRESS=100 ")
		found = found || strings.HasPrefix(line, "650 HS_DESC UPLOADED ")
		if strings.HasPrefix(line, "5") {
			return fmt.Errorf("scenes: control tor %s: %s", t.name, line)
		}
	}
	if !(done && found) {
		return fmt.Errorf("scenes: tor %s is not ready: through its network %v, its service can be found %v: %w\n%s", t.name, done, found, errors.Join(lines.Err(), ctx.Err()), t.tail())
	}
	return nil
}

// stop ends tor, which has nothing to keep; now and then one does not end politely.
func (t *tor) stop() error {
	defer t.log.Close()
	select {
	case <-t.ended:
		return fmt.Errorf("scenes: tor %s ended by itself: %v\n%s", t.name, t.err, t.tail())
	default:
	}
	_ = t.cmd.Process.Kill() // it may be ending
	<-t.ended
	return nil
}

// tail is the end of the log.
func (t *tor) tail() string {
	b, err := os.ReadFile(t.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}
