package reach

import "github.com/libp2p/go-libp2p"

// relayOptions says whether and how this host uses, and is, a relay.
func relayOptions(Config) []libp2p.Option {
	return []libp2p.Option{libp2p.DisableRelay()}
}

// startRelay begins what runs beside the host for relays, hole punching and
// meeting places. It does not block; its goroutines are h.wg's and end with h.ctx.
func (h *Host) startRelay(Config) error { return nil }
