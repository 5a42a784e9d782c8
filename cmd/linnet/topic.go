package main

import (
	"fmt"
	"strconv"
	"strings"
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
		Short: "Create, list, show, change, join, leave, repair and thin topics; invite and remove members",
		Long: `A topic is a conversation. Wherever a command asks for a TOPIC, give its
name, its id, or the first letters of its id (4 at least).`,
		Example: "  linnet topic list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return misuse("say what to do with a topic: create, list, show, change, join, leave, repair, keep, invite, uninvite, members, promote, remove or hide")
		},
	}
	c.AddCommand(p.topicCreate(), p.topicList(), p.topicShow(), p.topicJoin(), p.topicLeave(), p.topicRepair(), p.topicKeep(),
		p.topicChange(), p.topicInvite(), p.topicUninvite(), p.topicMembers(), p.topicPromote(), p.topicRemove(), p.topicHide())
	return c
}

func (p *program) topicCreate() *cobra.Command {
	var d api.TopicDraft
	var read string
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a topic and show how others come to it",
		Long: `Make a topic that is yours. In a broadcast topic you write and everybody who
has the link reads; in an open topic everybody who has the link writes too. In a
private topic its members read and write, end-to-end encrypted: you, and whom
you invite. With --newcomers-read they may read of what was written before they
came; without it, nothing.`,
		Example: `  linnet topic create "School news" --kind broadcast --description "What parents should know"
  linnet topic create Neighbours --kind open
  linnet topic create Choir --kind private --newcomers-read 100`,
		Args: words(1, 1, "give one name, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.Kind != api.KindBroadcast && d.Kind != api.KindOpen && d.Kind != api.KindPrivate {
				return misuse("there is no kind %q of topics; use broadcast, open or private", d.Kind)
			}
			var err error
			if d.NewcomersRead, err = newcomers(read); err != nil {
				return err
			}
			if cmd.Flags().Changed(newcomersFlag) && d.Kind != api.KindPrivate {
				return misuse("--%s is for private topics; in others newcomers read everything", newcomersFlag)
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
				fmt.Fprintf(p.out, "Created %s (%s), id %s\n", quoted(t.Name), line(t.Kind), line(t.ID))
				if t.Kind == api.KindPrivate {
					fmt.Fprintf(p.out, "Only you can read it. Invite people, each with a link of their own: %s\n", desktop.Command("topic invite "+short(t.ID), p.data))
					return
				}
				fmt.Fprintf(p.out, "Send this link to people who may follow it:\n%s\n", line(t.Link))
			})
			return nil
		},
	}
	c.Flags().StringVar(&d.Kind, "kind", api.KindBroadcast, "who reads and writes: broadcast (you write), open (everybody with the link) or private (members)")
	c.Flags().StringVar(&read, newcomersFlag, "none", "of a private topic: what newcomers may read of before: none, all, or so many messages")
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
		fmt.Fprintf(w, "%.*s\t%s\t%s\t%s\t%s\n", shortID, line(t.ID), line(t.Kind), unread(t.Unread), named(t), line(t.Completeness.Summary))
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
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			var list api.MemberList
			if t.Sealing != nil && !p.json {
				if list, err = client.Members(cmd.Context(), t.ID); err != nil {
					return err
				}
			}
			p.print(t, func() { p.show(t, list.Items) })
			return nil
		},
	}
}

func (p *program) show(t api.Topic, members []api.Member) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("Name", named(t))
	row("About", paragraph(t.Description, "\t"))
	row("Id", line(t.ID))
	row("Kind", line(t.Kind))
	if s := t.Sealing; s != nil {
		row("Sealed", line(s.Summary))
		if s.Member {
			row("Newcomers may read", newcomersInWords(s.NewcomersRead))
		}
		for i, m := range members {
			row(first(i, "Members"), fmt.Sprintf("%s (%.*s), may %s", author(m.Author), shortID, line(m.Author.ID), may(m.Role)))
		}
		if s.Invited > 0 {
			row("Invitations not used", strconv.Itoa(s.Invited))
		}
	}
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
	if t.HideOrigin {
		row("Where it comes from", "hidden: what you write goes along a line of others first")
	}
	if sealed(t.Kind) {
		row("Link to keep it, not to read", line(t.Link))
	} else {
		row("Link", line(t.Link))
	}
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
				fmt.Fprintf(p.out, "Asking. See how it stands with: %s\n", desktop.Command("topic show "+short(t.ID), p.data))
			})
			return nil
		},
	}
}

