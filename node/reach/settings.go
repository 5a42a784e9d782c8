package reach

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/linnet-im/linnet/node/reach/front"
)

// ErrSettings means that settings do not fit together. Its text is for people.
var ErrSettings = errors.New("reach: these settings do not work")

// Mode says which ways may be used at all.
type Mode string

// Modes. Their text is stored and travels in the local API.
const (
	ModeOpen   Mode = ""       // every way, whichever works
	ModeLAN    Mode = "lan"    // never a byte to or from an address outside the local network
	ModeTor    Mode = "tor"    // everything through the SOCKS proxy: no other packet leaves, name look-ups and mDNS included
	ModeCovert Mode = "covert" // bridges only, by ways that look like ordinary web traffic: no libp2p packet in clear, no DHT, no mDNS, from the first on
)

// Settings are a person's choices about reach. The zero value is a good default.
type Settings struct {
	Mode      Mode
	NoMDNS    bool   // neither announce on the local network nor look there
	NoDHT     bool   // do not use public meeting places
	DataSaver bool   // fewer connections, small pieces, seldom comparisons
	SOCKS     string // host:port of a SOCKS5 proxy on this computer, such as Tor's; required by ModeTor
	Onion     string // name.onion:port at which an onion service leads to this node; by ModeTor it is awaited on that port of 127.0.0.1, unless Config.Listen says another
	Look      string // which browser the connections to bridges look like; empty: chosen, see front
}

// Check reports what does not fit together. The error matches ErrSettings.
func (s Settings) Check() error {
	switch s.Mode {
	case ModeOpen, ModeLAN, ModeTor, ModeCovert:
	default:
		return fmt.Errorf("%w: there is no mode %q", ErrSettings, s.Mode)
	}
	if s.Mode == ModeTor && s.SOCKS == "" {
		return fmt.Errorf("%w: Tor only needs the address of Tor's SOCKS port, such as 127.0.0.1:9050", ErrSettings)
	}
	if s.Look != "" && !slices.Contains(front.Looks(), s.Look) {
		return fmt.Errorf("%w: there is no browser %.40q to look like, there are %s", ErrSettings, s.Look, strings.Join(front.Looks(), ", "))
	}
	for _, a := range []string{s.SOCKS, s.Onion} {
		if a == "" {
			continue
		}
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			return fmt.Errorf("%w: %.100q is not an address and a port", ErrSettings, a)
		}
	}
	return nil
}
