package reach

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/libp2p/go-netroute"
)

// place is the network that this computer is on, as far as it can be told from
// others: by the router that leads out of it, or else by its subnets.
type place struct {
	addrs string         // all addresses of the computer, to notice a change
	mark  string         // what the network's name is made of; empty: no network
	nets  []netip.Prefix // networks that the computer has an address on
}

// lookAtPlace reads the computer's addresses and its way out. It sends nothing.
func lookAtPlace() place {
	var all, subnets []string
	var nets []netip.Prefix
	interfaces, err := net.Interfaces()
	if err != nil {
		return place{}
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			all = append(all, i.Name+" "+a.String())
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				nets = append(nets, p.Masked())
				subnets = append(subnets, p.Masked().String())
			}
		}
	}
	slices.Sort(all)
	slices.Sort(subnets)
	out := place{addrs: strings.Join(all, ","), nets: nets}
	gate, mac := wayOut()
	switch {
	case mac != "":
		out.mark = "router " + mac
	case gate != "":
		out.mark = "gate " + gate + " " + strings.Join(slices.Compact(subnets), ",")
	case len(subnets) > 0:
		out.mark = "subnets " + strings.Join(slices.Compact(subnets), ",")
	}
	out.addrs += "|" + gate
	return out
}

// wayOut returns the router's address, and its hardware address where the system
// tells it. 192.0.2.1 is nobody's: nothing is sent there.
func wayOut() (gate, mac string) {
	r, err := netroute.New()
	if err != nil {
		return "", ""
	}
	for _, far := range []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")} {
		_, g, _, err := r.Route(far)
		if err == nil && g != nil && !g.IsUnspecified() {
			return g.String(), hardware(g.String())
		}
	}
	return "", ""
}

// hardware looks an address up in the neighbour table that Linux shows as a file.
func hardware(ip string) string {
	f, err := os.Open("/proc/net/arp")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) >= 4 && fields[0] == ip && fields[3] != "00:00:00:00:00:00" {
			return fields[3]
		}
	}
	return ""
}

// name makes the opaque name of a network: the same when it is met again by this
// installation, and telling nothing to whoever reads it elsewhere.
func (p place) name(secret []byte) string {
	if p.mark == "" {
		return ""
	}
	h := sha256.New()
	h.Write([]byte("linnet/network/1"))
	h.Write(secret)
	h.Write([]byte(p.mark))
	return hex.EncodeToString(h.Sum(nil)[:networkName])
}

const networkName = 8 // bytes
