package api

// Topic kinds.
const (
	KindBroadcast = "broadcast" // few write, anyone with the link reads
	KindOpen      = "open"      // anyone with the link reads and writes
	KindPrivate   = "private"   // members read and write, sealed
	KindDirect    = "direct"    // two people, sealed
	KindContact   = "contact"   // in previews: a link to a person
	KindBridge    = "bridge"    // in previews: a link to a bridge
)

// Why the text of a sealed message cannot be read.
const (
	ClosedPending = "pending" // its key has not arrived yet
	ClosedBefore  = "before"  // it was sealed to others: before this device belonged to the topic, or after
	ClosedErased  = "erased"  // its key was erased
	ClosedLost    = "lost"    // it was sealed to a key that this device has no more
	ClosedForged  = "forged"  // its writer sealed nonsense
	ClosedFaded   = "faded"   // it has disappeared, or is not kept here any more
)

// Roles that this node can have in a topic.
const (
	RoleOwner  = "owner"
	RoleAdmin  = "admin"
	RoleWriter = "writer"
	RoleReader = "reader"
)

// Message states. Own posts go from queued to handed to stored; posts of others are received.
const (
	StateQueued       = "queued"       // on this disk, it has left for nobody yet
	StateHanded       = "handed"       // sent to at least one other node, which has not said yet that it stored it
	StateStored       = "stored"       // at least one other node says that it has stored it, see StoredBy
	StateAcknowledged = "acknowledged" // in a direct topic: a device of the other person has it
	StateRead         = "read"         // in a direct topic: the other person has read it, and both have switched receipts on
	StateReceived     = "received"     // written by somebody else, stored here
)

// Completeness states of a topic.
const (
	CompleteAll     = "complete" // all that an owner or admin vouched for is here, see Checkpoint, and no gap is known
	CompleteUnknown = "unknown"  // no gap is known, but nobody vouches that this is all
	CompleteMissing = "missing"  // at least Missing records are known to exist and are not here
	CompleteWaiting = "waiting"  // nothing arrived yet: the topic's first record is still being asked for
	CompleteForked  = "forked"   // a sender signed two different records with one number, see Forks
)

// What a topic keeps on this computer. Texts are dropped before the records that prove their place.
const (
	KeepAll  = "all"
	KeepLast = "last" // the texts of the last N posts
	KeepDays = "days" // the texts of the last N days
)

// Reachability states of a node.
const (
	ReachConnected = "connected" // at least one other Linnet node is connected
	ReachSearching = "searching" // nobody is connected; known addresses are being tried
	ReachAlone     = "alone"     // nobody is known whom one could try
	ReachOffline   = "offline"   // this computer has no network
)

// Node is the state of the node itself.
type Node struct {
	Version      string       `json:"version"`
	PeerID       string       `json:"peer_id" doc:"libp2p peer id of this installation"`
	Addresses    []string     `json:"addresses" doc:"Multiaddrs, with /p2p/, at which this node listens"`
	Peers        int          `json:"peers" doc:"Linnet nodes connected right now"`
	Reachability Reachability `json:"reachability"`
	Name         string       `json:"name" doc:"Name of the person; empty before the first start is finished"`
	Started      string       `json:"started" format:"date-time"`
	Disk         Disk         `json:"disk"`
	Damage       *Damage      `json:"damage,omitempty" doc:"What was found damaged on the disk, until DELETE PathDamage says that it was read"`
}

// What became of damage on the disk.
const (
	DamageMended  = "mended"  // put right, nothing is lost
	DamageRescued = "rescued" // this is a new device of the person, with what could be read and what had a second copy
	DamageFound   = "found"   // just now: the next start puts it right as far as it can
)

// Damage is what was found damaged on the disk.
type Damage struct {
	State   string `json:"state" enum:"mended,rescued,found"`
	Time    string `json:"time,omitempty" format:"date-time"`
	Topics  int    `json:"topics" doc:"That came back"`
	Records int    `json:"records" doc:"That could still be read; the others come from those who have them"`
	Detail  string `json:"detail" doc:"The technical cause"`
	Summary string `json:"summary" doc:"What it means, for a person"`
}

