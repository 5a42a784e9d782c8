package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// raw is go-libp2p-pubsub as it comes, on a plain host: gossipsub with its own
// parameters, StrictSign (Ed25519), no storage; only its queues are rawQueue
// long, because the usual 32 lose messages.
type raw struct {
	host   host.Host
	gossip *pubsub.PubSub
	topic  *pubsub.Topic
	sub    *pubsub.Subscription
}

const rawQueue = 1024

func openRaw(ctx context.Context, transport, listen string) (system, error) {
	constructor := any(tcp.NewTCPTransport)
	if transport == "quic" {
		constructor = libp2pquic.NewTransport
	}
	h, err := libp2p.New(libp2p.ListenAddrStrings(listen), libp2p.Transport(constructor), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		return nil, err
	}
	g, err := pubsub.NewGossipSub(ctx, h, pubsub.WithMessageSignaturePolicy(pubsub.StrictSign),
		pubsub.WithPeerOutboundQueueSize(rawQueue), pubsub.WithValidateQueueSize(rawQueue))
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return &raw{host: h, gossip: g}, nil
}

func (r *raw) address() string { return fmt.Sprintf("%s/p2p/%s", r.host.Addrs()[0], r.host.ID()) }

func (r *raw) connect(ctx context.Context, address string) error {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	return r.host.Connect(ctx, *info)
}

func (r *raw) join(context.Context, string) (link string, err error) {
	if r.topic, err = r.gossip.Join("lab"); err != nil {
		return "", err
	}
	r.sub, err = r.topic.Subscribe(pubsub.WithBufferSize(rawQueue))
	return "lab", err
}

func (r *raw) followers(context.Context) (int, error) { return len(r.topic.ListPeers()), nil }

func (r *raw) post(ctx context.Context, text string) error { return r.topic.Publish(ctx, []byte(text)) }

func (r *raw) receive(ctx context.Context, got func(string, time.Time)) error {
	for {
		m, err := r.sub.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if m.ReceivedFrom != r.host.ID() {
			got(string(m.GetData()), time.Now())
		}
	}
}

func (r *raw) close() error { return r.host.Close() }