func (p *program) topicHide() *cobra.Command {
	return &cobra.Command{
		Use:   "hide TOPIC [on|off]",
		Short: "Hide that what is written here comes from this computer",
		Long: `Hide that what is written here comes from this computer: it goes along a line of
other followers before one of them publishes it, so that somebody who is connected
to everybody cannot tell who wrote it. It takes about a second longer. Private
topics do so until you switch it off; in a conversation of two there is nobody to
hide among.`,
		Example: `  linnet topic hide Neighbours
  linnet topic hide Choir off`,
		Args: words(1, 2, "name one topic, and perhaps on or off"),
		RunE: func(cmd *cobra.Command, args []string) error {
			hide := len(args) == 1 || args[1] == "on"
			if !hide && args[1] != "off" {
				return misuse("say on or off, not %q", args[1])
			}
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if t, err = client.ChangeTopic(cmd.Context(), t.ID, api.TopicPatch{HideOrigin: &hide}); err != nil {
				return err
			}
			p.print(t, func() {
				switch {
				case t.Kind == api.KindDirect:
					fmt.Fprintln(p.out, "This is a conversation of two: there is nobody to hide among.")
				case t.HideOrigin:
					fmt.Fprintf(p.out, "What you write in %s goes along a line of others first.\n", called(t))
				default:
					fmt.Fprintf(p.out, "What you write in %s goes straight to everybody.\n", called(t))
				}
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
				fmt.Fprintf(p.out, "What stays of %s on this computer: %s.\n", called(t), kept(t.Retention))
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
		Use:   "join LINK",
		Short: "Follow the topic that a link leads to",
		Long: `Show what a link leads to and follow it. What is there already arrives by itself.
With an invitation to a private topic you become a member; with any other link
to one you keep and serve it for its members and cannot read it.`,
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
			p.print(t, func() {
				if t.Bridge != nil {
					fmt.Fprint(p.out, bridgeAdded(*t.Bridge, preview.Joined))
					return
				}
				fmt.Fprint(p.out, joined(preview, t.Topic))
			})
			return nil
		},
	}
}

// describe says what a link leads to, and how sure that is.
func describe(l api.LinkPreview) string {
	if l.Kind == api.KindBridge {
		return describeBridge(l)
	}
	claimed := ""
	switch {
	case !l.Verified:
		claimed = " (says the link; nobody who has it answered yet)"
	case sealed(l.Kind) && l.Name != "" && !l.Joined:
		claimed = " (its name is what the link says; the topic shows it to members)"
	}
	s := kindInWords(l.Kind) + claimed + "\n"
	if l.Name != "" {
		s = quoted(l.Name) + ", " + s
	}
	if l.Description != "" {
		s += "  " + paragraph(l.Description, "  ") + "\n"
	}
	switch {
	case !sealed(l.Kind):
	case l.Invite:
		s += "The link is an invitation: with it you become a member, who reads and writes.\n"
	default:
		s += "With this link you keep and serve it for its members; you cannot read it. To read, ask a member for an invitation.\n"
	}
	return s
}

func kindInWords(kind string) string {
	switch kind {
	case api.KindBroadcast:
		return "a topic to read"
	case api.KindOpen:
		return "a topic where everybody writes"
	case api.KindPrivate:
		return "a private topic"
	case api.KindDirect:
		return "a conversation of two"
	}
	return "a topic of kind " + line(kind)
}

// joined says what came of a link, and how this computer stands in a private topic.
func joined(l api.LinkPreview, t api.Topic) string {
	s := "You follow it now"
	if l.Joined {
		s = "You follow it already"
	}
	s += ", id " + line(t.ID) + "\n"
	if t.Completeness.State == api.CompleteWaiting {
		s += "It arrives as soon as somebody who has it is reached.\n"
	}
	if t.Sealing != nil {
		s += line(t.Sealing.Summary) + "\n"
	}
	return s
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
			p.print(map[string]string{"left": t.ID}, func() { fmt.Fprintf(p.out, "You left %s.\n", called(t)) })
			return nil
		},
	}
}

func (p *program) link() *cobra.Command {
	var bridge string
	c := &cobra.Command{
		Use:   "link TOPIC",
		Short: "Print the link to a topic, to send to people",
		Long: `Print the link to a topic, to send to people. That of a private topic lets
somebody keep and serve it, such as a mirror, and not read it; for members see:
linnet topic invite.

Where this node is a bridge, --bridge NAME prints a link that leads through it, for
somebody for whom everything else is blocked. It carries a bridge link of its own,
by that name, which is a secret and can be taken back: linnet bridge revoke NAME`,
		Example: `  linnet link "School news"
  linnet link "School news" --bridge Anna`,
		Args: words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			link := t.Link
			if cmd.Flags().Changed("bridge") {
				if bridge = strings.TrimSpace(bridge); bridge == "" {
					return misuse("say for whom the link is: --bridge NAME")
				}
				if link, err = client.TopicLink(cmd.Context(), t.ID, bridge); err != nil {
					return err
				}
			}
			p.print(map[string]string{"topic": t.ID, "link": link}, func() {
				fmt.Fprintln(p.out, line(link))
				if sealed(t.Kind) {
					fmt.Fprintf(p.errs, "This link lets somebody keep and serve %s, not read it. To let a person read: %s\n",
						called(t), desktop.Command("topic invite "+short(t.ID), p.data))
				}
			})
			return nil
		},
	}
	c.Flags().StringVar(&bridge, "bridge", "", "lead through this bridge, with a pass of its own by this name")
	return c
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

// sealed tells whether only members can read topics of a kind.
func sealed(kind string) bool { return kind == api.KindPrivate || kind == api.KindDirect }

// short is the beginning of an id, as lists show it.
func short(id string) string { return line(id)[:min(shortID, len(line(id)))] }

// named is a topic's name, or what to say where only members know it.
func named(t api.Topic) string {
	if t.Name == "" {
		return "(its name is for members)"
	}
	return line(t.Name)
}

// called names a topic inside a sentence.
func called(t api.Topic) string {
	if t.Name == "" {
		return "the topic " + short(t.ID)
	}
	return quoted(t.Name)
}

// quoted shows a name that somebody chose.
func quoted(name string) string { return "“" + line(name) + "”" }
