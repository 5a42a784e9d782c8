package scenes

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// Figures of the scenario in which the client changes its network.
const (
	goesOn       = 10 * time.Second // after a change, at the latest
	awayFor      = time.Second      // without any address
	transferRate = "40mbit"
	pieceSize    = 24 << 10 // bytes of text of one post
	shortHistory = 20 << 20 // bytes
	longHistory  = 100 << 20
)

// playRoam changes the client's address in the middle of a talk, and back in the
// middle of a transfer.
func (st *stage) playRoam(ctx context.Context) error {
	n, err := st.internet(1)
	if err != nil {
		return err
	}
	server, client, topic, err := st.pair(ctx, n)
	if err != nil {
		return err
	}
	t := &talk{sides: [2]*program{server, client}, topic: topic, posts: posts, pace: pace,
		at: map[int]func(context.Context) error{20: func(ctx context.Context) error { return n.roam(ctx, 0) }}}
	if err := st.converse(ctx, n.router, t, minute); err != nil {
		return err
	}
	if st.result.Longest > goesOn+awayFor {
		st.result.failf("the talk stood still for %s", seconds(st.result.Longest))
	}
	return st.transfer(ctx, n, server, client)
}

// transfer gives the client a long history and moves it to another network meanwhile.
func (st *stage) transfer(ctx context.Context, n *internet, server, client *program) error {
	size := longHistory
	if st.Short {
		size = shortHistory
	}
	count := size / pieceSize
	t, err := server.CreateTopic(ctx, api.TopicDraft{Kind: api.KindOpen, Name: "Archive"})
	if err != nil {
		return err
	}
	piece := make([]byte, pieceSize*3/4)
	for range count {
		_, _ = rand.Read(piece) // it never fails
		if _, err := server.Post(ctx, t.ID, api.MessageDraft{Text: base64.StdEncoding.EncodeToString(piece)}, ""); err != nil {
			return fmt.Errorf("scenes: write the history: %w", err)
		}
	}
	if err := n.router.apply(profile{rate: transferRate}); err != nil {
		return err
	}
	if _, err := client.Accept(ctx, t.Link); err != nil {
		return err
	}
	return st.follow(ctx, n, client, t.ID, count)
}

// follow watches the transfer, and moves the client when a third is there.
func (st *stage) follow(ctx context.Context, n *internet, client *program, topic string, count int) error {
	begin, last, have := time.Now(), time.Now(), 0
	var moved time.Time
	var still time.Duration
	for have < count {
		if err := pause(ctx, beat); err != nil {
			return errors.Join(err, fmt.Errorf("scenes: %d of %d pieces of the history arrived", have, count))
		}
		t, err := client.Topic(ctx, topic)
		if err != nil {
			continue
		}
		if now := time.Now(); int(t.Completeness.Posts) > have {
			if !moved.IsZero() {
				still = max(still, now.Sub(last))
			}
			have, last = int(t.Completeness.Posts), now
		}
		if moved.IsZero() && have > count/3 {
			if err := n.roam(ctx, 1); err != nil {
				return err
			}
			moved = time.Now()
		}
	}
	st.result.notef("a history of %d posts, %d MB, took %s; it stood still for %s after the change", count, count*pieceSize>>20, seconds(time.Since(begin)), seconds(still))
	if moved.IsZero() {
		st.result.failf("the history was there before the address could be changed")
	}
	if still > goesOn+awayFor {
		st.result.failf("the transfer stood still for %s", seconds(still))
	}
	return nil
}

// roam gives the client another address on another network, after some time
// without any. i counts the changes.
func (n *internet) roam(ctx context.Context, i int) error {
	if err := n.client.IP("addr", "flush", "dev", "eth0", "scope", "global"); err != nil {
		return err
	}
	if err := pause(ctx, awayFor); err != nil {
		return err
	}
	net := fmt.Sprintf("192.168.%d", 81+i)
	return errors.Join(
		n.router.IP("addr", "add", net+".1/24", "dev", "in0"),
		n.client.IP("addr", "add", net+".2/24", "dev", "eth0"),
		n.client.IP("route", "add", "default", "via", net+".1"))
}
