package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	manyRecords = 100_000
	starts      = 7
	idleFor     = 10 * time.Second
	startWithin = 20 * time.Second
	pollPage    = 2 * time.Millisecond
)

// idleRow is what the program costs alone, on a store of some size.
type idleRow struct {
	Records   int       `json:"records"`
	Idle      []mem     `json:"idle,omitempty"`
	Post      []float64 `json:"first_post_ms,omitempty"` // exec to a queued post's event at a known node
	Page      []float64 `json:"first_page_ms,omitempty"` // exec to the page served
	FirstPost string    `json:"first_post_verdict,omitempty"`
	FirstPage string    `json:"first_page_verdict,omitempty"`
}

// mem is the memory of the idle program, MB.
type mem struct {
	Starts    int     `json:"starts"` // of nodes on this store before
	Resident  float64 `json:"resident_mb"`
	Anonymous float64 `json:"anonymous_mb"`
	Verdict   string  `json:"verdict"`
}

// single measures the program's memory and start, on an empty store and on a
// large one, in turn. The idle memory is read before and after the starts: each
// start leaves small files in the store, which it merges sooner or later.
func single(ctx context.Context, o liveOptions, r *report) (err error) {
	wantMemory, wantStart := slices.Contains(o.Only, "memory"), slices.Contains(o.Only, "start")
	if !wantMemory && !wantStart {
		return nil
	}
	dir, err := os.MkdirTemp("", "linnet-lab-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := buildProgram(ctx, dir, o.Quick)
	if err != nil {
		return err
	}
	many, rounds, wait := manyRecords, starts, idleFor
	if o.Quick {
		many, rounds, wait = 1000, 1, time.Second
	}
	var rows []*idleRow
	var stores []*store
	for _, records := range []int{0, many} {
		s, err := makeStore(ctx, filepath.Join(dir, fmt.Sprint(records)), records)
		if err != nil {
			return fmt.Errorf("make a store of %d posts: %w", records, err)
		}
		stores = append(stores, s)
		rows = append(rows, &idleRow{Records: records})
	}
	began, busy, own := time.Now(), busyCPU(), ownCPU()+childCPU()
	measureIdle := func() error {
		if !wantMemory {
			return nil
		}
		return idle(ctx, path, stores, rows, wait)
	}
	if err := measureIdle(); err != nil {
		return fmt.Errorf("idle memory: %w", err)
	}
	if !wantStart {
		rounds = 0
	}
	for range rounds {
		for i, row := range rows {
			if err := row.start(ctx, path, stores[i]); err != nil {
				return err
			}
		}
	}
	if wantStart {
		if err := measureIdle(); err != nil {
			return fmt.Errorf("idle memory after the starts: %w", err)
		}
	}
	r.single(rows, others(began, busy, own))
	return nil
}

// buildProgram builds the program as it is given to people, or, quick, in the
// way that the build cache is likely to hold already.
func buildProgram(ctx context.Context, dir string, quick bool) (path string, err error) {
	path = filepath.Join(dir, "linnet")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/linnet-im/linnet/cmd/linnet")
	if !quick {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, out)
	}
	return path, nil
}

// start measures both starts once.
func (row *idleRow) start(ctx context.Context, path string, s *store) error {
	took, err := s.firstPost(ctx, func() (*program, error) { return s.run(ctx, path) })
	if err != nil {
		return fmt.Errorf("first post: %w", err)
	}
	row.Post = append(row.Post, ms(took))
	p, err := s.run(ctx, path)
	if err != nil {
		return fmt.Errorf("first page: %w", err)
	}
	took, err = p.page(ctx)
	if err := errors.Join(err, p.stop()); err != nil {
		return fmt.Errorf("first page: %w", err)
	}
	row.Page = append(row.Page, ms(took))
	return nil
}

// idle reads the memory of programs that did nothing for wait.
func idle(ctx context.Context, path string, stores []*store, rows []*idleRow, wait time.Duration) error {
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		wg.Go(func() {
			p, err := stores[i].run(ctx, path)
			if err != nil {
				errs[i] = err
				return
			}
			_, err = p.page(ctx)
			if err == nil {
				err = pause(ctx, wait)
			}
			rss, anon, merr := memory(p.cmd.Process.Pid)
			row.Idle = append(row.Idle, mem{Starts: stores[i].starts, Resident: float64(rss) / 1e6, Anonymous: float64(anon) / 1e6})
			errs[i] = errors.Join(err, merr, p.stop())
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// program is a running linnet.
type program struct {
	cmd   *exec.Cmd
	ui    string
	began time.Time // just before exec
}

// run starts the program on the store.
func (s *store) run(ctx context.Context, path string) (*program, error) {
	s.starts++
	ui, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &program{ui: ui}
	p.cmd = exec.CommandContext(ctx, path, "run", "--data", s.dir, "--ui", ui, "--listen", "/ip4/127.0.0.1/tcp/0", "--no-browser")
	tie(p.cmd)
	p.began = time.Now()
	return p, p.cmd.Start()
}

// page waits until the page is served and returns how long that took since exec.
func (p *program) page(ctx context.Context) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for {
		if res, err := client.Get("http://" + p.ui + "/"); err == nil {
			took := time.Since(p.began)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return took, nil
			}
		}
		if time.Since(p.began) > startWithin {
			return 0, fmt.Errorf("no page after %v", startWithin)
		}
		if err := pause(ctx, pollPage); err != nil {
			return 0, err
		}
	}
}

// stop asks the program to end, and ends it where it does not.
func (p *program) stop() error {
	_ = p.cmd.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(closeWithin, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	return p.cmd.Wait()
}

// freePort is a port that was free just now.
func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
