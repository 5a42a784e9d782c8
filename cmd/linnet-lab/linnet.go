package main

import (
	"context"
	"errors"
	"time"

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
	if link == "" {
		l.topic, err = l.node.CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Lab"})
	} else {
		l.topic, err = l.node.Follow(ctx, link)
	}
	if err != nil {
		return "", err
	}
	id := l.topic.ID()
	l.sub = l.node.Subscribe(node.EventFilter{Topic: &id})
	return l.topic.Link(), nil
}

func (l *linnet) followers(ctx context.Context) (int, error) {
	info, err := l.topic.Info(ctx)
	if err != nil || info.Completeness.Waiting {
		return 0, err
	}
	return info.Followers, nil
}

func (l *linnet) post(ctx context.Context, text string) error {
	_, err := l.topic.Post(ctx, node.Draft{Text: text})
	return err
}

// receive takes the time of the event; reading the text is work of the reader,
// and counts as processor time only.
func (l *linnet) receive(ctx context.Context, got func(string, time.Time)) error {
	for {
		ev, err := l.sub.Next(ctx)
		if errors.Is(err, node.ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if ev.Type != node.MessageCreated {
			continue
		}
		now := time.Now()
		m, err := l.topic.Message(ctx, ev.Record)
		if err != nil {
			return err
		}
		if !m.Author.Me {
			got(m.Text, now)
		}
	}
}

func (l *linnet) close() error { return l.node.Close() }
