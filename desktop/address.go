package desktop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/linnet-im/linnet/desktop/shell"
)

// firstPort is where the page of the first data folder on a computer is.
const firstPort = 4747

// portFile, in the data folder, holds the port of last time, so that bookmarks
// and open tabs go on working.
const portFile = "ui-port"

// parseUI reads an address for the page. It must be 127.0.0.1: whoever reaches
// the page's port may try to get at the person's conversations.
func parseUI(s string) (netip.AddrPort, error) {
	refuse := func(why string) error {
		return &Error{Code: CodeUIAddress, Title: "the page cannot be served at " + strconv.Quote(s),
			Detail: why + "; use 127.0.0.1 with a port, such as --ui 127.0.0.1:4747"}
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, refuse("it is not an address with a port")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, refuse("the port is not a number up to 65535")
	}
	here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "localhost" || err == nil && addr == here:
		return netip.AddrPortFrom(here, uint16(number)), nil
	case err == nil && addr.IsLoopback():
		// One origin: a browser keeps nothing apart that belongs together.
		return netip.AddrPort{}, refuse("of the addresses of this computer, the page answers at one only")
	}
	return netip.AddrPort{}, refuse("other computers could reach it there, the page is for this one only")
}

// listenUI opens the port of the page: the one asked for, or with ui empty the
// remembered one, the usual one, or any free one.
func listenUI(ui, dir string) (net.Listener, error) {
	if ui == "" {
		return listenStable(dir)
	}
	at, err := parseUI(ui)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", at.String())
	if shell.PortInUse(err) {
		return nil, &Error{Code: CodeUIBusy, Title: fmt.Sprintf("the page's port %d is taken", at.Port()), Err: err,
			Detail: "another program uses " + at.String() + "; close it, choose another port with --ui, or leave --ui out to let Linnet choose"}
	}
	if err != nil {
		return nil, &Error{Code: CodeUIAddress, Title: "the page cannot be served at " + at.String(), Err: err,
			Detail: lastCause(err) + "; choose another address with --ui"}
	}
	return l, nil
}

func listenStable(dir string) (net.Listener, error) {
	before := readPort(dir)
	var last error
	for _, port := range []int{before, firstPort, 0} {
		if port < 0 {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		return l, writePort(dir, before, l)
	}
	return nil, &Error{Code: CodeUIAddress, Title: "the page cannot be served", Err: last,
		Detail: "this computer opens no port at 127.0.0.1 (" + lastCause(last) + "); a firewall or sandbox may forbid it"}
}

// readPort returns the remembered port, -1 if there is none.
func readPort(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, portFile))
	if err != nil {
		return -1
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 16)
	if err != nil || port == 0 {
		return -1
	}
	return int(port)
}

// writePort remembers the port of l; it closes l if that fails.
func writePort(dir string, before int, l net.Listener) error {
	port := l.Addr().(*net.TCPAddr).Port
	if port == before {
		return nil
	}
	err := shell.WritePrivate(filepath.Join(dir, portFile), []byte(strconv.Itoa(port)+"\n"))
	if err != nil {
		return errors.Join(folderError(dir, err), l.Close())
	}
	return nil
}

// lastCause is what the system said, without the call that it said it to.
func lastCause(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	return err.Error()
}
