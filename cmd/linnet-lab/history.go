package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/history"
)

type historyOptions struct {
	Posts   int
	Rounds  int
	Large   int
	Seed    uint64
	Only    []string
	Profile string
}

func historyCommand() *cobra.Command {
	var o historyOptions
	c := &cobra.Command{
		Use:   "history",
		Short: "A late joiner, a resumed transfer, and two equal sets",
		Long: `Measures how a topic's history gets to somebody who comes late, each node a
process of its own on loopback.

  join    the author has written so many posts of 300 bytes and is gone; a newcomer
          gets them from three mirrors, one of which drops, alters and invents
  kill    the newcomer is killed with SIGKILL half way, and started again
  naive   the cheapest honest alternative on the same records: a list of ids, then
          the records as they are, one signature check each, on all processors
  equal   two stores with the same records find out that they are equal

Only ratios within one run mean anything. Needs Linux; as root it takes a network
namespace of its own.`,
		Example: "  go run ./cmd/linnet-lab history --posts 100000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, where, err := ownNetwork(cmd.Context())
			if done || err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "measured on %s, %d posts, %d rounds, seed %d\n", where, o.Posts, o.Rounds, o.Seed)
			return measureHistory(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	c.Flags().IntVar(&o.Posts, "posts", 100_000, "posts of the topic")
	c.Flags().IntVar(&o.Rounds, "rounds", 3, "newcomers, one after the other")
	c.Flags().IntVar(&o.Large, "large", 1_000_000, "records of the larger pair of equal stores")
	c.Flags().StringVar(&o.Profile, "profile", "", "folder for CPU profiles of the newcomers; they cost some processor time")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the texts")
	c.Flags().StringSliceVar(&o.Only, "only", []string{"join", "kill", "naive", "equal"}, "what to measure")
	return c
}

func (o historyOptions) wants(what string) bool {
	for _, w := range o.Only {
		if w == what {
			return true
		}
	}
	return false
}

func measureHistory(ctx context.Context, o historyOptions, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "linnet-lab-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.wants("equal") {
		for _, n := range []int{o.Large / 100, o.Large} {
			if err := measureEqual(ctx, filepath.Join(dir, fmt.Sprint("equal", n)), n, out); err != nil {
				return err
			}
		}
	}
	if !o.wants("join") && !o.wants("kill") && !o.wants("naive") {
		return nil
	}
	s, err := writeTopic(ctx, dir, o)
	if err != nil {
		return err
	}
	if err := s.weigh(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "the author wrote %d posts, %d bytes as signed\n", o.Posts, s.raw)
	if o.wants("naive") {
		if err := s.naive(ctx, filepath.Join(dir, "naive"), out); err != nil {
			return err
		}
	}
	if !o.wants("join") && !o.wants("kill") {
		return nil
	}
	mirrors, closeMirrors, err := s.mirrors(ctx, o, out)
	if err != nil {
		return errors.Join(err, closeMirrors())
	}
	defer func() { err = errors.Join(err, closeMirrors()) }()
	if o.wants("join") {
		for round := range o.Rounds {
			if _, err := s.join(ctx, filepath.Join(dir, fmt.Sprint("newcomer", round)), mirrors, o, out); err != nil {
				return err
			}
		}
	}
	if o.wants("kill") {
		return s.killed(ctx, filepath.Join(dir, "killed"), mirrors, o, out)
	}
	return nil
}

// weigh counts the bytes of the posts as they were signed.
func (s *scene) weigh(ctx context.Context) error {
	b, closeStore, err := openBook(ctx, s.author, s.id)
	if err != nil {
		return err
	}
	err = b.Walk(history.LanePosts, whole(), func(raw []byte) bool { s.raw += int64(len(raw)); return true })
	return errors.Join(err, closeStore())
}

// scene is a topic whose author is gone.
type scene struct {
	author string // data folder
	id     node.TopicID
	link   string
	raw    int64
}

// writeTopic has an author write all posts and vouch for them.
func writeTopic(ctx context.Context, dir string, o historyOptions) (s scene, err error) {
	s.author = filepath.Join(dir, "author")
	n, err := node.Open(ctx, node.Config{Dir: s.author, NoMDNS: true, Listen: []string{anyListen}})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	t, err := n.CreateTopic(ctx, node.TopicDraft{Kind: node.Broadcast, Name: "Lab"})
	if err != nil {
		return s, err
	}
	s.id, s.link = t.ID(), t.Link()
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, maxInFlight)
	for w := range maxInFlight {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(o.Seed, uint64(w)))
			for errs[w] == nil && ctx.Err() == nil && int(next.Add(1)) <= o.Posts {
				_, errs[w] = t.Post(ctx, node.Draft{Text: freshText(r, textSize)})
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	err = waitFor(ctx, t, func(i node.TopicInfo) bool {
		c := i.Completeness.Checkpoint
		return c != nil && c.Met && c.Posts > uint64(o.Posts-100)
	})
	return s, err
}

