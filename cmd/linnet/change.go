package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

// newcomersFlag is --newcomers-read as a person writes it.
const newcomersFlag = "newcomers-read"

// maxNewcomersRead is the largest number of messages that newcomers can be given.
const maxNewcomersRead = 4096

// newcomers reads the value of --newcomers-read: what people who come to a
// private topic may read of what was written before.
func newcomers(s string) (int, error) {
	switch s {
	case "none":
		return 0, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxNewcomersRead {
		return 0, misuse("--%s is none, all, or how many messages, 1 to %d", newcomersFlag, maxNewcomersRead)
	}
	return n, nil
}

// newcomersInWords is the same for people.
func newcomersInWords(n int) string {
	switch {
	case n < 0:
		return "everything since this was allowed"
	case n == 0:
		return "nothing from before they came"
	case n == 1:
		return "the last message from before they came"
	}
	return fmt.Sprintf("the last %d messages from before they came", n)
}

func (p *program) topicChange() *cobra.Command {
	var name, description, read, disappear string
	c := &cobra.Command{
		Use:   "change TOPIC",
		Short: "Change what a topic is called, what it is about, or what newcomers read",
		Long: `Change what a topic is called, what it is about, or what newcomers to a private
topic may read of what was written before they came: none, all, or the last so
many messages; or after what time messages disappear. That holds for what is
written from now on, and every member sees it. Only owners and admins may change
a topic. Nothing makes a changed program, or a photograph, forget a message.`,
		Example: `  linnet topic change Choir --name "Chamber choir"
  linnet topic change Choir --newcomers-read 100
  linnet topic change Anna --disappear 7d`,
		Args: words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var patch api.TopicPatch
			if cmd.Flags().Changed("name") {
				patch.Name = &name
			}
			if cmd.Flags().Changed("description") {
				patch.Description = &description
			}
			if cmd.Flags().Changed(newcomersFlag) {
				n, err := newcomers(read)
				if err != nil {
					return err
				}
				patch.NewcomersRead = &n
			}
			if cmd.Flags().Changed("disappear") {
				n, err := seconds(disappear)
				if err != nil {
					return err
				}
				patch.FadeSeconds = &n
			}
			if patch == (api.TopicPatch{}) {
				return misuse("say what to change: --name, --description, --%s or --disappear", newcomersFlag)
			}
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if patch.NewcomersRead != nil && t.Sealing == nil {
				return &failure{Code: api.CodeNotSealed, Title: "only a private topic has members", Detail: "everybody who has the link of " + called(t) + " reads it"}
			}
			if t, err = client.ChangeTopic(cmd.Context(), t.ID, patch); err != nil {
				return err
			}
			p.print(t, func() {
				fmt.Fprintf(p.out, "Changed %s.\n", called(t))
				if patch.NewcomersRead != nil {
					fmt.Fprintf(p.out, "From now on newcomers may read: %s.\n", newcomersInWords(t.Sealing.NewcomersRead))
				}
				if patch.FadeSeconds != nil {
					fmt.Fprintln(p.out, disappearing(t.Sealing.FadeSeconds))
				}
			})
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "what it is called")
	c.Flags().StringVar(&description, "description", "", "what it is about; empty for nothing")
	c.Flags().StringVar(&disappear, "disappear", "", "of a private topic, or one with a contact: after what time messages disappear, such as 1h, 30m or 7d; off for never")
	c.Flags().StringVar(&read, newcomersFlag, "", "of a private topic: what newcomers may read of before: none, all, or so many messages")
	return c
}

// seconds reads after what time messages disappear.
func seconds(s string) (int, error) {
	if s == "off" {
		return 0, nil
	}
	if days, err := strconv.Atoi(strings.TrimSuffix(s, "d")); err == nil && strings.HasSuffix(s, "d") && days > 0 && days <= 3650 {
		return days * 24 * 60 * 60, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d%time.Second != 0 || d > 3650*24*time.Hour {
		return 0, misuse("--disappear is a time, such as 1h, 30m or 7d, or off")
	}
	return int(d / time.Second), nil
}

// disappearing says after what time messages disappear.
func disappearing(seconds int) string {
	if seconds == 0 {
		return "Messages stay from now on."
	}
	return fmt.Sprintf("Messages that are written from now on disappear after %s, from the computers of all.", inWords(time.Duration(seconds)*time.Second))
}

// inWords is a time without the zeros of its String.
func inWords(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		if d == 24*time.Hour {
			return "a day"
		}
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	s := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
