package scenes

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// alone is a way that settings can force: what the two sides are started with.
type alone struct {
	way    string
	bridge bool     // the server is one, and the link leads through it
	server []string // flags of the side outside
	client []string
}

func waysAlone() []alone {
	return []alone{
		{way: "quic", server: []string{"--listen", "/ip4/0.0.0.0/udp/4040/quic-v1"}},
		{way: "tcp", server: []string{"--listen", "/ip4/0.0.0.0/tcp/4040"}},
		{way: "tcp on port 443", server: []string{"--listen", "/ip4/0.0.0.0/tcp/443"}},
		{way: "veil or drip", bridge: true, client: []string{"--covert"}},
	}
}

// Figures of one cell.
const (
	cellPosts = 20
	cellPace  = 500 * time.Millisecond
	cellWait  = 20 * time.Second // for the first post
	cellLimit = 20 * time.Second // for all of them
)

// waysTable plays each way alone in each scenario that is only a profile.
func waysTable(ctx context.Context, o Options) []Cell {
	columns := []string{"open", "noudp", "only443", "signatures", "strict", "freeze", "policing", "slow"}
	rows := make([][]Cell, len(waysAlone()))
	var wg sync.WaitGroup
	for i, a := range waysAlone() {
		wg.Go(func() {
			rows[i] = playAlone(ctx, o, a, columns)
			o.progress("%s: %v", a.way, rows[i])
		})
	}
	wg.Wait()
	var all []Cell
	for _, row := range rows {
		all = append(all, row...)
	}
	return all
}

// playAlone plays one way in every column.
func playAlone(ctx context.Context, o Options, a alone, columns []string) (row []Cell) {
	for _, c := range columns {
		row = append(row, Cell{Way: a.way, Scenario: c, First: -1})
	}
	failed := func(err error) []Cell {
		for i := range row {
			row[i].Err = "the row could not begin"
		}
		row[0].Err = err.Error()
		return row
	}
	name := strings.ReplaceAll(a.way, " ", "-")
	st := &stage{Options: o, folder: filepath.Join(o.Folder, "alone-"+name), result: &Result{}}
	defer func() {
		if err := st.close(); err != nil && row[0].Err == "" {
			row[0].Err = err.Error()
		}
	}()
	n, err := newInternet(1, profile{})
	if err != nil {
		return failed(err)
	}
	st.later(n.close)
	words := append([]string{"run", "--no-browser"}, a.server...)
	if a.bridge {
		words = append(words, "--bridge", "0.0.0.0:443", "--bridge-address", serverAddr(0)+":443")
	}
	server, t, err := st.author(ctx, n.servers[0], serverAddr(0), words...)
	if err != nil {
		return failed(err)
	}
	link := t.Link
	if a.bridge {
		if link, err = server.TopicLink(ctx, t.ID, "client"); err != nil {
			return failed(err)
		}
	}
	for i := range row {
		if err := st.cell(ctx, n, server, t.ID, link, a.client, &row[i]); err != nil {
			row[i].Err = err.Error()
		}
	}
	return row
}

// cell plays one way in one column, with a client that knows nothing yet.
func (st *stage) cell(ctx context.Context, n *internet, server *program, topic, link string, words []string, c *Cell) error {
	if err := n.router.apply(profiles()[c.Scenario]); err != nil {
		return err
	}
	client, err := start(ctx, st.Program, n.client, filepath.Join(st.folder, c.Scenario), append([]string{"run", "--no-browser"}, words...)...)
	if err == nil {
		c.First, err = firstOf(ctx, client, topic, link)
	}
	if client == nil {
		return err
	}
	if err == nil && c.First >= 0 {
		inner := *st
		inner.result = &Result{}
		talk := &talk{st: &inner, sides: [2]*program{server, client}, topic: topic, posts: cellPosts, pace: cellPace, impatient: true}
		err = talk.hold(ctx, cellLimit)
		c.Sent, c.Delivered = inner.result.Sent, inner.result.Delivered
	}
	if end := client.stop(); err == nil {
		err = end
	}
	return err
}

// firstOf opens the link and waits for the first post; negative: it did not come.
func firstOf(ctx context.Context, p *program, topic, link string) (time.Duration, error) {
	if _, err := p.Accept(ctx, link); err != nil {
		return -1, fmt.Errorf("scenes: open the link: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, cellWait)
	defer cancel()
	if p.until(waiting, topic, firstPost) != nil {
		return -1, ctx.Err()
	}
	return time.Since(p.began), nil
}
