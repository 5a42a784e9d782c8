package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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
	Profile   string
}

func liveCommand() *cobra.Command {
	var o liveOptions
	c := &cobra.Command{
		Use:   "live",
		Short: "From Post to stored and told on every node, beside raw gossipsub",
		Long: `Measures, interleaved in one run and on the same work (posts of 300 bytes, N processes
on loopback, all connected), Linnet beside raw go-libp2p-pubsub (its defaults,
StrictSign, queues of 1,024, no storage): delay, posts a second, processor time
and wire bytes for each delivery; then the memory of an idle node and the time
from process start. Only ratios within one run mean anything. Takes about 10 minutes.`,
		Example: "  go run ./cmd/linnet-lab live --n 8 --rounds 5 --only live",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if done, err := ownNetwork(cmd.Context()); done || err != nil {
				return err
			}
			return live(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	c.Flags().IntSliceVar(&o.Nodes, "n", []int{2, 8, 16}, "how many nodes")
	c.Flags().IntVar(&o.Rounds, "rounds", 3, "rounds of each system")
	c.Flags().StringVar(&o.Transport, "transport", "tcp", "tcp or quic, for both")
	c.Flags().StringSliceVar(&o.Only, "only", []string{"live", "memory", "start"}, "what to measure")
	c.Flags().BoolVar(&o.Quick, "quick", false, "one short round, to see that it works")
	c.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	c.Flags().StringVar(&o.Profile, "profile", "", "folder for CPU profiles of the Linnet nodes")
	return c
}

// sample is what one system did in one round.
type sample struct {
	P50, P99, Last float64 // ms at 20 posts a second; Last is the median of the last node of all
	Wire           float64 // bytes on loopback a delivery, at a fixed rate
	CPU            float64 // µs a delivery, all nodes together, at the same rate
	Rate           float64 // posts a second that 99.9 % of deliveries kept up with
}

func live(ctx context.Context, o liveOptions, out io.Writer) error {
	r := &report{out: out, json: o.JSON}
	if o.Quick {
		o.Rounds = 1
	}
	for _, what := range o.Only {
		var err error
		switch what {
		case "live":
			err = liveTable(ctx, o, r)
		case "memory", "start":
			continue // together, below
		default:
			err = fmt.Errorf("--only %q: choose live, memory or start", what)
		}
		if err != nil {
			return err
		}
	}
	if err := single(ctx, o, r); err != nil {
		return err
	}
	return r.end()
}

func liveTable(ctx context.Context, o liveOptions, r *report) error {
	for _, n := range o.Nodes {
		got := map[string][]sample{}
		for range o.Rounds {
			for _, kind := range []string{"raw", "linnet"} {
				s, err := round(ctx, kind, n, o)
				if err != nil {
					return fmt.Errorf("%s, %d nodes: %w", kind, n, err)
				}
				got[kind] = append(got[kind], s)
			}
		}
		r.live(n, got["raw"], got["linnet"])
	}
	return nil
}

// round measures one system once.
func round(ctx context.Context, kind string, n int, o liveOptions) (s sample, err error) {
	f, err := newFleet(ctx, kind, n, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	posts, fixed, seconds := 100.0, 200.0, 3.0
	if n > 8 {
		fixed = 100
	}
	if o.Quick {
		posts, seconds = 30, 1
	}
	if _, err := f.phase(20, 1); err != nil { // warm up
		return s, err
	}
	delay, err := f.phase(20, posts/20)
	if err != nil {
		return s, err
	}
	s.P50, s.P99, s.Last = quantile(delay.latency, 0.5), quantile(delay.latency, 0.99), quantile(delay.last, 0.5)
	cost, err := f.phase(fixed, seconds)
	if err != nil {
		return s, err
	}
	if cost.delivered == 0 {
		return s, errors.New("nothing was delivered")
	}
	s.Wire, s.CPU = float64(cost.wire)/float64(cost.delivered), cost.cpu*1e6/float64(cost.delivered)
	if s.Rate, err = f.search(seconds, o.Quick); err != nil {
		return s, err
	}
	return s, nil
}

// search doubles the rate until it is too much, then bisects three times.
func (f *fleet) search(seconds float64, quick bool) (best float64, err error) {
	low, high := 0.0, 0.0
	for rate := 200.0; high == 0; rate *= 2 {
		p, err := f.phase(rate, seconds)
		if err != nil {
			return 0, err
		}
		if p.kept() {
			low = rate
		} else {
			high = rate
		}
		if quick && rate >= 400 || rate > 100_000 {
			return low, nil
		}
	}
	for range 3 {
		rate := (low + high) / 2
		p, err := f.phase(rate, seconds)
		if err != nil {
			return 0, err
		}
		if p.kept() {
			low = rate
		} else {
			high = rate
		}
	}
	return low, nil
}

// phaseResult is what came of posting at one rate for a while.
type phaseResult struct {
	sent, late, delivered int
	want                  int
	latency, last         []float64
	wire                  int64
	cpu                   float64
}

// kept: 99.9 % delivered, p99 under half a second, publishers on schedule.
func (p phaseResult) kept() bool {
	return p.want > 0 && float64(p.delivered) >= 0.999*float64(p.want) && quantile(p.latency, 0.99) < 500 && p.late*100 <= p.sent
}

// fleet is the workers of one round.
type fleet struct {
	dir     string
	workers []*remote
	number  int
}

func newFleet(ctx context.Context, kind string, n int, o liveOptions) (_ *fleet, err error) {
	f := &fleet{}
	if f.dir, err = os.MkdirTemp("", "linnet-lab-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for i := range n {
		args := []string{"--kind", kind, "--transport", o.Transport, "--index", fmt.Sprint(i), "--dir", filepath.Join(f.dir, fmt.Sprint(i))}
		if o.Profile != "" && kind == "linnet" {
			args = append(args, "--profile", filepath.Join(o.Profile, fmt.Sprintf("n%d-%d.pprof", n, i)))
		}
		w, err := startWorker(ctx, args...)
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, w)
	}
	link := ""
	for i, w := range f.workers {
		for _, other := range f.workers[:i] {
			if _, err := w.ask(order{Do: "connect", Address: []string{other.address}}); err != nil {
				return nil, err
			}
		}
		r, err := w.ask(order{Do: "join", Link: link})
		if err != nil {
			return nil, err
		}
		if link == "" {
			link = r.Link
		}
	}
	_, err = f.all(order{Do: "ready", Want: n - 1})
	time.Sleep(2 * time.Second) // the mesh settles, for both alike
	return f, err
}

// phase has all workers post evenly, in turn, and collects what arrived.
func (f *fleet) phase(rate, seconds float64) (p phaseResult, err error) {
	f.number++
	if _, err := f.all(order{Do: "phase", Phase: f.number}); err != nil {
		return p, err
	}
	before, err := f.all(order{Do: "usage"})
	if err != nil {
		return p, err
	}
	wire := loBytes()
	var wg sync.WaitGroup
	replies, errs := make([]reply, len(f.workers)), make([]error, len(f.workers))
	each := rate / float64(len(f.workers))
	for i, w := range f.workers {
		wg.Go(func() {
			replies[i], errs[i] = w.ask(order{Do: "post", Rate: each, Duration: seconds, Delay: 0.05 + float64(i)/rate, Phase: f.number})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return p, err
	}
	for _, r := range replies {
		p.sent += r.Sent
		p.late += r.Late
	}
	p.want = p.sent * (len(f.workers) - 1)
	var got []reply
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if got, err = f.all(order{Do: "report"}); err != nil {
			return p, err
		}
		p.delivered = 0
		for _, r := range got {
			p.delivered += len(r.Got)
		}
		if p.delivered >= p.want || time.Now().After(deadline) {
			break
		}
	}
	p.wire = loBytes() - wire
	after, err := f.all(order{Do: "usage"})
	if err != nil {
		return p, err
	}
	for i := range after {
		p.cpu += after[i].CPU - before[i].CPU
	}
	last := map[string]float64{}
	for _, r := range got {
		for _, g := range r.Got {
			p.latency = append(p.latency, g.Latency)
			last[g.Post] = max(last[g.Post], g.Latency)
		}
	}
	for _, l := range last {
		p.last = append(p.last, l)
	}
	return p, nil
}

// all gives every worker one order at the same time.
func (f *fleet) all(o order) ([]reply, error) {
	replies, errs := make([]reply, len(f.workers)), make([]error, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() { replies[i], errs[i] = w.ask(o) })
	}
	wg.Wait()
	return replies, errors.Join(errs...)
}

func (f *fleet) close() error {
	var wg sync.WaitGroup
	errs := make([]error, len(f.workers))
	for i, w := range f.workers {
		wg.Go(func() { errs[i] = w.close() })
	}
	wg.Wait()
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}

// remote is a worker process.
type remote struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	address string
}

func startWorker(ctx context.Context, args ...string) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &remote{cmd: exec.CommandContext(ctx, self, append([]string{"worker"}, args...)...)}
	w.cmd.Stderr = os.Stderr
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReaderSize(out, 1<<20)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	r, err := w.read()
	w.address = r.Address
	return w, err
}

func (w *remote) ask(o order) (reply, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	if _, err := w.in.Write(append(b, '\n')); err != nil {
		return reply{}, err
	}
	return w.read()
}

func (w *remote) read() (r reply, err error) {
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("a worker ended: %w", err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// close asks the worker to end, and ends it after 10 seconds.
func (w *remote) close() error {
	_, _ = io.WriteString(w.in, `{"do":"quit"}`+"\n") // it may have ended
	_ = w.in.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = w.cmd.Process.Kill() })
	defer timer.Stop()
	return w.cmd.Wait()
}
