package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// system is what is measured: one node of one kind.
type system interface {
	// address is where others connect to.
	address() string
	connect(ctx context.Context, address string) error
	// join makes the topic where link is empty, and returns what others join with.
	join(ctx context.Context, link string) (string, error)
	// followers is how many others of the topic are connected.
	followers(ctx context.Context) (int, error)
	post(ctx context.Context, text string) error
	// receive calls got with each text of another node and when it came, until ctx ends.
	receive(ctx context.Context, got func(text string, at time.Time)) error
	close() error
}

// order is what the coordinator tells a worker, one JSON object a line.
type order struct {
	Do      string  `json:"do"`
	Address string  `json:"address,omitempty"` // connect: to where
	Link    string  `json:"link,omitempty"`    // join: with what
	Want    int     `json:"want,omitempty"`    // ready: how many followers
	Phase   int     `json:"phase,omitempty"`   // begin: its number
	Rate    float64 `json:"rate,omitempty"`    // post: posts a second of this worker
	Delay   float64 `json:"delay,omitempty"`   // post: seconds before the first
	Seconds float64 `json:"seconds,omitempty"` // post: how long
	Path    string  `json:"path,omitempty"`    // profile: the file; empty ends it
}

// reply is what a worker answers to each.
type reply struct {
	Err     string     `json:"err,omitempty"`
	Address string     `json:"address,omitempty"`
	Link    string     `json:"link,omitempty"`
	Sent    int        `json:"sent,omitempty"`
	Late    int        `json:"late,omitempty"`   // posts that could not be begun within tooLate of their time
	Failed  int        `json:"failed,omitempty"` // posts that the system refused
	Count   int        `json:"count,omitempty"`  // posts of this phase that arrived
	Got     []delivery `json:"got,omitempty"`    // the same one by one
	CPU     float64    `json:"cpu,omitempty"`    // seconds since the process began
}

// delivery is one post that arrived.
type delivery struct {
	Sender  int     `json:"s"`
	Number  int     `json:"n"`
	Latency float64 `json:"l"` // ms
}

const (
	maxInFlight = 256                    // posts of one worker that wait for their disk
	tooLate     = 100 * time.Millisecond // behind schedule
	hopeless    = 2 * time.Second        // behind schedule: the rest is not posted
	readyWithin = 30 * time.Second
)

// worker runs one system at the coordinator's orders.
type worker struct {
	sys     system
	index   int
	letters string
	wg      sync.WaitGroup // the receiver
	profile *os.File

	mu    sync.Mutex
	phase int
	got   []delivery
	lost  error // why the receiver ended
}

func workerCommand() *cobra.Command {
	var kind, transport, dir string
	var index int
	var seed uint64
	c := &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sys, err := openSystem(cmd.Context(), kind, transport, dir)
			if err != nil {
				return err
			}
			w := &worker{sys: sys, index: index, letters: someLetters(seed + uint64(index))}
			return errors.Join(w.run(cmd.Context()), sys.close())
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "")
	c.Flags().StringVar(&transport, "transport", "", "")
	c.Flags().StringVar(&dir, "dir", "", "")
	c.Flags().IntVar(&index, "index", 0, "")
	c.Flags().Uint64Var(&seed, "seed", 0, "")
	return c
}

// listenOn is where a node listens, by transport.
func listenOn(transport string) (address string, ok bool) {
	address, ok = map[string]string{"tcp": "/ip4/127.0.0.1/tcp/0", "quic": "/ip4/127.0.0.1/udp/0/quic-v1"}[transport]
	return address, ok
}

func openSystem(ctx context.Context, kind, transport, dir string) (system, error) {
	listen, ok := listenOn(transport)
	switch {
	case ok && kind == "raw":
		return openRaw(ctx, transport, listen)
	case ok && kind == "linnet":
		return openLinnet(ctx, dir, listen)
	}
	return nil, fmt.Errorf("no such system: %s over %s", kind, transport)
}

// run obeys until the coordinator closes stdin.
func (w *worker) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer w.wg.Wait()
	defer cancel()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(reply{Address: w.sys.address()}); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			return err
		}
		r, err := w.obey(ctx, o)
		if err != nil {
			r.Err = fmt.Sprintf("%s: %v", o.Do, err)
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return in.Err()
}

func (w *worker) obey(ctx context.Context, o order) (r reply, err error) {
	switch o.Do {
	case "connect":
		err = w.sys.connect(ctx, o.Address)
	case "join":
		if r.Link, err = w.sys.join(ctx, o.Link); err == nil {
			w.wg.Go(func() { w.receive(ctx) })
		}
	case "ready":
		err = w.ready(ctx, o.Want)
	case "begin":
		w.mu.Lock()
		w.phase, w.got = o.Phase, nil
		w.mu.Unlock()
	case "post":
		r.Sent, r.Late, r.Failed = w.post(ctx, o)
	case "count":
		w.mu.Lock()
		r.Count, err = len(w.got), w.lost
		w.mu.Unlock()
	case "report":
		w.mu.Lock()
		r.Got = w.got
		w.mu.Unlock()
	case "usage":
		r.CPU = ownCPU().Seconds()
	case "profile":
		err = w.switchProfile(o.Path)
	default:
		err = errors.New("no such order")
	}
	return r, err
}

// receive notes what arrives, until ctx ends.
func (w *worker) receive(ctx context.Context) {
	err := w.sys.receive(ctx, func(text string, at time.Time) {
		p, err := parsePost(text)
		if err != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.phase == w.phase {
			w.got = append(w.got, delivery{p.sender, p.number, float64(at.Sub(p.sent)) / float64(time.Millisecond)})
		}
	})
	w.mu.Lock()
	w.lost = err
	w.mu.Unlock()
}

// ready waits until so many others follow the topic.
func (w *worker) ready(ctx context.Context, want int) error {
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		n, err := w.sys.followers(ctx)
		if err != nil || n >= want {
			return err
		}
		if time.Since(start) > readyWithin {
			return fmt.Errorf("%d of %d followers after %v", n, want, readyWithin)
		}
	}
}

// post posts on schedule, whether or not earlier posts have returned.
func (w *worker) post(ctx context.Context, o order) (sent, late, failed int) {
	start := time.Now().Add(time.Duration(o.Delay * float64(time.Second)))
	gap := time.Duration(float64(time.Second) / o.Rate)
	n := int(o.Seconds * o.Rate)
	slots := make(chan struct{}, maxInFlight)
	var refused atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		due := start.Add(time.Duration(i) * gap)
		time.Sleep(time.Until(due))
		slots <- struct{}{}
		behind := time.Since(due)
		if behind > hopeless || ctx.Err() != nil {
			late += n - i
			break
		}
		if behind > tooLate {
			late++
		}
		sent++
		wg.Go(func() {
			defer func() { <-slots }()
			p := post{phase: o.Phase, sender: w.index, number: i, sent: time.Now()}
			if err := w.sys.post(ctx, p.text(w.letters)); err != nil {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	return sent, late, int(refused.Load())
}

// switchProfile begins a CPU profile, or ends it where path is empty.
func (w *worker) switchProfile(path string) (err error) {
	if path == "" {
		pprof.StopCPUProfile()
		return w.profile.Close()
	}
	if w.profile, err = os.Create(path); err != nil {
		return err
	}
	return pprof.StartCPUProfile(w.profile)
}
