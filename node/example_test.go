package node_test

import (
	"context"
	"fmt"
	"os"

	"github.com/linnet-im/linnet/node"
)

// A program with a node of its own: it makes a topic, and hears what is written there.
func Example() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "linnet")
	defer os.RemoveAll(dir)

	n, err := node.Open(ctx, node.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	defer n.Close()
	events := n.Subscribe(node.EventFilter{})
	topic, _ := n.CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Allotments"})
	_ = topic.Link() // send it to somebody: their Follow joins
	_, _ = topic.Post(ctx, node.Draft{Text: "The water is on again."})
	for {
		if ev, _ := events.Next(ctx); ev.Type == node.MessageCreated {
			m, _ := topic.Message(ctx, ev.Record)
			fmt.Println(m.Text)
			return
		}
	}
	// Output: The water is on again.
}
