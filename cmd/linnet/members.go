package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) topicInvite() *cobra.Command {
	return &cobra.Command{
		Use:   "invite TOPIC",
		Short: "Make a link by which one person becomes a member of a private topic",
		Long: `Make a link by which one person becomes a member of a private topic, and print
it. Whoever uses it first is let in, so send it to that person alone, by a way
that you trust; make another one for the next. It works for 30 days. The person
is let in once their node and yours, or an admin's, are connected.`,
		Example: `  linnet topic invite Choir`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			invite, err := client.Invite(cmd.Context(), t.ID)
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
		Short: "List who reads a private topic",
		Long: `List the devices that read a private topic: the first letters of their id, what
they may do, and what their owners call themselves.`,
		Example: `  linnet topic members Choir`,
		Args:    words(1, 1, "name one topic"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if t.Sealing == nil {
				return noMembers(t)
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

// noMembers says that a topic is not for members only, or not known yet.
func noMembers(t api.Topic) error {
	if t.Kind == api.KindPrivate || t.Kind == api.KindDirect {
		return &failure{Code: api.CodeNotReady, Title: "this topic is not here yet", Detail: "nobody who has it could be reached so far; Linnet keeps trying"}
	}
	return &failure{Code: api.CodeNotSealed, Title: "only a private topic has members", Detail: "everybody who has the link of " + called(t) + " reads it"}
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
		Short: "Remove a member from a private topic",
		Long: `Remove a member, by name or the first letters of the id (4 at least), from a
private topic. What is written from now on the removed device cannot read, and
what it writes does not count. What it has read already it keeps.`,
		Example: `  linnet topic remove Choir Boris
  linnet topic remove Choir 3f9a`,
		Args: words(2, 2, "name one topic and one member"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			if t.Sealing == nil {
				return noMembers(t)
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
