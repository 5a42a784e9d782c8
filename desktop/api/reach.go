package api

// Modes: which ways may be used at all.
const (
	ModeOpen   = "open"   // every way, whichever works
	ModeLAN    = "lan"    // the local network and nothing else
	ModeTor    = "tor"    // everything through Tor, or another SOCKS proxy
	ModeCovert = "covert" // only bridges, which look like web sites
)

// Names of ways, in the order in which they are tried.
const (
	WayLAN    = "lan"    // another node on the local network
	WayQUIC   = "quic"   // straight, over UDP
	WayTCP    = "tcp"    // straight, over TCP
	WayPunch  = "punch"  // straight, through the routers of both sides at once
	WayRelay  = "relay"  // through a volunteer's node
	WayVeil   = "veil"   // through a bridge: one long visit to a web site
	WayDrip   = "drip"   // through a bridge: many short visits to a web site
	WayPT     = "pt"     // through a program of its own
	WayTor    = "tor"    // through Tor, or another SOCKS proxy
	WayBundle = "bundle" // by hand, as a file
)

// States of a way.
const (
	WayWorks   = "works"
	WayFails   = "fails"
	WayUntried = "untried" // there was no need, or nobody to try it with
	WayOff     = "off"     // the settings forbid it
)

// Reach is how this node gets to others, here and now.
type Reach struct {
	Summary  string        `json:"summary" doc:"A plain English sentence or two for a person"`
	State    string        `json:"state" enum:"connected,searching,alone,offline"`
	Peers    int           `json:"peers" doc:"Linnet nodes connected right now"`
	Ways     []Way         `json:"ways" doc:"All of them, in the order in which they are tried"`
	Public   bool          `json:"public" doc:"Others can reach this node by themselves"`
	Skew     *int64        `json:"clock_skew_ms,omitempty" doc:"How far this computer's clock is ahead of others'; absent while unknown"`
	Settings ReachSettings `json:"settings" doc:"What holds now"`
	Fixed    []string      `json:"fixed" doc:"Settings that were given when Linnet was started, and cannot be changed until it is started again"`
	SeenBy   []SeenBy      `json:"seen_by" doc:"Who can see that this person uses Linnet, with the settings that hold now"`
	IsBridge bool          `json:"is_bridge"`
}

// Way is how one way stands on the present network.
type Way struct {
	Name   string `json:"name" enum:"lan,quic,tcp,punch,relay,veil,drip,pt,tor,bundle"`
	State  string `json:"state" enum:"works,fails,untried,off"`
	Since  string `json:"since,omitempty" format:"date-time" doc:"When that began"`
	Why    string `json:"why,omitempty" doc:"In plain words, of a way that fails or is off"`
	Tried  int    `json:"tried" doc:"Tries on this network"`
	Worked int    `json:"worked" doc:"How many of them worked"`
	Peers  int    `json:"peers" doc:"Nodes connected by it now"`
}

// ReachSettings are a person's choices about reach.
type ReachSettings struct {
	Mode      string `json:"mode" enum:"open,lan,tor,covert"`
	NoMDNS    bool   `json:"no_mdns" doc:"Neither announce on the local network nor look there"`
	NoDHT     bool   `json:"no_dht" doc:"Do not use public meeting places"`
	DataSaver bool   `json:"data_saver" doc:"Fewer connections, small pieces, seldom comparisons"`
	SOCKS     string `json:"socks" doc:"host:port of Tor's SOCKS proxy, or another one"`
	Onion     string `json:"onion" doc:"name.onion:port at which an onion service leads to this node"`
	Look      string `json:"look" doc:"Which browser the connections to bridges look like; empty: Linnet chooses"`
}

// ReachPatch changes settings; absent fields stay. The node closes and opens again
// with them, which takes a moment: requests wait for it.
type ReachPatch struct {
	Mode      *string `json:"mode,omitempty" enum:"open,lan,tor,covert"`
	NoMDNS    *bool   `json:"no_mdns,omitempty"`
	NoDHT     *bool   `json:"no_dht,omitempty"`
	DataSaver *bool   `json:"data_saver,omitempty"`
	SOCKS     *string `json:"socks,omitempty" maxLength:"256"`
	Onion     *string `json:"onion,omitempty" maxLength:"256"`
	Look      *string `json:"look,omitempty" maxLength:"32"`
}

