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
	"time"
)

const (
	answerWithin = 2 * time.Minute  // a worker that takes longer is ended
	closeWithin  = 10 * time.Second // to end by itself
)

// remote is a worker process.
type remote struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	address string
}

// startWorker starts a worker and waits until it listens.
func startWorker(ctx context.Context, args ...string) (*remote, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &remote{cmd: exec.CommandContext(ctx, self, append([]string{"worker"}, args...)...)}
	tie(w.cmd)
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
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.address = r.Address
	return w, nil
}

// ask gives one order and waits for the answer.
func (w *remote) ask(o order) (reply, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	if _, err := w.in.Write(append(b, '\n')); err != nil {
		return reply{}, fmt.Errorf("a worker has ended: %w", err)
	}
	return w.read()
}

func (w *remote) read() (r reply, err error) {
	timer := time.AfterFunc(answerWithin, w.kill)
	defer timer.Stop()
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("a worker has ended: %w", err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// close asks the worker to end, and ends it where it does not.
func (w *remote) close() error {
	_ = w.in.Close() // it may have ended
	timer := time.AfterFunc(closeWithin, w.kill)
	defer timer.Stop()
	if err := w.cmd.Wait(); err != nil {
		return fmt.Errorf("worker %d: %w", w.cmd.Process.Pid, err)
	}
	return nil
}

func (w *remote) kill() { _ = w.cmd.Process.Kill() } // it may have ended
