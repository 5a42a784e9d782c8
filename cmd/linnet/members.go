package main

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) topicInvite() *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "invite TOPIC",
		Short: "Make a link by which one person becomes a member of a private topic, or may write in a broadcast",
		Long: `Make a link by which one person becomes a member of a private topic, or may
write in a broadcast, and print it. Whoever uses it first is let in, so send it
to that person alone, by a way that you trust; make another one for the next. It
works for 30 days. The person is let in once their node and yours, or an admin's,
are connected. An admin invites, removes and renames as you do.`,
		Example: `  linnet topic invite Choir
  linnet topic invite "School news" --role admin`,
		Args: words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if role != api.RoleWriter && role != api.RoleAdmin {
				return misuse("there is no role %q to invite to; use writer or admin", role)
			}
			invite, err := client.Invite(cmd.Context(), t.ID, role)
			if err != nil {
				return err
			}
			p.print(invite, func() {
				fmt.Fprintln(p.out, line(invite.Link))
				fmt.Fprintf(p.errs, `This link lets one person read and write in %s: whoever uses it first, until
%s. Send it to that person alone, and make another one for the next.
`, called(t), until30(invite.Expires))
			})
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", api.RoleWriter, "what the person may do: writer or admin")
	return c
}

func (p *program) topicUninvite() *cobra.Command {
	return &cobra.Command{
		Use:   "uninvite TOPIC",
		Short: "Take back the invitations to a topic that nobody has used",
		Long: `Take back the invitations to a topic that nobody has used: their links let nobody
in any more. Somebody who has used one and was not let in yet stays outside too.`,
		Example: `  linnet topic uninvite Choir`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			n, err := client.CancelInvites(cmd.Context(), t.ID)
			if err != nil {
				return err
			}
			p.print(api.InvitesCancelled{Cancelled: n}, func() {
				switch n {
				case 0:
					fmt.Fprintf(p.out, "No invitation to %s was open.\n", called(t))
				case 1:
					fmt.Fprintf(p.out, "Took back 1 invitation to %s.\n", called(t))
				default:
					fmt.Fprintf(p.out, "Took back %d invitations to %s.\n", n, called(t))
				}
			})
			return nil
		},
	}
}

func (p *program) topicPromote() *cobra.Command {
	return &cobra.Command{
		Use:     "promote TOPIC MEMBER",
		Short:   "Make a member an admin, who invites, removes and renames",
		Long:    "Make a member, by name or the first letters of the id (4 at least), an admin, who invites, removes and renames. It cannot be taken back but by removing the person.",
		Example: `  linnet topic promote Choir Boris`,
		Args:    words(2, 2, "name one topic and one member"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			list, err := client.Members(cmd.Context(), t.ID)
			if err != nil {
				return err
			}
			m, err := chooseMember(list.Items, args[1])
			if err != nil {
				return err
			}
			if err := client.SetRole(cmd.Context(), t.ID, m.Author.ID, api.RoleAdmin); err != nil {
				return err
			}
			p.print(map[string]string{"promoted": m.Author.ID}, func() {
				fmt.Fprintf(p.out, "%s is an admin of %s now.\n", author(m.Author), called(t))
			})
			return nil
		},
	}
}

// until30 is the day on which an invitation ends.
func until30(expires string) string {
	at, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return "30 days from now"
	}
	return at.Local().Format("2 January 2006") + " (30 days)"
}

func (p *program) topicMembers() *cobra.Command {
	return &cobra.Command{
		Use:   "members TOPIC",
		Short: "List who reads a private topic, or was given a role in another",
		Long: `List the devices that read a private topic, or were given a role in another: the
first letters of their id, what they may do, and what their owners call themselves.`,
		Example: `  linnet topic members Choir`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			list, err := client.Members(cmd.Context(), t.ID)
			if err != nil {
				return err
			}
			p.print(list, func() { p.members(list) })
			return nil
		},
	}
}

func (p *program) members(list api.MemberList) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tMAY\tNAME")
	for _, m := range list.Items {
		fmt.Fprintf(w, "%.*s\t%s\t%s\n", shortID, line(m.Author.ID), may(m.Role), author(m.Author))
	}
	_ = w.Flush() // to a terminal or a pipe that is gone
	switch {
	case list.Invited == 1:
		fmt.Fprintln(p.out, "1 invitation has not been used yet.")
	case list.Invited > 1:
		fmt.Fprintf(p.out, "%d invitations have not been used yet.\n", list.Invited)
	}
}

// may is what a member of a private topic may do.
func may(role string) string {
	switch role {
	case api.RoleOwner:
		return "everything"
	case api.RoleAdmin:
		return "invite, remove"
	case api.RoleWriter:
		return "write"
	}
	return line(role)
}

func (p *program) topicRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove TOPIC MEMBER",
		Short: "Remove a member, or end somebody's right to write",
		Long: `Remove a member, by name or the first letters of the id (4 at least): what it
writes from now on does not count. In a private topic it cannot read what is
written from now on either; what it has read already it keeps. In an open topic
give the whole id of a writer, as "linnet read --json" shows it.`,
		Example: `  linnet topic remove Choir Boris
  linnet topic remove Choir 3f9a`,
		Args: words(2, 2, "name one topic and one member"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			list, err := client.Members(cmd.Context(), t.ID)
			if err != nil {
				return err
			}
			m, err := chooseMember(list.Items, args[1])
			if err != nil {
				return err
			}
			if m.Author.Me {
				return &failure{Code: api.CodeMayNotChange, Title: "this is you",
					Detail: "to stop following the topic: " + desktop.Command("topic leave "+short(t.ID), p.data)}
			}
			if err := client.RemoveMember(cmd.Context(), t.ID, m.Author.ID); err != nil {
				return err
			}
			p.print(map[string]string{"removed": m.Author.ID}, func() {
				if t.Sealing == nil {
					fmt.Fprintf(p.out, "Removed %s from %s: what they write from now on does not count.\n", author(m.Author), called(t))
					return
				}
				fmt.Fprintf(p.out, "Removed %s from %s: what comes they cannot read, what they have read they keep.\n", author(m.Author), called(t))
			})
			return nil
		},
	}
}

// chooseMember returns the member that a person means: by the id, by the
// beginning of it that no other has, or by the exact name.
func chooseMember(members []api.Member, word string) (api.Member, error) {
	var fits []api.Member
	for _, m := range members {
		if m.Author.ID == word {
			return m, nil
		}
		if word != "" && m.Author.Name == word || len(word) >= shortestPrefix && strings.HasPrefix(m.Author.ID, strings.ToLower(word)) {
			fits = append(fits, m)
		}
	}
	if len(fits) == 0 && len(word) == 2*ed25519.PublicKeySize {
		return api.Member{Author: api.Author{ID: word}}, nil // of an open topic: the node knows
	}
	switch len(fits) {
	case 0:
		return api.Member{}, &failure{Code: api.CodeNotFound, Title: fmt.Sprintf("there is no member %q", word),
			Detail: "see who is one with: linnet topic members TOPIC"}
	case 1:
		return fits[0], nil
	}
	f := &failure{Code: codeAmbiguous, Title: fmt.Sprintf("%q fits %d members", word, len(fits)), Detail: "write more of the id of the one you mean"}
	for _, m := range fits {
		f.Candidates = append(f.Candidates, candidate{ID: m.Author.ID, Name: m.Author.Name})
	}
	return api.Member{}, f
}