// Reachability says in a word and in a sentence who can be reached.
type Reachability struct {
	State   string `json:"state" enum:"connected,searching,alone,offline"`
	Summary string `json:"summary" doc:"A plain English sentence or two for a person"`
	Nearby  int    `json:"nearby" doc:"How many of the connected nodes are on the local network"`
	LANOnly bool   `json:"lan_only"`
	Mode    string `json:"mode" enum:"open,lan,tor,covert" doc:"Which ways may be used at all"`
}

// Disk says how the data folder stands.
type Disk struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes" doc:"Size of the store on disk"`
	Free  int64  `json:"free" doc:"Bytes free on that disk, -1 when unknown"`
}

// Me is the person.
type Me struct {
	Name    string `json:"name"`
	Account string `json:"account" doc:"Public key of the account, hex"`
	Device  string `json:"device" doc:"Public key of this device, hex"`
	Phrase  string `json:"phrase" enum:"unchecked,checked,absent" doc:"Whether the recovery phrase was written down; absent on a device that has none"`
}

// Hints is what the other person of a direct topic may see of you. All are off until
// you switch them on, and who shows nothing is shown nothing. In a PATCH absent
// fields stay.
type Hints struct {
	Receipts *bool `json:"receipts,omitempty" doc:"Up to where you have read"`
	Typing   *bool `json:"typing,omitempty" doc:"That you are typing"`
	Presence *bool `json:"presence,omitempty" doc:"That you are using Linnet"`
}

// Live is how the other person of a direct topic stands right now.
type Live struct {
	Typing bool `json:"typing"`
	Here   bool `json:"here"`
}

// MePatch changes the person's name.
type MePatch struct {
	Name string `json:"name" minLength:"1" maxLength:"128"`
}

// Peer is one connected node.
type Peer struct {
	PeerID  string `json:"peer_id"`
	Address string `json:"address"`
	Nearby  bool   `json:"nearby"`
	Topics  int    `json:"topics" doc:"Topics of ours that it follows too"`
}

// PeerList is the answer to GET PathPeers.
type PeerList struct {
	Items []Peer `json:"items"`
}

// PeerAdd asks to connect to a multiaddr now.
type PeerAdd struct {
	Address string `json:"address" maxLength:"1024" doc:"Multiaddr ending in /p2p/PEERID" example:"/ip4/192.0.2.1/udp/4040/quic-v1/p2p/12D3KooW…"`
}

// TopicDraft makes a topic.
type TopicDraft struct {
	Kind          string `json:"kind" enum:"broadcast,open,private"`
	Name          string `json:"name" minLength:"1" maxLength:"128"`
	Description   string `json:"description,omitempty" maxLength:"2048"`
	NewcomersRead int    `json:"newcomers_read,omitempty" minimum:"-1" maximum:"4096" doc:"Private only: how many of the last messages from before they came newcomers may read; -1 all"`
	FadeSeconds   int    `json:"fade_seconds,omitempty" minimum:"0" maximum:"315360000" doc:"Private only, and not together with newcomers_read: messages disappear after so long; 0 never"`
}

// TopicPatch changes a topic; absent fields stay. Name and Description need the
// role owner or admin, Retention concerns this computer only.
type TopicPatch struct {
	Name        *string    `json:"name,omitempty" minLength:"1" maxLength:"128"`
	Description *string    `json:"description,omitempty" maxLength:"2048"`
	Retention   *Retention `json:"retention,omitempty"`
	HideOrigin  *bool      `json:"hide_origin,omitempty" doc:"See Topic; not for direct topics"`
	// NewcomersRead needs the role owner or admin of a private topic.
	// FadeSeconds needs the role owner or admin of a private topic, or a direct one.
	FadeSeconds   *int `json:"fade_seconds,omitempty" minimum:"0" maximum:"315360000" doc:"Messages written from now on disappear after so long from the computers of all who take part; 0 never. Nothing can force a changed program, or a photograph, to forget"`
	NewcomersRead *int `json:"newcomers_read,omitempty" minimum:"-1" maximum:"4096" doc:"How many of the last messages newcomers may read, from now on; 0 none, -1 all"`
}

