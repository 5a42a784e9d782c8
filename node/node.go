package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/stem"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// Config says what a node is to be. Dir is required; every other zero is a good
// default.
type Config struct {
	Dir       string       // the data folder; made if absent, used by one node at a time
	Listen    []string     // multiaddrs; empty: QUIC and TCP on one remembered port, every interface
	Bootstrap []string     // multiaddrs with /p2p/ of nodes to stay connected to
	LANOnly   bool         // nothing goes to or comes from outside the local network
	NoMDNS    bool         // do not announce this node on the local network, nor look there
	Logger    *slog.Logger // nil: silent
	Host      *reach.Host  // nil: the node opens its own. A given one is closed with the node.

	// Reach overrides the stored settings of reach; nil: those that SetReachSettings stored.
	Reach *ReachSettings
	// Volunteer says that others can reach this node by themselves, whatever it finds out: it
	// relays for its friends at once, as one does that was found to be reachable.
	Volunteer bool
	// Transports are programs for pluggable transports, as lines of the kind
	// "obfs4 exec /usr/bin/obfs4proxy"; none is started before an address needs it.
	Transports []string
	// Bridge makes the node a bridge for people whose network is blocked; nil: it is none.
	Bridge *BridgeConfig

	// Passphrase opens a folder that has one, see Look; for a new folder it becomes that.
	// It stays the caller's, who clears it.
	Passphrase []byte
	// Erase are names of the caller's own files in Dir, which a wipe deletes too.
	Erase []string

	vault     *vault.Vault // opened already, see Reopen
	lendVault bool         // it stays open where Open fails
}

// Node is a running messenger node.
type Node struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	vault   *vault.Vault
	store   *storage.Store
	host    *reach.Host
	gossip  *pubsub.PubSub
	server  *history.Server
	asker   *history.Client
	stems   *stem.Router
	bell    bell

	account    identity.Account // only where hasAccount; a further device has none
	hasAccount bool
	device     identity.Device
	cert       identity.Certificate // says that the device is the account's

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	handed chan handed
	spare  spare
	people people
	post   post
	hints  hints
	narrow narrow
	moves  chan string   // peers that are elsewhere now
	meets  chan struct{} // one for each node found at a meeting place that is visited
	passes passes

	settings ReachSettings // in force until Close
	bridging sync.Mutex    // held while bridges of others come and go

	lines     chan struct{} // tells seekCarriers that a line has come or gone
	carrying  sync.Mutex
	carriedBy map[string]int // topics that a guest has had carried since the start; guarded by carrying

	mu       sync.RWMutex
	name     string
	topics   map[TopicID]*Topic
	byGossip map[string]*Topic // the same by name on the mesh
	folders  map[string]*watched
	closed   bool

	keepVault bool // the next node has it
}