// Who may see that this person uses Linnet.
const (
	SeenByWire     = "wire"     // whoever watches the line: the provider, an employer
	SeenByNearby   = "nearby"   // others on the local network
	SeenByMeeting  = "meeting"  // those who keep notes of where people are: other nodes, and public meeting places
	SeenByPeople   = "people"   // people with whom topics are shared
	SeenByRelays   = "relays"   // volunteers
	SeenByBridges  = "bridges"  // those who run the bridges that are used here
	SeenByProxy    = "proxy"    // whoever runs Tor's nodes, or the proxy
	SeenByLetIn    = "let_in"   // those who have a link of this bridge
	SeenByStranger = "stranger" // everybody else on the internet
)

// SeenBy says what somebody can see, with the settings that hold now.
type SeenBy struct {
	Who  string `json:"who" enum:"wire,nearby,meeting,people,relays,bridges,proxy,let_in,stranger"`
	Sees bool   `json:"sees" doc:"They can tell that Linnet runs here"`
	Hard bool   `json:"hard,omitempty" doc:"It is made hard to tell, not impossible"`
	Text string `json:"text" doc:"One or two plain English sentences for a person"`
}

// Bridge is a bridge of somebody else's that this node may use.
type Bridge struct {
	ID        string `json:"id" doc:"Its peer id"`
	Name      string `json:"name" doc:"What its link calls it; may be empty"`
	Added     string `json:"added" format:"date-time"`
	Connected bool   `json:"connected"`
	Way       string `json:"way,omitempty" doc:"By which way it is connected"`
	Contact   string `json:"contact,omitempty" doc:"Id of the contact with whose link it came; absent: it came by a bridge link"`
}

// BridgeList is the answer to GET PathBridges, the newest first.
type BridgeList struct {
	Items []Bridge `json:"items"`
}

// BridgeAdd takes a bridge link.
type BridgeAdd struct {
	Link string `json:"link" minLength:"1" maxLength:"8192" doc:"A bridge link; words around it do no harm"`
}

// Pass is a bridge link that this node, a bridge, has handed out.
type Pass struct {
	ID      string `json:"id"`
	Name    string `json:"name" doc:"For whom it is; nobody else sees it"`
	Created string `json:"created" format:"date-time"`
	Used    string `json:"used,omitempty" format:"date-time" doc:"When somebody last came with it, to the hour; absent: never"`
	Revoked bool   `json:"revoked"`
	Link    string `json:"link,omitempty" doc:"The bridge link, which is a secret; absent once it was taken back, or while the bridge knows no address of its own"`
	Contact string `json:"contact,omitempty" doc:"Id of the contact who got it by being one; absent: it was made by hand"`
}

// PassList is the answer to GET PathPasses, the newest first.
type PassList struct {
	IsBridge bool   `json:"is_bridge" doc:"False: this node is no bridge and can hand out none"`
	Items    []Pass `json:"items"`
}

// PassDraft makes a bridge link for somebody.
type PassDraft struct {
	Name string `json:"name" minLength:"1" maxLength:"128" doc:"For whom it is; nobody else sees it"`
}

// LinkDraft asks for a link to a topic.
type LinkDraft struct {
	BridgePassName string `json:"bridge_pass_name,omitempty" maxLength:"128" doc:"For whom it is: the link leads through this bridge, with a pass of its own by that name. Absent: the ordinary link"`
}

// TopicLink is a link to a topic.
type TopicLink struct {
	Topic string `json:"topic"`
	Link  string `json:"link"`
}

// Accepted is the answer to POST PathAccept: the topic that is followed now, or
// the bridge that was added.
type Accepted struct {
	Topic
	Bridge *Bridge `json:"bridge,omitempty" doc:"Of a bridge link. There is no topic then: its id is empty"`
}