// Retention says what is kept of a topic on this computer. Own posts are always kept.
type Retention struct {
	Keep string `json:"keep" enum:"all,last,days"`
	N    int    `json:"n,omitempty" minimum:"0" maximum:"10000000" doc:"How many posts or days; absent with all"`
}

// Topic is one conversation as this node sees it.
type Topic struct {
	ID           string       `json:"id"`
	Kind         string       `json:"kind" enum:"broadcast,open,private,direct"`
	Name         string       `json:"name"`
	Description  string       `json:"description"`
	Link         string       `json:"link" doc:"What to send a person so that they can follow; carries an address of this node. Of a private topic: so that they can keep and serve it without reading; PathInvites makes links for members"`
	Role         string       `json:"role" enum:"owner,admin,writer,reader"`
	CanPost      bool         `json:"can_post"`
	Unread       int          `json:"unread" doc:"Posts of others after the read mark; counted up to 1000"`
	ReadUpTo     string       `json:"read_up_to" doc:"Id of the newest message that was read, empty if none"`
	Followers    int          `json:"followers" doc:"Nodes connected right now that follow this topic"`
	Completeness Completeness `json:"completeness"`
	Retention    Retention    `json:"retention"`
	HideOrigin   bool         `json:"hide_origin" doc:"What is written here goes along a line of other nodes before it is published, so that nobody who watches can tell where it comes from. It takes about a second longer. Concerns this computer only; on in private topics until it is switched off"`
	Last         *Message     `json:"last,omitempty" doc:"Newest message"`
	Draft        string       `json:"draft"`
	Contact      string       `json:"contact,omitempty" doc:"Of a direct topic: the id of the contact"`
	Live         *Live        `json:"live,omitempty" doc:"Of a direct topic: how the other person stands right now; absent where you have not switched that on"`
	Sealing      *Sealing     `json:"sealing,omitempty" doc:"Of a private or direct topic"`
	Created      string       `json:"created" format:"date-time"`
	Joined       string       `json:"joined" format:"date-time"`
}

// Sealing says how this device stands in a private or direct topic.
type Sealing struct {
	Member        bool   `json:"member" doc:"This device is to read it. False: it keeps and serves it only, was removed, or has not been let in yet"`
	Members       int    `json:"members" doc:"Devices that read it"`
	Invited       int    `json:"invited" doc:"Invitations that nobody has taken up"`
	Joining       bool   `json:"joining" doc:"An invitation was taken up; it works once somebody who may let this device in has been connected"`
	Refused       bool   `json:"refused" doc:"Somebody else has used the invitation: ask for another"`
	Removed       bool   `json:"removed" doc:"This device was a member and is none any more"`
	FadeSeconds   int    `json:"fade_seconds" doc:"Seconds after which messages disappear; 0 never"`
	Stranger      bool   `json:"stranger" doc:"Of a direct topic: somebody reads it who is neither of the two people"`
	NewcomersRead int    `json:"newcomers_read" doc:"How many of the last messages from before they came newcomers may read; -1 all"`
	Summary       string `json:"summary" doc:"One plain English sentence for a person"`
}

// Member is a device with a role in a topic; in a private or direct one, that reads it.
type Member struct {
	Author Author `json:"author"`
	Role   string `json:"role" enum:"owner,admin,writer,reader"`
}

// MemberPatch gives a member a higher role.
type MemberPatch struct {
	Role string `json:"role" enum:"admin,writer"`
}

// MemberList is the answer to GET PathMembers.
type MemberList struct {
	Items   []Member `json:"items"`
	Invited int      `json:"invited" doc:"Invitations that nobody has taken up"`
}

// InvitesCancelled answers DELETE PathInvites.
type InvitesCancelled struct {
	Cancelled int `json:"cancelled" doc:"Invitations that nobody had used, and that let nobody in any more"`
}

// Invite is a link that makes whoever uses it first a member of a private topic, or
// lets them write in a broadcast.
type Invite struct {
	Link    string `json:"link"`
	Expires string `json:"expires" format:"date-time"`
}

