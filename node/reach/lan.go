package reach

import (
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// The local network. The service name is Linnet's own, so that other libp2p
// programs are not disturbed and do not answer.
const (
	serviceName = "_linnet._udp"
	maxNearby   = 32 // found peers that are kept
	lanRetry    = 30 * time.Second
)

// lookAround announces this node on the local network and keeps the nodes found
// there, until Close. It begins anew when the computer's addresses change.
func (h *Host) lookAround() {
	addresses, err := h.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		h.log.Warn("reach: no news of address changes", "err", err)
		return
	}
	defer addresses.Close()
	for {
		service := mdns.NewMdnsService(h.host, serviceName, &found{host: h})
		err := service.Start()
		if err != nil { // no network at the moment, most often
			h.log.Debug("reach: local network", "err", err)
		}
		again := time.NewTimer(lanRetry)
		if err == nil {
			again.Stop()
		}
		select {
		case <-h.ctx.Done():
		case <-addresses.Out():
		case <-again.C:
		}
		again.Stop()
		_ = service.Close()
		if h.ctx.Err() != nil {
			return
		}
	}
}

// found takes what the local network answers.
type found struct{ host *Host }

// HandlePeerFound keeps a node on the local network. Anybody there can answer
// anything, so it is bounded, and only addresses on this network are taken.
func (f *found) HandlePeerFound(info peer.AddrInfo) {
	h := f.host
	near := info.Addrs[:0:0]
	for _, a := range info.Addrs {
		if isNear(a) {
			near = append(near, a)
		}
	}
	h.mu.Lock()
	_, known := h.kept[info.ID]
	full := len(h.kept) >= maxNearby && !known
	h.mu.Unlock()
	if full || len(near) == 0 {
		return
	}
	if err := h.Keep(contactOf(peer.AddrInfo{ID: info.ID, Addrs: near})); err != nil {
		h.log.Debug("reach: local network", "err", err)
	}
}
