package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnet-im/linnet/node"
)

const (
	fillBy    = 3 * time.Minute
	eventBy   = 30 * time.Second
	anyListen = "/ip4/127.0.0.1/tcp/0"
)

// store is a data folder with one topic, and the folder of a node that it knows.
type store struct {
	dir    string
	topic  node.TopicID
	known  node.Config // of the node that it knows: always the same address
	starts int         // of nodes on dir, since it was made
}

// makeStore makes a data folder with one topic and so many posts of somebody
// else, and a node that follows the topic, knows the first and is known to it.
func makeStore(ctx context.Context, dir string, records int) (_ *store, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	_, number, err := net.SplitHostPort(port)
	if err != nil {
		return nil, err
	}
	s := &store{dir: dir, known: node.Config{Dir: dir + "-known", NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/tcp/" + number}}}
	own, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	topic, err := fill(ctx, filepath.Join(dir+"-writer"), own, records)
	if err != nil {
		return nil, err
	}
	s.topic = topic.ID()
	known, err := node.Open(ctx, s.known)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, known.Close()) }()
	if _, err := own.Connect(ctx, known.Status().Addresses[0]); err != nil {
		return nil, err
	}
	theirs, err := known.Follow(ctx, topic.Link())
	if err != nil {
		return nil, err
	}
	return s, waitFor(ctx, theirs, func(i node.TopicInfo) bool { return !i.Completeness.Waiting && i.Followers > 0 })
}

func (s *store) open(ctx context.Context) (*node.Node, error) {
	s.starts++
	return node.Open(ctx, node.Config{Dir: s.dir, NoMDNS: true, Listen: []string{anyListen}})
}

// fill has a writer post into a topic that own follows. The writer is another
// node, gone afterwards: own posts that nobody has would all be sent at each start.
func fill(ctx context.Context, writerDir string, own *node.Node, records int) (_ *node.Topic, err error) {
	writer, err := node.Open(ctx, node.Config{Dir: writerDir, NoMDNS: true, Listen: []string{anyListen}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	source, err := writer.CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Lab"})
	if err != nil {
		return nil, err
	}
	topic, err := own.Follow(ctx, source.Link())
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, source, func(i node.TopicInfo) bool { return i.Followers > 0 }); err != nil {
		return nil, err
	}
	letters := someLetters(1)
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, maxInFlight)
	for w := range maxInFlight {
		wg.Go(func() {
			for errs[w] == nil && ctx.Err() == nil {
				i := int(next.Add(1))
				if i > records {
					return
				}
				_, errs[w] = source.Post(ctx, node.Draft{Text: post{number: i, sent: time.Now()}.text(letters)})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return topic, waitFor(ctx, topic, func(i node.TopicInfo) bool {
		return !i.Completeness.Waiting && i.Completeness.Have > uint64(records) // and the genesis
	})
}

// waitFor waits until a topic looks as it should.
func waitFor(ctx context.Context, t *node.Topic, good func(node.TopicInfo) bool) error {
	for end := time.Now().Add(fillBy); ; {
		info, err := t.Info(ctx)
		if err != nil || good(info) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v: %+v", fillBy, info.Completeness)
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// firstPost returns the time from just before exec to the event, at the known
// node, of a post that was queued while nobody was there.
func (s *store) firstPost(ctx context.Context, start func() (*program, error)) (took time.Duration, err error) {
	text := fmt.Sprint("queued post ", s.starts)
	if err := s.queue(ctx, text); err != nil {
		return 0, err
	}
	known, err := node.Open(ctx, s.known)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, known.Close()) }()
	topic, err := known.Topic(s.topic)
	if err != nil {
		return 0, err
	}
	sub := known.Subscribe(node.EventFilter{Topic: &s.topic})
	defer sub.Close()
	p, err := start()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	ctx, cancel := context.WithTimeout(ctx, eventBy)
	defer cancel()
	for {
		ev, err := sub.Next(ctx)
		if err != nil {
			return 0, err
		}
		took := time.Since(p.began)
		if ev.Type != node.MessageCreated {
			continue
		}
		if m, err := topic.Message(ctx, ev.Record); err != nil || m.Text == text {
			return took, err
		}
	}
}

// queue writes a post while the known node is away.
func (s *store) queue(ctx context.Context, text string) error {
	n, err := s.open(ctx)
	if err != nil {
		return err
	}
	t, err := n.Topic(s.topic)
	if err == nil {
		_, err = t.Post(ctx, node.Draft{Text: text})
	}
	return errors.Join(err, n.Close())
}
