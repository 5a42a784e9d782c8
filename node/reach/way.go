package reach

import "time"

// WayName names one way to reach others. The text travels in the local API.
type WayName string

// The ways, in the order of the ladder.
const (
	WayLAN    WayName = "lan"    // another node on the local network
	WayQUIC   WayName = "quic"   // straight, over UDP
	WayTCP    WayName = "tcp"    // straight, over TCP
	WayPunch  WayName = "punch"  // straight, through two NATs at once
	WayRelay  WayName = "relay"  // through a volunteer's node
	WayVeil   WayName = "veil"   // through a web site: WebSocket in browser-like TLS
	WayDrip   WayName = "drip"   // through a web site: many short requests
	WayPT     WayName = "pt"     // through a pluggable transport, a program of its own
	WayTor    WayName = "tor"    // through a SOCKS proxy, such as Tor's
	WayBundle WayName = "bundle" // by hand
)

// WayState says how a way stands, here and now.
type WayState string

// States of a way.
const (
	WayWorks   WayState = "works"   // somebody is, or was just now, reached by it
	WayFails   WayState = "fails"   // it was tried and did not work
	WayUntried WayState = "untried" // there was no need, or nobody to try it with
	WayOff     WayState = "off"     // the settings forbid it
)

// Way is how one way stands on the present network.
type Way struct {
	Name   WayName
	State  WayState
	Since  time.Time // when State began; zero for untried and off
	Why    string    // in plain words, for WayFails and WayOff; may be empty
	Tried  int       // tries on this network
	Worked int       // how many of them worked
	Peers  int       // nodes that are connected by it now
}

// Outlook is what a node knows about its reach on the present network.
type Outlook struct {
	Network   string        // an opaque name of the network, the same when it is met again
	Ways      []Way         // all of them, in the order of the ladder
	Public    bool          // others can reach this node by themselves
	Skew      time.Duration // how far this computer's clock is ahead of others', 0 when unknown or small
	SkewKnown bool
}
