// Package history asks other nodes over streams for what gossip did not bring
// (PROTOCOL.md §7). In this version that is the ops of a topic: its genesis,
// who may write, what writers call themselves; and where further followers are.
//
// It speaks the protocol and keeps to its limits. It refuses to know whether a
// record is right: what arrives is handed on as bytes, and passes the verdict
// like everything else. Its types are [Server], which answers, and [Client].
//
//	c := history.Client{Host: h}
//	contacts, err := c.Ops(ctx, peer, topic, mine, func(raw []byte) error { … })
package history
