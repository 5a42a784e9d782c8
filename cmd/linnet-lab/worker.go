package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func rootContext() context.Context { return context.Background() }

// system is what is measured: one node of one kind.
type system interface {
	// address is where others connect to.
	address() string
	connect(ctx context.Context, address string) error
	// join makes the topic where link is empty, and returns what others join with.
	join(ctx context.Context, link string) (string, error)
	// followers is how many others of the topic are connected.
	followers() int
	post(ctx context.Context, text string) error
	// receive calls got with each text of another node, until ctx ends.
	receive(ctx context.Context, got func(text string)) error
	close() error
}

// order is what the coordinator tells a worker, one JSON object a line.
type order struct {
	Do       string   `json:"do"`
	Address  []string `json:"address,omitempty"`
	Link     string   `json:"link,omitempty"`
	Want     int      `json:"want,omitempty"`
	Rate     float64  `json:"rate,omitempty"`     // posts a second of this worker
	Delay    float64  `json:"delay,omitempty"`    // seconds before the first
	Duration float64  `json:"duration,omitempty"` // seconds
	Phase    int      `json:"phase,omitempty"`
}

// reply is what a worker answers.
type reply struct {
	Err     string    `json:"err,omitempty"`
	Address string    `json:"address,omitempty"`
	Link    string    `json:"link,omitempty"`
	Sent    int       `json:"sent,omitempty"`
	Late    int       `json:"late,omitempty"` // posts that were due and could not be begun within 100 ms
	Got     []receipt `json:"got,omitempty"`
	CPU     float64   `json:"cpu,omitempty"` // seconds since the process began
	RSS     int64     `json:"rss,omitempty"`
	Anon    int64     `json:"anon,omitempty"`
}

// receipt is one delivered post.
type receipt struct {
	Post    string  `json:"p"` // sender and number
	Latency float64 `json:"l"` // ms
}

const (
	textSize    = 300 // bytes of each post
	maxInFlight = 256 // posts of one worker that wait for their disk
)

// payload is a text of textSize bytes that carries phase, sender, number and time.
func payload(phase, sender, number int, now time.Time) string {
	head := fmt.Sprintf("%d %d %d %d ", phase, sender, number, now.UnixNano())
	return head + strings.Repeat("x", textSize-len(head))
}

func openPayload(text string) (phase int, post string, sent time.Time, err error) {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return 0, "", time.Time{}, errors.New("not a post of the lab")
	}
	phase, err1 := strconv.Atoi(f[0])
	ns, err2 := strconv.ParseInt(f[3], 10, 64)
	return phase, f[1] + "/" + f[2], time.Unix(0, ns), errors.Join(err1, err2)
}

// worker runs one system at the coordinator's orders.
type worker struct {
	sys   system
	index int

	mu    sync.Mutex
	phase int
	got   []receipt
}

func workerCommand() *cobra.Command {
	var kind, transport, dir, profile string
	var index int
	c := &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if profile != "" {
				f, err := os.Create(profile)
				if err != nil {
					return err
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				defer pprof.StopCPUProfile()
			}
			sys, err := openSystem(cmd.Context(), kind, transport, dir)
			if err != nil {
				return err
			}
			w := &worker{sys: sys, index: index}
			return errors.Join(w.run(cmd.Context()), sys.close())
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "")
	c.Flags().StringVar(&transport, "transport", "tcp", "")
	c.Flags().StringVar(&dir, "dir", "", "")
	c.Flags().StringVar(&profile, "profile", "", "")
	c.Flags().IntVar(&index, "index", 0, "")
	return c
}

func openSystem(ctx context.Context, kind, transport, dir string) (system, error) {
	listen := map[string]string{"tcp": "/ip4/127.0.0.1/tcp/0", "quic": "/ip4/127.0.0.1/udp/0/quic-v1"}[transport]
	if listen == "" {
		return nil, fmt.Errorf("transport %q: choose tcp or quic", transport)
	}
	switch kind {
	case "raw":
		return openRaw(ctx, transport, listen)
	case "linnet":
		return openLinnet(ctx, dir, listen)
	}
	return nil, fmt.Errorf("no such kind: %q", kind)
}

// run obeys until the coordinator closes stdin or says quit.
func (w *worker) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if err := out.Encode(reply{Address: w.sys.address()}); err != nil {
		return err
	}
	for in.Scan() {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			return err
		}
		if o.Do == "quit" {
			return nil
		}
		r, err := w.obey(ctx, o, &wg)
		if err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return in.Err()
}

func (w *worker) obey(ctx context.Context, o order, wg *sync.WaitGroup) (r reply, err error) {
	switch o.Do {
	case "connect":
		for _, a := range o.Address {
			err = errors.Join(err, w.sys.connect(ctx, a))
		}
	case "join":
		if r.Link, err = w.sys.join(ctx, o.Link); err == nil {
			wg.Go(func() {
				if err := w.sys.receive(ctx, w.take); err != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "receive:", err)
				}
			})
		}
	case "ready":
		for start := time.Now(); w.sys.followers() < o.Want; time.Sleep(20 * time.Millisecond) {
			if time.Since(start) > 30*time.Second {
				return r, fmt.Errorf("%d of %d followers after 30 s", w.sys.followers(), o.Want)
			}
		}
	case "phase":
		w.mu.Lock()
		w.phase, w.got = o.Phase, nil
		w.mu.Unlock()
	case "post":
		r.Sent, r.Late = w.post(ctx, o)
	case "report":
		w.mu.Lock()
		r.Got = w.got
		w.mu.Unlock()
	case "usage":
		var u syscall.Rusage
		err = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		r.CPU = seconds(u.Utime) + seconds(u.Stime)
		r.RSS, r.Anon = memory(os.Getpid())
	default:
		err = fmt.Errorf("no such order: %q", o.Do)
	}
	return r, err
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

func (w *worker) take(text string) {
	now := time.Now()
	phase, post, sent, err := openPayload(text)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if phase == w.phase {
		w.got = append(w.got, receipt{post, float64(now.Sub(sent)) / float64(time.Millisecond)})
	}
}

// post posts on schedule, whether or not earlier posts have returned.
func (w *worker) post(ctx context.Context, o order) (sent, late int) {
	start := time.Now().Add(time.Duration(o.Delay * float64(time.Second)))
	gap := time.Duration(float64(time.Second) / o.Rate)
	n := int(o.Duration * o.Rate)
	slots := make(chan struct{}, maxInFlight)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		due := start.Add(time.Duration(i) * gap)
		time.Sleep(time.Until(due))
		slots <- struct{}{}
		if time.Since(due) > 100*time.Millisecond {
			late++
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := w.sys.post(ctx, payload(o.Phase, w.index, i, time.Now())); err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	return n - int(failed.Load()), late
}
