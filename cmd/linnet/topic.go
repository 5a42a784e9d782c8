package main

import (
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// shortID is how much of an id lists show; enough to name a topic with.
const shortID = 8

func (p *program) topic() *cobra.Command {
	c := &cobra.Command{
		Use:   "topic",
		Short: "Create, list, show, join, leave, repair and thin topics",
		Long: `A topic is a conversation. Wherever a command asks for a TOPIC, give its
name, its id, or the first letters of its id (4 at least).`,
		Example: "  linnet topic list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return misuse("say what to do with a topic: create, list, show, join, leave, repair or keep")
		},
	}
	c.AddCommand(p.topicCreate(), p.topicList(), p.topicShow(), p.topicJoin(), p.topicLeave(), p.topicRepair(), p.topicKeep())
	return c
}

func (p *program) topicCreate() *cobra.Command {
	var d api.TopicDraft
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a topic and show the link to it",
		Long: `Make a topic that is yours. In a broadcast topic you write and everybody who
has the link reads; in an open topic everybody who has the link writes too.`,
		Example: `  linnet topic create "School news" --kind broadcast --description "What parents should know"
  linnet topic create Neighbours --kind open`,
		Args: words(1, 1, "give one name, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.Kind != api.KindBroadcast && d.Kind != api.KindOpen {
				return misuse("there is no kind %q of topics; use broadcast or open", d.Kind)
			}
			client, err := p.connect()
			if err != nil {
				return err
			}
			d.Name = args[0]
			t, err := client.CreateTopic(cmd.Context(), d)
			if err != nil {
				return err
			}
			p.print(t, func() {
				fmt.Fprintf(p.out, "Created %s (%s), id %s\nSend this link to people who may follow it:\n%s\n", quoted(t.Name), t.Kind, line(t.ID), line(t.Link))
			})
			return nil
		},
	}
	c.Flags().StringVar(&d.Kind, "kind", api.KindBroadcast, "who may write: broadcast (you) or open (everybody)")
	c.Flags().StringVar(&d.Description, "description", "", "what the topic is about")
	return c
}

func (p *program) topicList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the topics that you follow",
		Example: "  linnet topic list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Topics(cmd.Context())
			if err != nil {
				return err
			}
			p.print(list, func() { p.table(list.Items) })
			return nil
		},
	}
}

func (p *program) table(topics []api.Topic) {
	if len(topics) == 0 {
		fmt.Fprintln(p.out, `You follow no topic yet. Make one with: linnet topic create NAME
or follow one that somebody sent you with: linnet topic join LINK`)
		return
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tUNREAD\tNAME\tHOW MUCH IS HERE")
	for _, t := range topics {
		fmt.Fprintf(w, "%.*s\t%s\t%s\t%s\t%s\n", shortID, line(t.ID), line(t.Kind), unread(t.Unread), line(t.Name), line(t.Completeness.Summary))
	}
	_ = w.Flush() // to a terminal or a pipe that is gone
}

func unread(n int) string {
	if n >= 1000 {
		return "1000+"
	}
	return strconv.Itoa(n)
}

func (p *program) topicShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show TOPIC",
		Short:   "Show what is known of a topic",
		Example: `  linnet topic show "School news"`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			p.print(t, func() { p.show(t) })
			return nil
		},
	}
}

func (p *program) show(t api.Topic) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("Name", line(t.Name))
	row("About", paragraph(t.Description, "\t"))
	row("Id", line(t.ID))
	row("Kind", line(t.Kind))
	row("You are", line(t.Role))
	row("Unread", unread(t.Unread))
	row("Followers connected", strconv.Itoa(t.Followers))
	row("How much is here", line(t.Completeness.Summary))
	for i, h := range t.Completeness.Holes {
		row(first(i, "Missing"), hole(h))
	}
	if pr := t.Completeness.Progress; pr != nil {
		row("Arriving", fmt.Sprintf("%d of %d records", pr.Done, pr.Total))
	}
	row("Kept here", kept(t.Retention))
	row("Link", line(t.Link))
	_ = w.Flush() // to a terminal or a pipe that is gone
}

// first is a name for the first row of several.
func first(i int, name string) string {
	if i > 0 {
		return " "
	}
	return name
}

func hole(h api.Hole) string {
	who := line(h.Author.Name)
	if who == "" {
		who = fmt.Sprintf("writer %.*s", shortID, line(h.Author.ID))
	}
	if h.From == h.To {
		return fmt.Sprintf("%s, number %d", who, h.From)
	}
	return fmt.Sprintf("%s, numbers %d to %d", who, h.From, h.To)
}

func kept(r api.Retention) string {
	switch {
	case r.Keep == api.KeepLast && r.N == 1:
		return "the text of the last post"
	case r.Keep == api.KeepLast:
		return fmt.Sprintf("the texts of the last %d posts", r.N)
	case r.Keep == api.KeepDays && r.N == 1:
		return "the texts of the last day"
	case r.Keep == api.KeepDays:
		return fmt.Sprintf("the texts of the last %d days", r.N)
	}
	return "everything"
}