// Contact is a person whom this one knows, or who asks to be known.
type Contact struct {
	ID       string `json:"id" doc:"The person's account key, hex"`
	Name     string `json:"name" doc:"The name that you gave, else the one that the person uses"`
	Claimed  string `json:"claimed" doc:"What the person calls itself"`
	Topic    string `json:"topic" doc:"The direct topic with the person; empty while there is none"`
	Request  bool   `json:"request" doc:"The person used your link and you have not accepted yet"`
	Waiting  bool   `json:"waiting" doc:"You wrote first, and the person has not been heard of since"`
	Verified bool   `json:"verified" doc:"You compared the safety number"`
	Blocked  bool   `json:"blocked"`
	Added    string `json:"added" format:"date-time"`
	Keepers  int    `json:"keepers" doc:"Nodes of the person's contacts that keep sealed mail for it while it is away; 0: what you write waits here until you are both connected"`
	// NewDevice calls for care: whoever has the person's recovery phrase can make one.
	NewDevice string `json:"new_device,omitempty" format:"date-time" doc:"When the person began to write from a device that was not known here, until devices_seen; absent for none"`
}

// ContactList is the answer to GET PathContacts, by name.
type ContactList struct {
	Items []Contact `json:"items"`
}

// ContactAdd makes a contact of a link, and a direct topic with the person.
type ContactAdd struct {
	Link string `json:"link" minLength:"1" maxLength:"65536" doc:"A contact link; words around it do no harm"`
	Name string `json:"name,omitempty" maxLength:"128" doc:"What to call the person here"`
}

// ContactPatch changes a contact; absent fields stay.
type ContactPatch struct {
	Name     *string `json:"name,omitempty" maxLength:"128" doc:"Empty: the name that the person uses"`
	Blocked  *bool   `json:"blocked,omitempty"`
	Accepted *bool   `json:"accepted,omitempty" doc:"True accepts a request"`
	Verified *bool   `json:"verified,omitempty" doc:"False takes a verification back"`
	Seen     *bool   `json:"devices_seen,omitempty" doc:"True: the notice of a new device was read"`
}

// Safety is what two people compare to see that nobody stands between them.
type Safety struct {
	Groups []string `json:"groups" doc:"Twelve groups of five digits, the same for both people"`
	Code   string   `json:"code" doc:"To be shown as a QR code"`
}

// Verification says how a comparison of safety numbers went.
type Verification struct {
	Scanned string `json:"scanned,omitempty" maxLength:"256" doc:"What was scanned from the other's screen"`
	Same    bool   `json:"same,omitempty" doc:"The digits were compared by eye and are the same"`
}

// Results of a comparison.
const (
	SafetyMatch      = "match"
	SafetyDifferent  = "different"
	SafetyUnreadable = "unreadable"
	SafetyVersion    = "other_version"
	SafetyOwn        = "own_code"
)

// Verified is the answer to POST PathVerify.
type Verified struct {
	Result  string  `json:"result" enum:"match,different,unreadable,other_version,own_code"`
	Contact Contact `json:"contact"`
}

// MeLink is what to send a person so that they can write to you.
type MeLink struct {
	Link string `json:"link"`
}

// Device is an installation of the person's.
type Device struct {
	ID    string `json:"id" doc:"Public key of the device, hex"`
	Name  string `json:"name" doc:"Given when it was added; empty for the first"`
	This  bool   `json:"this"`
	Added string `json:"added" format:"date-time"`
}

// DeviceList is the answer to GET PathDevices, this one first.
type DeviceList struct {
	Items []Device `json:"items"`
	Add   bool     `json:"add" doc:"This device can add others. Only where Linnet was first set up, or restored, can it"`
}

// DeviceAdd makes a fresh installation a device of the person. Link is what
// GET PathMeLink says there.
type DeviceAdd struct {
	Link    string `json:"link" minLength:"1" maxLength:"65536"`
	Name    string `json:"name,omitempty" maxLength:"128" doc:"What to call the device"`
	History bool   `json:"history,omitempty" doc:"It also gets what was written in private and direct topics before, bit by bit, while both run"`
}

