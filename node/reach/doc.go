// Package reach gets this node to others: the libp2p host, where it listens,
// whom it keeps connected to, the local network, volunteers' relays and holes in NATs,
// and meeting places (DESIGN.md §9).
//
// It refuses to know topics, records and people; to it another node is a peer
// id and some addresses. Its main type is [Host]. The libp2p host inside is for
// the rooms that speak over streams; the root of node never sees it.
//
// A host tries every way to a peer that the settings allow, starts those first that
// work on this network, watches each line, and tells how the ways stand:
// [Host.Outlook]. ARCHITECTURE.md, "How a peer is reached", names the files.
//
//	h, err := reach.Open(ctx, reach.Config{Key: seed})
//	h.Keep(contact)       // dial it, and dial it again whenever it is gone
//	h.Addresses()         // what to tell others
//	defer h.Close()
package reach