func (p *program) topicRepair() *cobra.Command {
	return &cobra.Command{
		Use:     "repair TOPIC",
		Short:   "Ask others again, now, for what is missing of a topic",
		Long:    "Ask others again, now, for what is missing of a topic. It happens by itself too.",
		Example: `  linnet topic repair "School news"`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if err := client.Repair(cmd.Context(), t.ID); err != nil {
				return err
			}
			p.print(map[string]string{"asking": t.ID}, func() {
				fmt.Fprintf(p.out, "Asking. See how it stands with: %s\n", desktop.Command("topic show "+line(t.ID)[:min(shortID, len(t.ID))], p.data))
			})
			return nil
		},
	}
}

func (p *program) topicKeep() *cobra.Command {
	var last, days int
	c := &cobra.Command{
		Use:   "keep TOPIC",
		Short: "Say what of a topic is kept on this computer",
		Long: `Say what of a topic is kept on this computer: everything, or the texts of the
last posts or days. Texts of others that are older are dropped; the signed
records that prove their place stay, and so does what you wrote. With --all,
texts that were dropped are asked for again.`,
		Example: `  linnet topic keep "School news" --days 30
  linnet topic keep "School news" --all`,
		Args: words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := cmd.Flags().GetBool("all")
			if err != nil {
				return err
			}
			r := api.Retention{Keep: api.KeepAll}
			switch {
			case last > 0 && days == 0 && !all:
				r = api.Retention{Keep: api.KeepLast, N: last}
			case days > 0 && last == 0 && !all:
				r = api.Retention{Keep: api.KeepDays, N: days}
			case !all || last != 0 || days != 0:
				return misuse("say one of --all, --last N or --days N")
			}
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if t, err = client.ChangeTopic(cmd.Context(), t.ID, api.TopicPatch{Retention: &r}); err != nil {
				return err
			}
			p.print(t, func() {
				fmt.Fprintf(p.out, "What stays of %s on this computer: %s.\n", quoted(t.Name), kept(t.Retention))
			})
			return nil
		},
	}
	c.Flags().Bool("all", false, "keep everything")
	c.Flags().IntVar(&last, "last", 0, "keep the texts of so many posts")
	c.Flags().IntVar(&days, "days", 0, "keep the texts of so many days")
	return c
}

// named connects and finds the topic that a person means.
func (p *program) named(cmd *cobra.Command, word string) (*client.Client, api.Topic, error) {
	c, err := p.connect()
	if err != nil {
		return nil, api.Topic{}, err
	}
	t, err := find(cmd.Context(), c, word)
	return c, t, err
}

func (p *program) topicJoin() *cobra.Command {
	return &cobra.Command{
		Use:     "join LINK",
		Short:   "Follow the topic that a link leads to",
		Long:    `Show what a link leads to and follow it. What is there already arrives by itself.`,
		Example: "  linnet topic join linnet:AbCdEf…",
		Args:    words(1, 1, "give one link, all of it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			done := p.slowly("Looking for somebody who has this topic …")
			defer done()
			preview, err := client.Preview(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !p.json {
				fmt.Fprint(p.out, describe(preview))
			}
			t, err := client.Accept(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p.print(t, func() { fmt.Fprint(p.out, joined(preview, t)) })
			return nil
		},
	}
}

// describe says what a link leads to, and how sure that is.
func describe(l api.LinkPreview) string {
	claimed := ""
	if !l.Verified {
		claimed = " (says the link; nobody who has it answered yet)"
	}
	s := fmt.Sprintf("%s, %s%s\n", quoted(l.Name), kindInWords(l.Kind), claimed)
	if l.Description != "" {
		s += "  " + paragraph(l.Description, "  ") + "\n"
	}
	return s
}

func kindInWords(kind string) string {
	switch kind {
	case api.KindBroadcast:
		return "a topic to read"
	case api.KindOpen:
		return "a topic where everybody writes"
	}
	return "a topic of kind " + line(kind)
}

func joined(l api.LinkPreview, t api.Topic) string {
	switch {
	case l.Joined:
		return fmt.Sprintf("You follow it already, id %s\n", line(t.ID))
	case t.Completeness.State == api.CompleteWaiting:
		return fmt.Sprintf("You follow it now, id %s\nIt arrives as soon as somebody who has it is reached.\n", line(t.ID))
	}
	return fmt.Sprintf("You follow it now, id %s\n", line(t.ID))
}

func (p *program) topicLeave() *cobra.Command {
	return &cobra.Command{
		Use:     "leave TOPIC",
		Short:   "Stop following a topic and delete what is stored of it here",
		Example: `  linnet topic leave "School news"`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if err := client.LeaveTopic(cmd.Context(), t.ID); err != nil {
				return err
			}
			p.print(map[string]string{"left": t.ID}, func() { fmt.Fprintf(p.out, "You left %s.\n", quoted(t.Name)) })
			return nil
		},
	}
}

func (p *program) link() *cobra.Command {
	return &cobra.Command{
		Use:     "link TOPIC",
		Short:   "Print the link to a topic, to send to people",
		Example: `  linnet link "School news"`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			p.print(map[string]string{"topic": t.ID, "link": t.Link}, func() { fmt.Fprintln(p.out, line(t.Link)) })
			return nil
		},
	}
}

// words refuses a command line with fewer or more words than it needs.
func words(least, most int, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return misuse("%s", hint)
		}
		return nil
	}
}

// quoted shows a name that somebody chose.
func quoted(name string) string { return "“" + line(name) + "”" }