// DeviceRemoved answers the removal of a device.
type DeviceRemoved struct {
	Left    int    `json:"left" doc:"Topics from which only somebody else can remove it"`
	Summary string `json:"summary" doc:"One plain English sentence for a person"`
}

// DeviceOffer is the account that another installation offers to this empty one.
type DeviceOffer struct {
	Account string `json:"account" doc:"Public key of the account, hex"`
	Name    string `json:"name" doc:"What the person calls itself"`
	Ready   bool   `json:"ready" doc:"All of it has arrived"`
	Topics  int    `json:"topics"`
	People  int    `json:"people"`
}

// Kinds of protection of the data folder.
const (
	ProtectionNone       = "none"       // whoever has the folder reads it
	ProtectionPassphrase = "passphrase" // asked at each start
	ProtectionKeyring    = "keyring"    // the system's keyring has the secret
)

// Lock says how the data folder is protected. It is answered while locked.
type Lock struct {
	Protection string `json:"protection" enum:"none,passphrase,keyring"`
	Locked     bool   `json:"locked"`
	AutoLock   int    `json:"auto_lock_minutes" doc:"Minutes without use of the page after which Linnet locks itself; 0 never"`
	Keyring    bool   `json:"keyring_available"`
}

// LockChange sets the protection. Current is needed where there is a passphrase.
type LockChange struct {
	Current    string  `json:"current,omitempty" maxLength:"1024"`
	Protection *string `json:"protection,omitempty" enum:"none,passphrase,keyring"`
	Passphrase string  `json:"passphrase,omitempty" maxLength:"1024" doc:"The new one"`
	Decoy      string  `json:"decoy,omitempty" maxLength:"1024" doc:"Typed instead of the passphrase, it destroys everything and opens an empty Linnet"`
	AutoLock   *int    `json:"auto_lock_minutes,omitempty" minimum:"0" maximum:"1440"`
}

// Unlock opens a locked node.
type Unlock struct {
	Passphrase string `json:"passphrase" maxLength:"1024"`
}

// Wipe destroys everything in the data folder. Confirm must be "wipe".
type Wipe struct {
	Confirm string `json:"confirm"`
}

// BackupOrder asks for a backup sealed under a passphrase of its own.
type BackupOrder struct {
	Passphrase string `json:"passphrase" minLength:"1" maxLength:"1024"`
	History    bool   `json:"history,omitempty" doc:"With the records of all topics; else these are fetched from others again"`
}

// RestoreReport says what came out of a backup.
type RestoreReport struct {
	Name    string `json:"name"`
	Topics  int    `json:"topics"`
	Records int    `json:"records"`
	Summary string `json:"summary" doc:"One plain English sentence for a person"`
}

// Recovery is the account's recovery phrase. Whoever reads it is the person.
type Recovery struct {
	Words   []string `json:"words"`
	Ask     []int    `json:"ask" doc:"Positions, from 1, to ask for once it was written down"`
	Checked bool     `json:"checked"`
}

// RecoveryCheck holds the words that a person typed, in the order of Recovery.Ask.
type RecoveryCheck struct {
	Ask   []int    `json:"ask" maxItems:"24"`
	Words []string `json:"words" maxItems:"24"`
}

// RecoveryChecked answers a RecoveryCheck.
type RecoveryChecked struct {
	Right   []bool `json:"right"`
	Checked bool   `json:"checked"`
}

// Completeness says how much of a topic is here. Have and Missing count records
// of every sort: posts, and the signed notes on who may write and what it is called.
type Completeness struct {
	State      string      `json:"state" enum:"complete,unknown,missing,waiting,forked"`
	Have       uint64      `json:"have" doc:"Records of this topic stored here"`
	Missing    uint64      `json:"missing" doc:"Records known to exist and not here; there may be more"`
	Posts      uint64      `json:"posts" doc:"Posts stored here"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty" doc:"Newest statement by an owner or admin of how much there is"`
	Holes      []Hole      `json:"holes,omitempty" doc:"Where records are missing, the newest first; at most 20"`
	Forks      []Fork      `json:"forks,omitempty"`
	Asking     int         `json:"asking,omitempty" doc:"Followers that are being asked for what is missing right now"`
	Progress   *Progress   `json:"progress,omitempty" doc:"Of a transfer that is under way"`
	Summary    string      `json:"summary" doc:"One plain English sentence for a person"`
}

