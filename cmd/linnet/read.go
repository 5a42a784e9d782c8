package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

func (p *program) read() *cobra.Command {
	var follow bool
	var limit int
	c := &cobra.Command{
		Use:   "read TOPIC",
		Short: "Print the messages of a topic, oldest first",
		Long: `Print the newest messages of a topic, oldest first: time, author as it calls
itself, text. With --follow it goes on with what comes, until Ctrl-C. A message
of a private topic that this computer cannot read says why.

With --json it prints one object {items, prev, next}; with --follow as well,
one object for each message, on a line.`,
		Example: `  linnet read "School news" --limit 10
  linnet read "School news" --follow --json | jq -r .text`,
		Args: words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 || limit == 0 && !follow {
				return misuse("--limit must be 1 or more (or 0 with --follow, for new messages only)")
			}
			c, err := p.connect()
			if err != nil {
				return err
			}
			t, err := find(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			p.warnOfMirror(t)
			if follow {
				return newFollower(p, c, t.ID).run(cmd.Context(), limit)
			}
			page, err := newest(cmd.Context(), c, t.ID, limit)
			if err != nil {
				return err
			}
			p.print(page, func() {
				for _, m := range page.Items {
					fmt.Fprintln(p.out, shown(m))
				}
			})
			return nil
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new messages until interrupted")
	c.Flags().IntVarP(&limit, "limit", "n", api.DefaultLimit, "how many messages")
	return c
}

// warnOfMirror says that nothing of a topic can be read here, and why.
func (p *program) warnOfMirror(t api.Topic) {
	if s := t.Sealing; s != nil && !s.Member && !p.json {
		fmt.Fprintln(p.errs, line(s.Summary))
	}
}

// newest returns the newest messages of a topic, limit at most, as one page.
func newest(ctx context.Context, c *client.Client, topic string, limit int) (api.MessagePage, error) {
	whole := api.MessagePage{Items: []api.Message{}}
	before := ""
	for len(whole.Items) < limit {
		page, err := c.Messages(ctx, topic, client.Page{Limit: min(limit-len(whole.Items), api.MaxLimit), Before: before})
		if err != nil {
			return whole, err
		}
		if before == "" {
			whole.Next = page.Next
		}
		whole.Items, whole.Prev = slices.Concat(page.Items, whole.Items), page.Prev
		if page.Prev == nil {
			break
		}
		before = *page.Prev
	}
	return whole, nil
}

// shown is a message as a person reads it. Its further lines are indented, so
// that none of them can pass for a message.
func shown(m api.Message) string {
	text := paragraph(m.Text, "    ")
	switch {
	case m.Bodiless:
		text = "(the text is not kept here any more)"
	case m.Closed != "":
		text = "(" + closed(m.Closed) + ")"
	}
	return fmt.Sprintf("%s  %s: %s", time.UnixMilli(m.TimeMS).Format("2006-01-02 15:04"), author(m.Author), text)
}

// closed says why the text of a sealed message cannot be read.
func closed(why string) string {
	switch why {
	case api.ClosedPending:
		return "cannot be read here: its key has not arrived"
	case api.ClosedBefore:
		return "not for you: written before you became a member, or after you were removed"
	case api.ClosedErased:
		return "cannot be read here any more: its key was erased"
	case api.ClosedLost:
		return "cannot be read here: it was sealed to a key that this computer has no more"
	case api.ClosedForged:
		return "cannot be read: what its writer sealed makes no sense"
	}
	return "cannot be read here"
}

func author(a api.Author) string {
	name := line(a.Name)
	switch {
	case name != "" && a.Me:
		return name + " (you)"
	case a.Me:
		return "you"
	case name == "":
		return fmt.Sprintf("somebody %.8s", line(a.ID))
	}
	return name
}
