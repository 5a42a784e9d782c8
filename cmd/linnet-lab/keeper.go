package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/node"
)

// stage is what a joiner tells, one JSON object a line.
type stage struct {
	Address string  `json:"address,omitempty"`
	Name    string  `json:"name,omitempty"` // screen: the newest 50 can be read; all: every post is stored; proven: and vouched for
	MS      float64 `json:"ms,omitempty"`   // since the link was given
	Posts   uint64  `json:"posts"`
	CPU     float64 `json:"cpu,omitempty"` // seconds since the process began
}

// keeperCommand runs one node as a process of its own, until its standard input
// is closed. With a link it joins, and tells how far it is.
func keeperCommand() *cobra.Command {
	var dir, link, profile string
	var peers []string
	var posts uint64
	c := &cobra.Command{
		Use: "keeper", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			n, err := node.Open(ctx, node.Config{Dir: dir, NoMDNS: true, Listen: []string{anyListen}})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.Close()) }()
			out := json.NewEncoder(os.Stdout)
			if err := out.Encode(stage{Address: n.Status().Addresses[0]}); err != nil {
				return err
			}
			in := bufio.NewScanner(os.Stdin)
			if link != "" && in.Scan() { // a line starts it
				for _, p := range peers {
					if _, err := n.Connect(ctx, p); err != nil {
						return err
					}
				}
				if err := profiled(profile, func() error { return watch(ctx, n, link, posts, out) }); err != nil {
					return err
				}
			}
			for in.Scan() {
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "")
	c.Flags().StringVar(&link, "link", "", "")
	c.Flags().StringVar(&profile, "profile", "", "")
	c.Flags().StringArrayVar(&peers, "peer", nil, "")
	c.Flags().Uint64Var(&posts, "posts", 0, "")
	return c
}

// profiled writes a CPU profile of f to a file, if one is named.
func profiled(path string, f func() error) error {
	if path == "" {
		return f()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// watch follows a link and tells each stage when it is reached.
func watch(ctx context.Context, n *node.Node, link string, posts uint64, out *json.Encoder) error {
	began := time.Now()
	tell := func(name string, have uint64) error {
		return out.Encode(stage{Name: name, MS: ms(time.Since(began)), Posts: have, CPU: ownCPU().Seconds()})
	}
	t, err := n.Follow(ctx, link)
	if err != nil {
		return err
	}
	screen, all := false, false
	for {
		if !screen {
			page, _, err := t.Messages(ctx, node.Page{Limit: 50})
			if err != nil {
				return err
			}
			if screen = len(page) == 50; screen {
				if err := tell("screen", 50); err != nil {
					return err
				}
			}
			if err := pause(ctx, 2*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		info, err := t.Info(ctx)
		if err != nil {
			return err
		}
		c := info.Completeness
		name := ""
		if !all && c.Posts >= posts {
			all, name = true, "all"
		}
		if err := tell(name, c.Posts); err != nil {
			return err
		}
		if all && c.Missing == 0 && c.Checkpoint != nil && c.Checkpoint.Met {
			return tell("proven", c.Posts)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