// Open starts a node on cfg.Dir; ctx bounds the opening only. It takes all or
// nothing: after an error there is no goroutine and no lock left. Errors match
// ErrLocked, ErrPassphrase, ErrKeyring, ErrNoSecret, ErrUnfinished, ErrInUse, ErrNewerFormat,
// ErrDamaged, ErrWrongKey, ErrDiskFull or ErrBadAddress where one of them is the cause.
//
// A store that is damaged beyond what can be put right in its place is left where it
// is, under another name, and the node goes on as a new device of the same person
// with what a second copy and the rest of the store give: see [Node.Rescue].
func Open(ctx context.Context, cfg Config) (*Node, error) {
	n, err := open(ctx, cfg)
	if !errors.Is(err, ErrDamaged) || cfg.Host != nil || cfg.vault != nil {
		return n, err
	}
	if failed := rescue(ctx, cfg, err); failed != nil {
		return nil, errors.Join(err, failed)
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg Config) (_ *Node, err error) {
	if cfg.Dir == "" {
		return nil, errors.New("node: Config.Dir is empty, name a data folder")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg: cfg, log: cfg.Logger, started: time.Now(), host: cfg.Host, topics: map[TopicID]*Topic{}, byGossip: map[string]*Topic{}, folders: map[string]*watched{},
		handed: make(chan handed, 1024), lines: make(chan struct{}, 1), spare: spare{wake: make(chan struct{}, 1)},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.keepVault, n.cfg.lendVault = cfg.lendVault, false
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
		n.keepVault = false
	}()
	if err := n.openStore(ctx); err != nil {
		return nil, err
	}
	if err := n.loadSelf(ctx); err != nil {
		return nil, err
	}
	if err := n.loadSettings(); err != nil {
		return nil, err
	}
	if err := n.loadPasses(ctx); err != nil {
		return nil, err
	}
	if err := n.openHost(ctx); err != nil {
		return nil, err
	}
	if err := n.openTopics(); err != nil {
		return nil, err
	}
	n.wg.Go(n.noteHanded)
	if err := n.loadPeople(ctx); err != nil {
		return nil, err
	}
	if err := n.openHints(); err != nil {
		return nil, err
	}
	if err := n.openPost(); err != nil {
		return nil, err
	}
	if err := n.openFolders(); err != nil {
		return nil, err
	}
	if err := n.openSpare(ctx); err != nil {
		return nil, err
	}
	n.wg.Go(n.seekCarriers)
	if n.IsBridge() {
		n.wg.Go(n.leaveCarried)
	}
	return n, n.meetAgain()
}

// openHost brings the network up: reach, gossip, history.
func (n *Node) openHost(ctx context.Context) error {
	if n.host == nil {
		seed, port, err := n.hostKey(ctx)
		if err != nil {
			return err
		}
		memory, err := n.reachMemory()
		if err != nil {
			return err
		}
		looks, err := n.storedLooks()
		if err != nil {
			return err
		}
		host, err := reach.Open(ctx, reach.Config{
			Key: seed, Listen: n.cfg.Listen, Port: port, LANOnly: n.cfg.LANOnly, NoMDNS: n.cfg.NoMDNS, Logger: n.log,
			Settings: n.settings, Bridge: n.bridgeConfig(), Transports: n.cfg.Transports, MayRelay: n.mayRelay, Volunteer: n.cfg.Volunteer || n.IsBridge(), Memory: memory, Remember: n.rememberReach,
			Looks: looks, KeepLooks: n.keepLooks,
		})
		if errors.Is(err, reach.ErrAddress) {
			return fmt.Errorf("%w: %w", ErrBadAddress, err)
		}
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		n.mu.Lock() // it may call already, see mayRelay
		n.host = host
		n.mu.Unlock()
		if err := n.rememberPort(ctx, port); err != nil {
			return err
		}
	}
	n.passes.doors = n.host
	var err error
	n.gossip, err = newGossip(n)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.stems = stem.Open(n.host.LibP2P(), stems{n}, record.MaxRecord, n.log)
	n.asker = history.NewClient(n.host.LibP2P())
	n.server = history.NewServer(n.host.LibP2P(), shelf{n}, n.log)
	n.narrow = narrow{wake: make(chan struct{}, 1), due: map[TopicID]struct{}{}}
	n.host.Watch(n.lineChanged)
	n.host.WatchOutlook(n.bell.node)
	n.wg.Go(n.tellNarrow)
	n.moves = make(chan string, maxMoves)
	n.host.WatchMoves(n.moved)
	n.wg.Go(n.noteMoves)
	n.meets = make(chan struct{}, meetAtOnce)
	n.host.Meet(n.meetingPlaces, n.foundAt)
	return nil
}

// Close stops the node: no call is under way and no goroutine is left when it
// returns. Calling it again does nothing.
func (n *Node) Close() error {
	n.mu.Lock()
	closed := n.closed
	n.closed = true
	topics := n.topics
	n.mu.Unlock()
	if closed {
		return nil
	}
	n.cancel()
	n.bell.close()
	var errs []error
	for _, t := range topics {
		t.close()
	}
	if n.hints.line != nil {
		n.hints.line.Close()
	}
	if n.post.keeper != nil {
		errs = append(errs, n.post.keeper.Close())
	}
	if n.stems != nil {
		n.stems.Close()
	}
	if n.server != nil {
		n.server.Close()
	}
	if n.gossip != nil {
		errs = append(errs, n.gossip.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	n.wg.Wait()
	errs = append(errs, n.closeSpare())
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.vault != nil && !n.keepVault {
		errs = append(errs, n.vault.Close())
	}
	return errors.Join(errs...)
}

// Dir returns the data folder.
func (n *Node) Dir() string { return n.cfg.Dir }

// DiskBytes returns the size of the store on disk.
func (n *Node) DiskBytes() int64 { return n.store.Size() }

// DiskFree returns the bytes free on the disk of the data folder, -1 when unknown.
func (n *Node) DiskFree() int64 { return n.store.Free() }

// CheckStore reads the whole store and reports what does not fit together. It
// takes long on a large one and may run beside everything else.
func (n *Node) CheckStore(ctx context.Context) error { return n.store.Check(ctx) }

// Me returns the person whose node this is.
func (n *Node) Me() Me {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return Me{Name: n.name, Account: n.cert.Account, Device: n.device.Public()}
}

// ownName is Me().Name without working keys out.
func (n *Node) ownName() string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.name
}

// SetName changes what this person is called. Topics hear of it with the next
// message written there. The error matches ErrBadName.
func (n *Node) SetName(ctx context.Context, name string) error {
	name, err := topic.CleanName(name)
	if err != nil {
		return err
	}
	if err := n.setState(ctx, keyName, []byte(name)); err != nil {
		return err
	}
	n.mu.Lock()
	n.name = name
	n.mu.Unlock()
	n.bell.node()
	poke(n.spare.wake)
	return nil
}

// Status tells how the node stands with others.
func (n *Node) Status() Status {
	s := Status{
		PeerID: n.host.ID(), Addresses: n.host.Addresses(), Known: n.host.Known(),
		LANOnly: n.cfg.LANOnly, Started: n.started,
	}
	traffic := n.gossip.Stats()
	s.Traffic = Traffic{traffic.Delivered, traffic.Duplicates, traffic.Dropped, traffic.Throttled}
	for _, p := range n.host.Peers() {
		s.Peers++
		if p.Nearby {
			s.Nearby++
		}
	}
	return s
}

// Peers returns who is connected now.
func (n *Node) Peers() []Peer {
	follows := map[string]int{}
	for _, t := range n.Topics() {
		for _, p := range t.gossip.Peers() {
			follows[p]++
		}
	}
	peers := []Peer{}
	for _, p := range n.host.Peers() {
		peers = append(peers, Peer{ID: p.ID, Address: p.Address, Nearby: p.Nearby, Way: n.host.Way(p.ID), Topics: follows[p.ID]})
	}
	return peers
}

// Connect dials a multiaddr with /p2p/ now, keeps that node connected and
// returns its peer id. The error matches ErrBadAddress or ErrUnreachable.
func (n *Node) Connect(ctx context.Context, address string) (string, error) {
	contact, err := reach.ParseAddress(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	peer, err := n.host.Dial(ctx, contact)
	if errors.Is(err, reach.ErrAddress) {
		return "", fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return peer, n.met(ctx, peer, contact)
}

// CreateTopic makes a topic that this person owns. It is on this disk when the
// call returns. The error matches ErrBadName.
func (n *Node) CreateTopic(ctx context.Context, d TopicDraft) (*Topic, error) {
	name, err := topic.CleanName(d.Name)
	if err != nil {
		return nil, err
	}
	description, err := topic.CleanDescription(d.Description)
	if err != nil {
		return nil, err
	}
	nonce, err := topic.NewNonce()
	if err != nil {
		return nil, err
	}
	writer, err := identity.NewWriter()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	g := topic.Genesis{
		Nonce: nonce, Kind: d.Kind, Name: name, Description: description,
		Grants: []topic.Grant{{Key: record.WriterOf(writer), Role: topic.Owner}},
	}
	if d.Kind.IsSealed() {
		g.Name, g.Description = "", ""
	}
	root, seed, err := n.newRoot(nonce)
	if err != nil {
		return nil, err
	}
	genesis, err := g.Sign(root, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	row := topicRow{Joined: now.UnixMilli(), Kind: d.Kind, Name: name, Writer: writer.Seed(), Admitted: true, Root: seed}
	t, err := n.addTopic(ctx, genesis.TopicID(), row, genesis)
	if err == nil && d.Kind.IsSealed() {
		change := TopicChange{Name: &name, Description: &description, Past: &d.Past}
		if d.Fade != 0 {
			change.Fade = &d.Fade
		}
		err = t.Change(ctx, change)
	}
	return t, err
}

// Topic returns a topic that this node follows, or ErrNotFound.
func (n *Node) Topic(id TopicID) (*Topic, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if t := n.topics[id]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: topic %s", ErrNotFound, id)
}

// Topics returns all topics, those with the newest message first.
func (n *Node) Topics() []*Topic {
	n.mu.RLock()
	list := make([]*Topic, 0, len(n.topics))
	for _, t := range n.topics {
		list = append(list, t)
	}
	n.mu.RUnlock()
	active := make(map[*Topic]int64, len(list))
	for _, t := range list {
		active[t] = t.activity()
	}
	slices.SortFunc(list, func(a, b *Topic) int {
		if active[a] != active[b] {
			return int(max(-1, min(1, active[b]-active[a])))
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return list
}