// Checkpoint is a signed statement of how much there is.
type Checkpoint struct {
	Number uint64 `json:"number" doc:"1, 2, 3… of this author"`
	By     Author `json:"by"`
	Time   string `json:"time" format:"date-time"`
	Posts  uint64 `json:"posts" doc:"Posts that there were, as its author says"`
	Met    bool   `json:"met" doc:"All that it names is here"`
}

// Hole is a run of records of one writer that is not here. To is 0 where its end is not known.
type Hole struct {
	Author Author `json:"author"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
}

// Fork says that a writer signed two different records with one number. What it
// signed from there on is set aside.
type Fork struct {
	Author Author `json:"author"`
	Seq    uint64 `json:"seq"`
	Time   string `json:"time" format:"date-time" doc:"When this node found out"`
}

// Progress counts records of a transfer.
type Progress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total" doc:"As others claim; 0 while unknown"`
}

// TopicList is the answer to GET PathTopics. Head is the event id to resume
// from: everything in Items is as of Head.
type TopicList struct {
	Items []Topic `json:"items"`
	Head  string  `json:"head"`
}

// Author is who wrote a message.
type Author struct {
	ID   string `json:"id" doc:"The writer's public key in this topic"`
	Name string `json:"name" doc:"The name that you gave to a contact, else what the writer calls itself: claimed, may be empty"`
	Me   bool   `json:"me"`
	// Account is proved in sealed topics only.
	Account string `json:"account,omitempty" doc:"The person's account key, hex; only in private and direct topics, where it is proved"`
}

// Entity marks a span of a text. Offset and Length count UTF-16 code units.
type Entity struct {
	Type   string `json:"type" enum:"link"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url,omitempty" doc:"Where a link leads; http, https or mailto only"`
}

// Message is one post.
type Message struct {
	ID       string   `json:"id"`
	Topic    string   `json:"topic"`
	Seq      uint64   `json:"seq" doc:"Number in its writer's chain"`
	Time     string   `json:"time" format:"date-time" doc:"As the writer claims it"`
	TimeMS   int64    `json:"time_ms" doc:"The same in milliseconds since 1970"`
	Author   Author   `json:"author"`
	Text     string   `json:"text"`
	Entities []Entity `json:"entities"`
	ReplyTo  string   `json:"reply_to,omitempty"`
	State    string   `json:"state" enum:"queued,handed,stored,acknowledged,read,received"`
	StoredBy int      `json:"stored_by,omitempty" doc:"How many nodes said that they have stored it since the program started; there may be more"`
	Bodiless bool     `json:"bodiless,omitempty" doc:"The text is not kept here any more"`
	Closed   string   `json:"closed,omitempty" enum:"pending,before,erased,lost,forged,faded" doc:"Of a sealed message: why its text cannot be read here; absent when it can"`
}

// MessageDraft is a post to be written. Attachments are refused in this version.
type MessageDraft struct {
	Text        string   `json:"text" minLength:"1"`
	ReplyTo     string   `json:"reply_to,omitempty"`
	Attachments []string `json:"attachments,omitempty"`
}

// MessagePage is a page of messages, oldest first. Prev goes back in as
// `before`, Next as `after`; nil where there is no more.
type MessagePage struct {
	Items []Message `json:"items"`
	Prev  *string   `json:"prev"`
	Next  *string   `json:"next"`
}

// ReadMark sets how far this person has read. It never goes back, and is followed by a topic.updated.
type ReadMark struct {
	UpTo string `json:"up_to" doc:"Message id"`
}

// Draft is a text not sent yet.
type Draft struct {
	Text string `json:"text"`
}

// LinkBody carries a link.
type LinkBody struct {
	Link string `json:"link" minLength:"1" maxLength:"8192"`
}

