// Package node is Linnet as a library: a messenger node inside your own program.
//
// A node keeps its topics in one folder and passes them on to whoever follows
// them. There is no server: two nodes that know one address find each other.
//
//	n, err := node.Open(ctx, node.Config{Dir: "data"})
//	defer n.Close()
//	t, err := n.CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Allotments"})
//	fmt.Println(t.Link())                                     // send this to somebody
//	id, err := t.Post(ctx, node.Draft{Text: "Hello"})         // on this disk when it returns
//	sub := n.Subscribe(node.EventFilter{})
//	ev, err := sub.Next(ctx)                                  // blocks
//
// # What others can see
//
// Nodes that are connected see each other's network address and peer id, which
// belongs to this installation and to nothing else. A node that knows a topic's
// id sees who follows it. Topics of the kinds broadcast and open are readable
// by everybody who has the link: they are signed, not secret.
//
// # What stays
//
// Records, links and the data folder are versioned and documented in
// PROTOCOL.md; a newer Linnet reads what an older one wrote. Until version 1.0
// the Go API may change in a minor version.
//
// The package wires the rooms below it together (see ARCHITECTURE.md) and adds
// little of its own: the verdict that every record passes, and the topic's outbox.
// All methods are safe for concurrent use.
package node
