package server

import (
	"net"

	"github.com/linnet-im/linnet/desktop/api"
)

// seenBy answers who can see that this person uses Linnet, with the settings that hold.
func (s standing) seenBy() []api.SeenBy {
	list := []api.SeenBy{s.wire(), s.nearby(), s.meeting(), s.people()}
	mode := s.mode()
	if mode == api.ModeOpen {
		list = append(list, api.SeenBy{Who: api.SeenByRelays, Sees: true,
			Text: "Where no direct way works, volunteers pass on what is sent. They see your address and with whom it talks, not what is said."})
	}
	if s.proxied() {
		list = append(list, s.proxy())
	}
	if mode == api.ModeCovert || len(s.bridges) > 0 && mode != api.ModeLAN {
		list = append(list, s.bridgeOwners())
	}
	if s.isBridge {
		list = append(list, api.SeenBy{Who: api.SeenByLetIn, Sees: true,
			Text: "Everybody who has a link of this bridge knows its address, and that it is a bridge. Whoever else looks there sees a web site."})
	}
	if s.outlook.Public && mode == api.ModeOpen {
		list = append(list, api.SeenBy{Who: api.SeenByStranger, Sees: true,
			Text: "This computer can be reached from the internet: whoever tries its port can tell that Linnet answers there."})
	}
	return list
}

// proxied reports whether a SOCKS proxy may be used.
func (s standing) proxied() bool {
	mode := s.mode()
	return s.settings.SOCKS != "" && (mode == api.ModeTor || mode == api.ModeOpen)
}

// proxyIsHere reports whether the proxy runs on this computer, as Tor's does.
func (s standing) proxyIsHere() bool {
	host, _, err := net.SplitHostPort(s.settings.SOCKS)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (s standing) wire() api.SeenBy {
	says := api.SeenBy{Who: api.SeenByWire, Sees: true}
	switch s.mode() {
	case api.ModeLAN:
		says.Text = "Nothing leaves this network. Whoever runs it can tell which of its computers talk with each other by Linnet."
	case api.ModeTor:
		if !s.proxyIsHere() {
			says.Text = "The way from here to the proxy is not hidden: whoever watches it can tell that Linnet runs here."
			break
		}
		says.Sees, says.Text = false, "Your provider, or whoever else watches your line, can tell that you use Tor, and not that you use Linnet."
	case api.ModeCovert:
		says.Sees, says.Hard = false, true
		says.Text = "Your provider, or whoever else watches your line, sees encrypted visits to a web site, made to look like those of a browser. Who knows that site as a bridge can tell."
	default:
		says.Text = "Your provider, or whoever else watches your line, can tell that Linnet runs here and with which addresses it talks, not what is said."
	}
	return says
}

func (s standing) nearby() api.SeenBy {
	mode := s.mode()
	if s.settings.NoMDNS || mode == api.ModeTor || mode == api.ModeCovert {
		return api.SeenBy{Who: api.SeenByNearby, Text: "Linnet does not announce itself on the local network, and does not look for others there."}
	}
	return api.SeenBy{Who: api.SeenByNearby, Sees: true,
		Text: "Linnet announces itself on the local network, so that people beside you are found without internet. Others there can tell that it runs here, and not your name."}
}

func (s standing) meeting() api.SeenBy {
	switch {
	case s.mode() != api.ModeOpen:
		return api.SeenBy{Who: api.SeenByMeeting, Text: "Meeting places are not used."}
	case s.settings.NoDHT:
		return api.SeenBy{Who: api.SeenByMeeting, Sees: true,
			Text: "Public meeting places are not used. Linnet leaves notes of where you are with other people's Linnet; which topics you follow they tell only to somebody who has their links."}
	}
	return api.SeenBy{Who: api.SeenByMeeting, Sees: true,
		Text: "To find people whose addresses have changed, Linnet leaves notes of where you are with other people's Linnet and at public meeting places. Which topics you follow they tell only to somebody who has their links."}
}

func (s standing) people() api.SeenBy {
	says := api.SeenBy{Who: api.SeenByPeople}
	switch s.mode() {
	case api.ModeTor:
		says.Text = "People with whom you share a topic do not see your address: what you send comes to them from Tor."
		if s.settings.Onion != "" {
			says.Text = "People with whom you share a topic see your onion address, which does not tell where you are."
		}
		says.Sees = false
	case api.ModeCovert:
		says.Text = "People with whom you share a topic do not see your address: what you send comes to them from your bridges."
	case api.ModeLAN:
		says.Sees, says.Text = true, "People on this network with whom you share a topic see the address of this computer while you are connected."
	default:
		says.Sees, says.Text = true, "People with whom you share a topic see the address of this computer while you are connected."
	}
	return says
}

func (s standing) proxy() api.SeenBy {
	if s.proxyIsHere() {
		return api.SeenBy{Who: api.SeenByProxy,
			Text: "The nodes of Tor pass on what is sealed. None of them alone sees both where you are and with whom you talk."}
	}
	return api.SeenBy{Who: api.SeenByProxy, Sees: true,
		Text: "Whoever runs the proxy at " + s.settings.SOCKS + " sees your address and with whom it talks, not what is said."}
}

func (s standing) bridgeOwners() api.SeenBy {
	if s.mode() == api.ModeTor {
		return api.SeenBy{Who: api.SeenByBridges, Text: "Whoever runs a bridge that you use sees an address of Tor instead of yours."}
	}
	return api.SeenBy{Who: api.SeenByBridges, Sees: true,
		Text: "Whoever runs a bridge that you use sees your address, and when and how much you send. What is private they cannot read."}
}
