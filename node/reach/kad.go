package reach

import (
	"context"
	"slices"
	"strings"

	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/routing"
)

// The meeting places among Linnet nodes: a Kademlia DHT of their own, in which those
// that others can reach keep the notes.
const (
	kadPrefix    protocol.ID = "/linnet"
	kadProtocol  protocol.ID = "/linnet/kad/1.0.0"
	kadBucket                = 8
	kadAtOnce                = 3 // questions of one search
	maxNotes                 = 4096
	maxNotesEach             = 64 // of one node
	noteLasts                = 3 * tellAgain
)

// own is this node's part in them. It begins when there is somebody to talk to.
type own struct {
	dht    *kad.IpfsDHT
	server bool
	talk   *routing.RoutingDiscovery
}

// ready reports whether there is anybody to ask, and begins where there is.
func (o *own) ready(h *Host) bool {
	if o.dht != nil && o.server != h.Public() {
		o.close() // it has become reachable, or is no more
	}
	if o.dht == nil && (h.Public() || h.speaks(kadProtocol)) {
		o.open(h)
	}
	return o.dht != nil && o.size() > 0
}

func (o *own) open(h *Host) {
	mode := kad.ModeClient
	if h.Public() {
		mode = kad.ModeServer
	}
	d, err := kad.New(h.host,
		kad.ProtocolPrefix(kadPrefix), kad.Mode(mode), kad.BucketSize(kadBucket), kad.Concurrency(kadAtOnce), kad.Resiliency(2),
		kad.DisableValues(), kad.DisableAutoRefresh(), kad.AddressFilter(h.meetAddrs),
		kad.ProviderDatastore(dssync.MutexWrap(newNotes())), kad.ProviderManagerOpts(records.ProvideValidity(noteLasts)),
	)
	if err != nil {
		h.log.Warn("reach: no meeting places", "err", err)
		return
	}
	o.dht, o.server, o.talk = d, h.Public(), routing.NewRoutingDiscovery(d)
}

func (o *own) size() int { return o.dht.RoutingTable().Size() }

func (o *own) close() {
	if o.dht != nil {
		_ = o.dht.Close()
		o.dht = nil
	}
}

// speaks reports whether a connected peer speaks a protocol.
func (h *Host) speaks(id protocol.ID) bool {
	return slices.ContainsFunc(h.host.Network().Peers(), func(p peer.ID) bool { return h.peerSpeaks(p, id) })
}

func (h *Host) peerSpeaks(p peer.ID, id protocol.ID) bool {
	got, err := h.host.Peerstore().SupportsProtocols(p, id)
	return err == nil && len(got) > 0
}

// notes is what a node keeps for others. It is bounded, in all and for each node; a
// note for which there is no room is not kept: others have it, and it is said again.
type notes struct {
	*ds.MapDatastore
	keys map[ds.Key]struct{}
	by   map[string]int // notes by who left them
}

func newNotes() *notes {
	return &notes{ds.NewMapDatastore(), map[ds.Key]struct{}{}, map[string]int{}}
}

// author is the last part of a note's key.
func author(k ds.Key) string { return k.String()[strings.LastIndexByte(k.String(), '/')+1:] }

// Put implements datastore.Write.
func (n *notes) Put(ctx context.Context, k ds.Key, v []byte) error {
	if _, old := n.keys[k]; !old {
		if len(n.keys) >= maxNotes || n.by[author(k)] >= maxNotesEach {
			return nil // an error would be tried again for ever
		}
		n.keys[k] = struct{}{}
		n.by[author(k)]++
	}
	return n.MapDatastore.Put(ctx, k, v)
}

// Delete implements datastore.Write.
func (n *notes) Delete(ctx context.Context, k ds.Key) error {
	if _, old := n.keys[k]; old {
		delete(n.keys, k)
		if n.by[author(k)]--; n.by[author(k)] == 0 {
			delete(n.by, author(k))
		}
	}
	return n.MapDatastore.Delete(ctx, k)
}

// Batch implements datastore.Batching.
func (n *notes) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(n), nil }
