package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	grace  = 2 * time.Second        // after the last post, for deliveries to count
	calm   = 300 * time.Millisecond // without a delivery: what was queued is through
	calmBy = 10 * time.Second
	look   = 50 * time.Millisecond // between two looks at the counts
)

// fleet is the workers of one system in one round, all connected.
type fleet struct {
	kind     string
	dir      string
	workers  []*remote
	phases   int
	profiles string // what the names of CPU profiles begin with; empty for none
}

// newFleet starts n nodes, and returns when each follows the topic of the first
// and the mesh has had settle to form.
func newFleet(ctx context.Context, kind string, n int, o liveOptions) (_ *fleet, err error) {
	f := &fleet{kind: kind}
	if f.dir, err = os.MkdirTemp("", "linnet-lab-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for i := range n {
		w, err := startWorker(ctx, "--kind", kind, "--transport", o.Transport, "--index", fmt.Sprint(i),
			"--seed", fmt.Sprint(o.Seed), "--dir", filepath.Join(f.dir, fmt.Sprint(i)))
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, w)
	}
	link := ""
	for i, w := range f.workers {
		for _, other := range f.workers[:i] {
			if _, err := w.ask(order{Do: "connect", Address: other.address}); err != nil {
				return nil, err
			}
		}
		r, err := w.ask(order{Do: "join", Link: link})
		if err != nil {
			return nil, err
		}
		if i == 0 {
			link = r.Link
		}
	}
	if _, err = f.all(order{Do: "ready", Want: n - 1}); err != nil {
		return nil, err
	}
	return f, pause(ctx, o.settle())
}

// load is posting at one rate for a while.
type load struct {
	rate, seconds float64       // of all workers together
	tail          time.Duration // at least so long after the last post is measured too
}

// phaseResult is what came of a load.
type phaseResult struct {
	posts               int // that were to be posted
	late, failed        int
	delivered, repeated int
	latency, last       []float64 // ms; last: of the last node that each post reached, where it reached all
	wire                int64
	cpu                 float64 // seconds, all workers
	wanted              int
}

// kept: 99.9 % delivered, nothing refused, p99 under half a second, and at most
// 1 % of the posts behind schedule.
func (p phaseResult) kept() bool {
	return p.delivered > 0 && float64(p.delivered) >= 0.999*float64(p.wanted) && p.failed == 0 &&
		quantile(p.latency, 0.99) < 500 && p.late*100 <= p.posts
}

func (p phaseResult) String() string {
	return fmt.Sprintf("%d of %d delivered, p50 %.2f ms, p99 %.2f ms, %d of %d late, %d refused", p.delivered, p.wanted,
		quantile(p.latency, 0.5), quantile(p.latency, 0.99), p.late, p.posts, p.failed)
}

// phase has all workers post evenly, in turn, and collects what arrived.
func (f *fleet) phase(ctx context.Context, l load) (p phaseResult, err error) {
	f.phases++
	if _, err := f.all(order{Do: "begin", Phase: f.phases}); err != nil {
		return p, err
	}
	cpu, wire, err := f.spent()
	if err != nil {
		return p, err
	}
	replies, err := f.each(func(i int) order {
		return order{Do: "post", Phase: f.phases, Rate: l.rate / float64(len(f.workers)), Seconds: l.seconds, Delay: 0.05 + float64(i)/l.rate}
	})
	if err != nil {
		return p, err
	}
	for _, r := range replies {
		p.late += r.Late
		p.failed += r.Failed
	}
	p.posts = int(l.seconds*l.rate/float64(len(f.workers))) * len(f.workers)
	p.wanted = p.posts * (len(f.workers) - 1)
	if err := f.await(ctx, p.wanted, l.tail); err != nil {
		return p, err
	}
	if p.cpu, p.wire, err = f.spent(); err != nil {
		return p, err
	}
	p.cpu, p.wire = p.cpu-cpu, p.wire-wire
	if replies, err = f.all(order{Do: "report"}); err != nil {
		return p, err
	}
	p.count(replies)
	if p.delivered < p.wanted {
		err = f.calmDown(ctx)
	}
	return p, err
}

// count works out what the workers received.
func (p *phaseResult) count(replies []reply) {
	type name struct{ sender, number int }
	reached, last := map[name]int{}, map[name]float64{}
	for _, r := range replies {
		seen := make(map[name]bool, len(r.Got))
		for _, d := range r.Got {
			n := name{d.Sender, d.Number}
			if seen[n] {
				p.repeated++
				continue
			}
			seen[n] = true
			p.delivered++
			p.latency = append(p.latency, d.Latency)
			reached[n]++
			last[n] = max(last[n], d.Latency)
		}
	}
	for n, l := range last {
		if reached[n] == len(replies)-1 {
			p.last = append(p.last, l)
		}
	}
}

// spent is the processor time of all workers and the bytes on the wire so far.
func (f *fleet) spent() (cpu float64, wire int64, err error) {
	replies, err := f.all(order{Do: "usage"})
	if err != nil {
		return 0, 0, err
	}
	for _, r := range replies {
		cpu += r.CPU
	}
	wire, err = loopbackBytes()
	return cpu, wire, err
}

// await waits for tail, and then for wanted deliveries as long as there is grace.
func (f *fleet) await(ctx context.Context, wanted int, tail time.Duration) error {
	end := time.Now().Add(grace)
	if err := pause(ctx, tail); err != nil {
		return err
	}
	for {
		n, err := f.arrived()
		if err != nil || n >= wanted || time.Now().After(end) {
			return err
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// calmDown waits until nothing more of an overload arrives: the next phase must not pay for it.
func (f *fleet) calmDown(ctx context.Context) error {
	before, since := -1, time.Now()
	for end := time.Now().Add(calmBy); time.Now().Before(end); {
		n, err := f.arrived()
		if err != nil {
			return err
		}
		if n != before {
			before, since = n, time.Now()
		}
		if time.Since(since) > calm {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) arrived() (n int, err error) {
	replies, err := f.all(order{Do: "count"})
	for _, r := range replies {
		n += r.Count
	}
	return n, err
}

// profile begins CPU profiles, or ends them where name is empty.
func (f *fleet) profile(name string) error {
	_, err := f.each(func(i int) order {
		if name == "" {
			return order{Do: "profile"}
		}
		return order{Do: "profile", Path: fmt.Sprintf("%s-%s-node%d.pprof", f.profiles, name, i)}
	})
	return err
}

// all gives every worker one order at the same time.
func (f *fleet) all(o order) ([]reply, error) { return f.each(func(int) order { return o }) }

// each gives every worker its order at the same time.
func (f *fleet) each(orderFor func(i int) order) ([]reply, error) {
	replies, errs := make([]reply, len(f.workers)), make([]error, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() { replies[i], errs[i] = w.ask(orderFor(i)) })
	}
	wg.Wait()
	return replies, errors.Join(errs...)
}

func (f *fleet) close() error {
	errs := make([]error, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() { errs[i] = w.close() })
	}
	wg.Wait()
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
