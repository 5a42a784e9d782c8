package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnet-im/linnet/node"
)

const manyRecords = 100_000

// singleResult is what one node costs on a store of some size.
type singleResult struct {
	Records   int
	RSS, Anon int64     // of an idle node, bytes
	Post      []float64 // ms from process start to the first post at a known peer
	Page      []float64 // ms from process start to the page
}

// single measures one node's memory and start, on an empty store and on a large one.
func single(ctx context.Context, o liveOptions, r *report) (err error) {
	if !slices.Contains(o.Only, "memory") && !slices.Contains(o.Only, "start") {
		return nil
	}
	dir, err := os.MkdirTemp("", "linnet-lab-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "linnet")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/linnet-im/linnet/cmd/linnet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w: %s", err, out)
	}
	many := manyRecords
	if o.Quick {
		many = 2000
	}
	var results []*singleResult
	var stores []string
	for _, records := range []int{0, many} {
		store := filepath.Join(dir, fmt.Sprint(records))
		if err := fill(ctx, store, records); err != nil {
			return fmt.Errorf("fill a store: %w", err)
		}
		stores = append(stores, store)
		results = append(results, &singleResult{Records: records})
	}
	rounds := 7
	if o.Quick {
		rounds = 1
	}
	if slices.Contains(o.Only, "start") {
		for range rounds {
			for i, s := range results {
				if err := firstPost(ctx, stores[i], s); err != nil {
					return fmt.Errorf("first post: %w", err)
				}
				if err := firstPage(ctx, program, stores[i], s); err != nil {
					return fmt.Errorf("first page: %w", err)
				}
			}
		}
	}
	if slices.Contains(o.Only, "memory") {
		for i, s := range results {
			if err := idle(ctx, program, stores[i], s, o.Quick); err != nil {
				return fmt.Errorf("idle node: %w", err)
			}
		}
	}
	r.single(results)
	return nil
}

// fill makes a data folder with one topic and so many posts, written by another
// node that is gone afterwards: of own posts that nobody has a start would send
// all first.
func fill(ctx context.Context, dir string, records int) (err error) {
	writerDir, err := os.MkdirTemp("", "linnet-lab-writer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(writerDir)
	var nodes [2]*node.Node
	for i, d := range []string{writerDir, dir} {
		if nodes[i], err = node.Open(ctx, node.Config{Dir: d, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, nodes[i].Close()) }()
	}
	topic, err := nodes[0].CreateTopic(ctx, node.TopicDraft{Kind: node.OpenTopic, Name: "Lab"})
	if err != nil {
		return err
	}
	store, err := nodes[1].Follow(ctx, topic.Link())
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, maxInFlight)
	for w := range maxInFlight {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1))
				if i > records {
					return
				}
				_, errs[w] = topic.Post(ctx, node.Draft{Text: payload(0, 0, i, time.Now())})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		info, err := store.Info(ctx)
		if err != nil {
			return err
		}
		if info.Completeness.Have > uint64(records) {
			return nil
		}
		if time.Since(start) > 2*time.Minute {
			return fmt.Errorf("%d of %d records arrived", info.Completeness.Have, records)
		}
	}
}

// firstPost measures from starting a process whose store holds a fresh queued
// post to the event on a node that it knows. The process is started again on
// the same folder each time.
func firstPost(ctx context.Context, dir string, s *singleResult) error {
	peerDir, err := os.MkdirTemp("", "linnet-lab-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(peerDir)
	peer, err := node.Open(ctx, node.Config{Dir: peerDir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		return err
	}
	defer peer.Close()
	// The two meet, the peer follows, the other closes and then writes with nobody there.
	n, err := node.Open(ctx, node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		return err
	}
	topic := n.Topics()[0]
	if _, err := n.Connect(ctx, peer.Status().Addresses[0]); err != nil {
		return errors.Join(err, n.Close())
	}
	theirs, err := peer.Follow(ctx, topic.Link())
	if err != nil {
		return errors.Join(err, n.Close())
	}
	if err := n.Close(); err != nil {
		return err
	}
	text := fmt.Sprint("first post at ", time.Now().UnixNano())
	alone, err := node.Open(ctx, node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		return err
	}
	_, err = alone.Topics()[0].Post(ctx, node.Draft{Text: text})
	if err := errors.Join(err, alone.Close()); err != nil {
		return err
	}
	id := theirs.ID()
	sub := peer.Subscribe(node.EventFilter{Topic: &id})
	defer sub.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	start := time.Now()
	w, err := startWorker(ctx, "--kind", "linnet", "--dir", dir)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		ev, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if ev.Type != node.MessageCreated {
			continue
		}
		if m, err := theirs.Message(ctx, ev.Record); err == nil && m.Text == text {
			s.Post = append(s.Post, float64(time.Since(start))/float64(time.Millisecond))
			return nil
		}
	}
}

// startProgram runs the real program and waits for its page.
func startProgram(ctx context.Context, program, dir string) (*exec.Cmd, time.Duration, error) {
	const ui = "127.0.0.1:47470"
	cmd := exec.CommandContext(ctx, program, "run", "--data", dir, "--ui", ui, "--listen", "/ip4/127.0.0.1/tcp/0", "--no-browser")
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if res, err := client.Get("http://" + ui + "/"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return cmd, time.Since(start), nil
			}
		}
		if time.Since(start) > 20*time.Second {
			_ = cmd.Process.Kill()
			return nil, 0, errors.Join(errors.New("no page after 20 s"), cmd.Wait())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func firstPage(ctx context.Context, program, dir string, s *singleResult) error {
	cmd, took, err := startProgram(ctx, program, dir)
	if err != nil {
		return err
	}
	s.Page = append(s.Page, float64(took)/float64(time.Millisecond))
	return errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait())
}

// idle reads the memory of the program after it did nothing for 10 seconds.
func idle(ctx context.Context, program, dir string, s *singleResult, quick bool) error {
	cmd, _, err := startProgram(ctx, program, dir)
	if err != nil {
		return err
	}
	wait := 10 * time.Second
	if quick {
		wait = time.Second
	}
	time.Sleep(wait)
	s.RSS, s.Anon = memory(cmd.Process.Pid)
	return errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait())
}