// LinkPreview is what a link leads to, before anything is joined.
type LinkPreview struct {
	Topic       string `json:"topic"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Verified    bool   `json:"verified" doc:"False: name and kind are only what the link claims, nobody who has the topic could be reached yet"`
	Joined      bool   `json:"joined" doc:"This node follows it already"`
	Peers       int    `json:"peers" doc:"Addresses of people in the link"`
	Bridge      string `json:"bridge,omitempty" doc:"Of a bridge link, whose kind is bridge: the bridge's id. Accepting it lets this node use the bridge"`
	Contact     string `json:"contact,omitempty" doc:"Of a contact link, whose kind is contact: the person's id. Accepting it opens a conversation"`
	Invite      bool   `json:"invite" doc:"Of a private topic: makes this device a member. Without it the topic is kept and served here, and cannot be read"`
}

// SearchPage is the answer to GET PathSearch, newest first.
type SearchPage struct {
	Items []Message `json:"items"`
	Whole bool      `json:"whole" doc:"False: the search stopped at its limit before it had looked at everything"`
}

// Session is what a one-time code is exchanged for.
type Session struct {
	Token string `json:"token"`
}

// SessionCode asks for a session.
type SessionCode struct {
	Code string `json:"code" minLength:"1" maxLength:"64"`
}

// NewCode is a fresh one-time code. It works once, for Seconds.
type NewCode struct {
	Code    string `json:"code"`
	URL     string `json:"url" doc:"Opens the page with the code in its fragment"`
	Seconds int    `json:"seconds"`
}

// Health answers without a token: that this is a Linnet node, and no more.
type Health struct {
	Program string `json:"program"`
}

// PeerAdded is the answer to POST PathPeers.
type PeerAdded struct {
	PeerID string `json:"peer_id"`
}

// Export asks for a bundle. Notes say what the other side has: only the rest is written.
type Export struct {
	Topics []string `json:"topics,omitempty" maxItems:"1000" doc:"Topic ids; none means all"`
	Notes  [][]byte `json:"notes,omitempty" maxItems:"100" doc:"Notes of the other side, base64, as PathNote writes them"`
}

// ImportReport says what became of a bundle.
type ImportReport struct {
	Records  int      `json:"records" doc:"Records that could be read"`
	New      int      `json:"new" doc:"Of these, not here before and stored now"`
	Known    int      `json:"known" doc:"Here already"`
	Refused  int      `json:"refused" doc:"Not genuine, or by somebody who may not write"`
	Strange  int      `json:"strange" doc:"Of topics that are not followed here"`
	Damaged  int64    `json:"damaged" doc:"Bytes that could not be read"`
	Complete bool     `json:"complete" doc:"False: the bundle is cut short or damaged"`
	Topics   []string `json:"topics" doc:"Topics that got something new"`
	Offered  []Offer  `json:"offered" doc:"Topics in the bundle that are not followed here"`
	Summary  string   `json:"summary" doc:"One plain English sentence for a person"`
}

// Offer is a topic in a bundle that can be followed without a network: the link goes to PathAccept.
type Offer struct {
	Topic   string `json:"topic"`
	Name    string `json:"name" doc:"As the bundle claims"`
	Link    string `json:"link"`
	Records int    `json:"records"`
}

// Folder is a shared folder or stick through which topics are exchanged.
type Folder struct {
	Path   string   `json:"path" maxLength:"4096"`
	Topics []string `json:"topics,omitempty" doc:"None means all"`
	Watch  bool     `json:"watch" doc:"Look again every few seconds for as long as Linnet runs"`
}

// FolderReport says what one look at a folder did.
type FolderReport struct {
	Folder   Folder `json:"folder"`
	Wrote    int    `json:"wrote" doc:"Records written for others"`
	New      int    `json:"new" doc:"Records found there and stored"`
	Problem  string `json:"problem,omitempty" doc:"Why it did not work, in a sentence"`
	LastLook string `json:"last_look,omitempty" format:"date-time"`
}

// FolderList is the answer to GET PathFolders: those that are watched.
type FolderList struct {
	Items []FolderReport `json:"items"`
}
