// Package pubsub passes opaque bytes to everybody who follows a topic, over a
// gossipsub 1.3 mesh (github.com/libp2p/go-libp2p-pubsub).
//
// It refuses to know what the bytes are: what is right is said by the [Handler]
// of the topic, which sees every message of others once, stores it, and by its
// [Verdict] decides whether it is passed on. A message id comes from the caller too.
// The room is used by node, which owns the host.
//
//	p, err := pubsub.New(pubsub.Config{Host: h, MessageID: id})
//	t, err := p.Join("name", func(ctx context.Context, m pubsub.Message) pubsub.Verdict { … })
//	err = t.Publish(ctx, data)
//
// # What can be lost, and where it is counted
//
// Gossipsub is not a reliable transport. Nothing is lost on the way to the
// handler: there is no subscription buffer, the handler is the validator.
//
//   - A peer whose line is slower than the topic misses what comes while 4,096
//     messages wait for it: Stats.Dropped. Publish waits rather than overflow the
//     queues of every follower at once, and gives up with ErrBusy, having sent nothing.
//   - Messages that come faster than handlers return are not looked at while
//     4,096 wait (large ones count for more), or while their peer has more of
//     them waiting than there is room left: Stats.Throttled. So a flood from one
//     peer leaves half of the room to the others. From a peer that sent eight
//     invalid ones nothing is looked at, until one is forgiven after 30 seconds.
//   - A peer that is away hears nothing.
//
// Who needs everything compares histories.
package pubsub