// freshText is a text of size bytes that shares nothing with others.
func freshText(r *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz     "[r.IntN(31)]
	}
	b[0], b[len(b)-1] = 'x', 'x'
	return string(b)
}

// mirrors fills two mirrors, one from the author and one from the first, and
// starts a third that lies. It returns where they are.
func (s *scene) mirrors(ctx context.Context, o historyOptions, out io.Writer) (addresses []string, closeAll func() error, err error) {
	var all []*child
	closeAll = func() (err error) {
		for _, c := range all {
			err = errors.Join(err, c.close())
		}
		return err
	}
	author, at, err := startChild(ctx, "keeper", "--dir", s.author)
	if err != nil {
		return nil, closeAll, err
	}
	for i := range 2 {
		c, address, err := startChild(ctx, "keeper", "--dir", filepath.Join(filepath.Dir(s.author), fmt.Sprint("mirror", i)),
			"--link", s.link, "--peer", at, "--posts", fmt.Sprint(o.Posts))
		if err != nil {
			return nil, closeAll, err
		}
		all = append(all, c)
		before, err := loopbackBytes()
		if err != nil {
			return nil, closeAll, err
		}
		last, _, err := c.until("proven")
		if err != nil {
			return nil, closeAll, err
		}
		after, err := loopbackBytes()
		if err != nil {
			return nil, closeAll, err
		}
		fmt.Fprintf(out, "mirror %d had all after %.0f ms, over one line, %d bytes\n", i+1, last.MS, after-before)
		if i == 0 {
			if err := author.close(); err != nil {
				return nil, closeAll, err
			}
		}
		at = address
		addresses = append(addresses, address)
	}
	liar, address, err := startChild(ctx, "liar", "--dir", s.author, "--topic", s.id.String())
	if err != nil {
		return nil, closeAll, err
	}
	all = append(all, liar)
	return append(addresses, address), closeAll, nil
}

func (s *scene) newcomer(ctx context.Context, dir string, mirrors []string, o historyOptions) (*child, error) {
	args := []string{"keeper", "--dir", dir, "--link", s.link, "--posts", fmt.Sprint(o.Posts)}
	for _, m := range mirrors {
		args = append(args, "--peer", m)
	}
	if o.Profile != "" {
		args = append(args, "--profile", filepath.Join(o.Profile, filepath.Base(dir)+".pprof"))
	}
	c, _, err := startChild(ctx, args...)
	return c, err
}

// join measures one newcomer.
func (s *scene) join(ctx context.Context, dir string, mirrors []string, o historyOptions, out io.Writer) (bytes int64, err error) {
	c, err := s.newcomer(ctx, dir, mirrors, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	before, err := loopbackBytes()
	if err != nil {
		return 0, err
	}
	last, screen, err := c.until("proven")
	if err != nil {
		return 0, err
	}
	after, err := loopbackBytes()
	if err != nil {
		return 0, err
	}
	rss, _, err := memory(c.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(out, "newcomer: screen after %.0f ms, all %d stored after %.0f ms = %.0f records/s, complete and proven; %d bytes = %.2f of raw; %.1f us of processor a record; %d MB resident\n",
		screen, last.Posts, last.MS, float64(last.Posts)/last.MS*1000, after-before, float64(after-before)/float64(s.raw), last.CPU*1e6/float64(last.Posts), rss>>20)
	return after - before, nil
}

// killed measures what it costs to be killed half way.
func (s *scene) killed(ctx context.Context, dir string, mirrors []string, o historyOptions, out io.Writer) (err error) {
	clean, err := s.join(ctx, dir+"-not", mirrors, o, out)
	if err != nil {
		return err
	}
	before, err := loopbackBytes()
	if err != nil {
		return err
	}
	c, err := s.newcomer(ctx, dir, mirrors, o)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c.in, "go\n"); err != nil {
		return err
	}
	for {
		st, err := c.next()
		if err != nil {
			return err
		}
		if st.Posts >= uint64(o.Posts/2) {
			break
		}
	}
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = c.cmd.Wait() // killed
	if c, err = s.newcomer(ctx, dir, mirrors, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if _, _, err = c.until("proven"); err != nil {
		return err
	}
	after, err := loopbackBytes()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "killed half way and started again: %d bytes in all, %.1f %% more than without\n", after-before, 100*(float64(after-before)/float64(clean)-1))
	return nil
}
