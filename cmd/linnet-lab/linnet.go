package main

import (
	"context"

	"github.com/linnet-im/linnet/node"
)

// linnet is the whole node: a post is signed, linked and synced before it goes
// out, and verified and stored before a subscriber hears of it.
type linnet struct {
	node  *node.Node
	topic *node.Topic
	sub   *node.Subscription
}

func openLinnet(ctx context.Context, dir, listen string) (system, error) {
	n, err := node.Open(ctx, node.Config{Dir: dir, Listen: []string{listen}, NoMDNS: true})
	if err != nil {
		return nil, err
	}
	return &linnet{node: n}, nil
}

func (l *linnet) address() string { return l.node.Status().Addresses[0] }

func (l *linnet) connect(ctx context.Context, address string) error {
	_, err := l.node.Connect(ctx, address)
	return err
}

func (l *linnet) join(ctx context.Context, link string) (string, error) {
	var err error
	switch {
	case link == "" && len(l.node.Topics()) > 0:
		l.topic = l.node.Topics()[0]
	case link == "":
		l.topic, err = l.node.CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Lab"})
	default:
		l.topic, err = l.node.Follow(ctx, link)
	}
	if err != nil {
		return "", err
	}
	id := l.topic.ID()
	l.sub = l.node.Subscribe(node.EventFilter{Topic: &id})
	return l.topic.Link(), nil
}

func (l *linnet) followers() int {
	info, err := l.topic.Info(context.Background())
	if err != nil || info.Completeness.Waiting {
		return 0
	}
	return info.Followers
}

func (l *linnet) post(ctx context.Context, text string) error {
	_, err := l.topic.Post(ctx, node.Draft{Text: text})
	return err
}

func (l *linnet) receive(ctx context.Context, got func(string)) error {
	for {
		ev, err := l.sub.Next(ctx)
		if err != nil {
			return err
		}
		if ev.Type != node.MessageCreated {
			continue
		}
		m, err := l.topic.Message(ctx, ev.Record)
		if err != nil {
			return err
		}
		if !m.Author.Me {
			got(m.Text)
		}
	}
}

func (l *linnet) close() error { return l.node.Close() }
