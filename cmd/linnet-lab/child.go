package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// child is a process of the lab.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startChild(ctx context.Context, args ...string) (*child, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	c := &child{cmd: exec.CommandContext(ctx, self, args...)}
	tie(c.cmd)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	c.out = bufio.NewScanner(pipe)
	if err := c.cmd.Start(); err != nil {
		return nil, "", err
	}
	first, err := c.next()
	if err != nil {
		return nil, "", errors.Join(err, c.close())
	}
	return c, first.Address, nil
}

func (c *child) next() (s stage, err error) {
	if !c.out.Scan() {
		return s, errors.Join(errors.New("a process of the lab has ended"), c.out.Err())
	}
	return s, json.Unmarshal(c.out.Bytes(), &s)
}

func (c *child) close() error {
	_ = c.in.Close() // it may have ended
	timer := time.AfterFunc(closeWithin, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	return c.cmd.Wait()
}

// until starts a joiner and reads what it tells up to a stage.
func (c *child) until(name string) (last stage, screen float64, err error) {
	if _, err := io.WriteString(c.in, "go\n"); err != nil {
		return last, 0, err
	}
	var all float64
	for last.Name != name {
		if last, err = c.next(); err != nil {
			return last, screen, err
		}
		switch last.Name {
		case "screen":
			screen = last.MS
		case "all":
			all = last.MS
		}
	}
	if all > 0 {
		last.MS = all
	}
	return last, screen, nil
}
