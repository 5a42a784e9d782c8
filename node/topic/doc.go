// Package topic is what a topic is: how it begins, who may write, what it is
// called, and the link by which people find it (PROTOCOL.md §3 and §4).
//
// It folds the signed ops of a topic into a [State], the same on every node
// whatever the order in which they arrive. It refuses to know what posts say,
// how records travel and where they are kept. No goroutine, file or socket; a
// State is not safe for use by several goroutines, its owner guards it.
//
//	g, _ := topic.Genesis{Kind: topic.Open, Name: "Allotments"}.Sign(root, now)
//	s, _ := topic.NewState(g)
//	s.Apply(op)
//	s.MayPost(writer, seq, time)
package topic
