package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// liveOptions are the flags of live.
type liveOptions struct {
	Nodes     []int
	Rounds    int
	Transport string
	Only      []string
	Quick     bool
	JSON      bool
	Verbose   bool
	Profile   string
	Seed      uint64
}

func liveCommand() *cobra.Command {
	var o liveOptions
	c := &cobra.Command{
		Use:   "live",
		Short: "From Post to stored and told on every node, beside raw gossipsub",
		Long: `Measures Linnet beside raw go-libp2p-pubsub (its defaults, StrictSign, queues of
1,024, no storage), round by round in one run and on the same work: posts of 300
bytes, N processes on loopback, all connected. Linnet is timed from Topic.Post to
the event of the stored post on every other node, raw from Publish to the
subscription.

  live    delay at 20 posts a second; wire bytes and processor time for each
          delivery at 200 a second (100 from N=16 on); the most posts a second
          with 99.9 % delivered, p99 under half a second and all posted on time
  memory  of the idle program, on an empty store and on one with 100,000 posts
  start   from exec to a queued post at a known node, and from exec to the page

Only the ratios within one run mean anything, and those only on a computer that
does nothing else. Needs Linux; as root it takes a network namespace of its own.
All of it takes about 11 minutes.`,
		Example: `  go run ./cmd/linnet-lab live
  go run ./cmd/linnet-lab live --n 8 --rounds 5 --only live --verbose
  go run ./cmd/linnet-lab live --n 8 --only live --profile /tmp/profiles
  go run ./cmd/linnet-lab live --json > live.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			done, where, err := ownNetwork(cmd.Context())
			if done || err != nil {
				return err
			}
			return live(cmd.Context(), o, where, cmd.OutOrStdout())
		},
	}
	c.Flags().IntSliceVar(&o.Nodes, "n", []int{2, 8, 16}, "how many nodes")
	c.Flags().IntVar(&o.Rounds, "rounds", 3, "rounds of each system")
	c.Flags().StringVar(&o.Transport, "transport", "tcp", "tcp or quic, for both systems")
	c.Flags().StringSliceVar(&o.Only, "only", []string{"live", "memory", "start"}, "what to measure")
	c.Flags().BoolVar(&o.Quick, "quick", false, "one short round, to see that it works; its figures mean nothing")
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON document")
	c.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "tell each step of the search for the highest rate, on stderr")
	c.Flags().StringVar(&o.Profile, "profile", "", "folder for CPU profiles of the Linnet nodes; they cost some processor time")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "of the letters that fill the posts")
	return c
}

func (o *liveOptions) check() error {
	if _, ok := listenOn(o.Transport); !ok {
		return fmt.Errorf("--transport %q: choose tcp or quic", o.Transport)
	}
	for _, what := range o.Only {
		if !slices.Contains([]string{"live", "memory", "start"}, what) {
			return fmt.Errorf("--only %q: choose live, memory or start", what)
		}
	}
	if o.Rounds < 1 || len(o.Nodes) == 0 || slices.Min(o.Nodes) < 2 || slices.Max(o.Nodes) > 64 {
		return errors.New("at least one round, and 2 to 64 nodes")
	}
	if o.Quick {
		o.Rounds = 1
	}
	if o.Profile == "" {
		return nil
	}
	return os.MkdirAll(o.Profile, 0o755)
}

// settle is what a mesh needs to form: gossipsub's heart beats once a second.
func (o liveOptions) settle() time.Duration {
	if o.Quick {
		return 1200 * time.Millisecond
	}
	return 2 * time.Second
}

func live(ctx context.Context, o liveOptions, where string, out io.Writer) error {
	r := newReport(o, where, out)
	if slices.Contains(o.Only, "live") {
		for _, n := range o.Nodes {
			if err := table(ctx, n, o, r); err != nil {
				return err
			}
		}
	}
	if err := single(ctx, o, r); err != nil {
		return err
	}
	return r.end()
}

// table measures both systems in turn.
func table(ctx context.Context, n int, o liveOptions, r *report) error {
	began, busy, own := time.Now(), busyCPU(), ownCPU()+childCPU()
	got := map[string][]sample{}
	for i := range o.Rounds {
		for _, kind := range []string{"raw", "linnet"} {
			s, err := round(ctx, kind, n, i+1, o)
			if err != nil {
				return fmt.Errorf("%s, %d nodes, round %d: %w", kind, n, i+1, err)
			}
			got[kind] = append(got[kind], s)
		}
	}
	r.table(n, got["raw"], got["linnet"], others(began, busy, own))
	return nil
}

// others is how many cores other programs kept busy since began, when the whole
// computer had used busy of processor time, and this program with its children own.
func others(began time.Time, busy, own time.Duration) float64 {
	used := (busyCPU() - busy) - (ownCPU() + childCPU() - own)
	return max(0, used.Seconds()/time.Since(began).Seconds())
}

// sample is what one system did in one round.
type sample struct {
	P50  float64 `json:"p50_ms"` // at 20 posts a second
	P99  float64 `json:"p99_ms"`
	Last float64 `json:"last_p50_ms"`        // until the last node has it
	Wire float64 `json:"wire_bytes"`         // on loopback for each delivery, at a fixed rate
	CPU  float64 `json:"cpu_us"`             // of all nodes for each delivery, at the same rate
	Rate float64 `json:"posts_per_second"`   // the highest that was kept
	More int     `json:"repeated,omitempty"` // deliveries of a post that was delivered before, an error
}

// round measures one system once.
func round(ctx context.Context, kind string, n, number int, o liveOptions) (s sample, err error) {
	f, err := newFleet(ctx, kind, n, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if o.Profile != "" && kind == "linnet" {
		f.profiles = filepath.Join(o.Profile, fmt.Sprintf("n%d-round%d", n, number))
	}
	slow, fixed := load{rate: 20, seconds: 5}, load{rate: 200, seconds: 3, tail: 500 * time.Millisecond}
	if n >= 16 {
		fixed.rate = 100
	}
	if o.Quick {
		slow.seconds, fixed.seconds = 1, 1
	}
	if _, err := f.phase(ctx, load{rate: 20, seconds: 1}); err != nil { // warm up
		return s, err
	}
	delay, err := f.phase(ctx, slow)
	if err != nil {
		return s, err
	}
	s.P50, s.P99, s.Last = quantile(delay.latency, 0.5), quantile(delay.latency, 0.99), quantile(delay.last, 0.5)
	cost, err := f.profiled(ctx, fixed, "fixed")
	if err != nil {
		return s, err
	}
	if delay.delivered == 0 || cost.delivered == 0 {
		return s, errors.New("nothing was delivered")
	}
	s.Wire, s.CPU = float64(cost.wire)/float64(cost.delivered), cost.cpu*1e6/float64(cost.delivered)
	s.More = delay.repeated + cost.repeated
	s.Rate, err = f.search(ctx, 3200/float64(n), o)
	return s, err
}

// search doubles the rate from first on until it is too much, then bisects three times.
func (f *fleet) search(ctx context.Context, first float64, o liveOptions) (float64, error) {
	seconds, doublings, bisections := 2.0, 8, 3
	if o.Quick {
		seconds, doublings, bisections = 0.5, 1, 0
	}
	low, high := 0.0, 0.0
	try := func(rate float64) error {
		p, err := f.profiled(ctx, load{rate: rate, seconds: seconds}, fmt.Sprintf("rate%.0f", rate))
		if err != nil {
			return err
		}
		if p.kept() {
			low = rate
		} else {
			high = rate
		}
		if o.Verbose {
			fmt.Fprintf(os.Stderr, "%s, %d nodes, %.0f posts/s: %v, %.0f us and %.0f B/delivery\n", f.kind, len(f.workers), rate, p,
				p.cpu*1e6/float64(max(1, p.delivered)), float64(p.wire)/float64(max(1, p.delivered)))
		}
		return nil
	}
	for range doublings {
		if err := try(max(first, 2*low)); err != nil {
			return 0, err
		}
		if high > 0 {
			break
		}
	}
	if high == 0 { // kept to the end of the search
		return low, nil
	}
	for range bisections {
		if err := try((low + high) / 2); err != nil {
			return 0, err
		}
	}
	return low, nil
}

// profiled is phase, with CPU profiles of the workers where they are wanted.
func (f *fleet) profiled(ctx context.Context, l load, name string) (phaseResult, error) {
	if f.profiles == "" {
		return f.phase(ctx, l)
	}
	if err := f.profile(name); err != nil {
		return phaseResult{}, err
	}
	p, err := f.phase(ctx, l)
	return p, errors.Join(err, f.profile(""))
}
