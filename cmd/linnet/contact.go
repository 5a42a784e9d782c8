package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

func (p *program) contact() *cobra.Command {
	c := &cobra.Command{
		Use:   "contact",
		Short: "Show your contact link; add, list, accept, verify, block and delete people",
		Long: `People find each other by contact links. Send yours to somebody, or add theirs:
a conversation opens at once, and what you write goes out as soon as they, or
somebody who keeps mail for them, can be reached. Wherever a command asks for a
CONTACT, give the name, the id, or the first letters of the id (4 at least).`,
		Example: "  linnet contact list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return misuse("say what to do: link, add, list, accept, rename, verify, block, unblock or delete")
		},
	}
	c.AddCommand(p.contactLink(), p.contactAdd(), p.contactList(), p.contactVerify(),
		p.contactChange("accept", "Accept a person who asks to write to you", "You can now write to %s.", func(n *api.ContactPatch) { n.Accepted = yes() }),
		p.contactChange("block", "Take nothing more from a person", "%s is blocked.", func(n *api.ContactPatch) { n.Blocked = yes() }),
		p.contactChange("unblock", "Listen to a person again", "%s is not blocked any more.", func(n *api.ContactPatch) { no := false; n.Blocked = &no }),
		p.contactRename(), p.contactDelete())
	return c
}

func yes() *bool { v := true; return &v }

func (p *program) contactLink() *cobra.Command {
	var renew bool
	c := &cobra.Command{
		Use:   "link",
		Short: "Print the link by which somebody can write to you",
		Long: `Print the link by which somebody can write to you. Whoever has it can ask to
talk to you and learns your name, your account and where you are reached. With
--new another one is made, and with the old one nobody new can write to you.`,
		Example: "  linnet contact link",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			l, err := client.MeLink(cmd.Context(), renew)
			if err != nil {
				return err
			}
			p.print(l, func() { fmt.Fprintln(p.out, line(l.Link)) })
			return nil
		},
	}
	c.Flags().BoolVar(&renew, "new", false, "make another link; the old one lets nobody in any more")
	return c
}

func (p *program) contactAdd() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:     "add LINK",
		Short:   "Make a contact of somebody's link and open a conversation",
		Example: "  linnet contact add linnet:Qw… --name Anna",
		Args:    words(1, 1, "give one link, all of it, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			added, err := client.AddContact(cmd.Context(), api.ContactAdd{Link: args[0], Name: name})
			if err != nil {
				return err
			}
			p.print(added, func() {
				fmt.Fprintf(p.out, "%s is a contact, id %s.\n", quoted(personName(added)), line(added.ID))
				if added.Waiting {
					fmt.Fprintln(p.out, "What you write waits until the person is reached. Compare safety numbers with: linnet contact verify")
				}
			})
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "what to call the person here")
	return c
}

// personName is the name of a contact, or what to say where it has none.
func personName(c api.Contact) string {
	if c.Name == "" {
		return c.ID[:min(len(c.ID), shortID)]
	}
	return c.Name
}

func (p *program) contactList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the people whom you know, and those who ask",
		Example: "  linnet contact list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Contacts(cmd.Context())
			if err != nil {
				return err
			}
			p.print(list, func() {
				if len(list.Items) == 0 {
					fmt.Fprintln(p.out, "You have no contacts yet. Send somebody your link (linnet contact link),\nor add one that somebody sent you: linnet contact add LINK")
					return
				}
				w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tHOW IT STANDS")
				for _, c := range list.Items {
					fmt.Fprintf(w, "%.*s\t%s\t%s\n", shortID, line(c.ID), line(personName(c)), standing(c))
				}
				_ = w.Flush() // to a terminal or a pipe that is gone
			})
			return nil
		},
	}
}

// standing says how it stands with a contact.
func standing(c api.Contact) string {
	switch {
	case c.Blocked:
		return "blocked"
	case c.Request:
		return "asks to write to you; accept with: linnet contact accept"
	case c.Waiting:
		return "waiting for an answer"
	case c.NewDevice != "":
		return "writes from a new device; compare safety numbers again if you did not expect that"
	case c.Verified:
		return "verified"
	}
	return "not verified"
}

// person connects and finds the contact that is meant.
func (p *program) person(ctx context.Context, word string) (*client.Client, api.Contact, error) {
	c, err := p.connect()
	if err != nil {
		return nil, api.Contact{}, err
	}
	list, err := c.Contacts(ctx)
	if err != nil {
		return nil, api.Contact{}, err
	}
	var fits []api.Contact
	for _, x := range list.Items {
		if x.ID == word {
			return c, x, nil
		}
		if x.Name == word || len(word) >= shortestPrefix && strings.HasPrefix(x.ID, strings.ToLower(word)) {
			fits = append(fits, x)
		}
	}
	switch len(fits) {
	case 0:
		return nil, api.Contact{}, &failure{Code: api.CodeNotFound, Title: fmt.Sprintf("there is no contact %q", word), Detail: "see them with: linnet contact list"}
	case 1:
		return c, fits[0], nil
	}
	f := &failure{Code: codeAmbiguous, Title: fmt.Sprintf("%q fits %d contacts", word, len(fits)), Detail: "write more of the id of the one you mean"}
	for _, x := range fits {
		f.Candidates = append(f.Candidates, candidate{ID: x.ID, Name: x.Name})
	}
	return nil, api.Contact{}, f
}

// contactChange is a command that changes one thing of a contact.
func (p *program) contactChange(word, short, done string, change func(*api.ContactPatch)) *cobra.Command {
	return &cobra.Command{
		Use:     word + " CONTACT",
		Short:   short,
		Example: "  linnet contact " + word + " Anna",
		Args:    words(1, 1, "name one contact"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, c, err := p.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var patch api.ContactPatch
			change(&patch)
			if c, err = client.ChangeContact(cmd.Context(), c.ID, patch); err != nil {
				return err
			}
			p.print(c, func() { fmt.Fprintf(p.out, done+"\n", quoted(personName(c))) })
			return nil
		},
	}
}

func (p *program) contactRename() *cobra.Command {
	return &cobra.Command{
		Use:     "rename CONTACT [NAME]",
		Short:   "Call a contact something else here; without a NAME, what the person uses",
		Example: `  linnet contact rename Anna "Anna from school"`,
		Args:    words(1, 2, "name one contact and give one name, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, c, err := p.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			name := strings.Join(args[1:], "")
			if c, err = client.ChangeContact(cmd.Context(), c.ID, api.ContactPatch{Name: &name}); err != nil {
				return err
			}
			p.print(c, func() { fmt.Fprintf(p.out, "The contact is called %s here.\n", quoted(personName(c))) })
			return nil
		},
	}
}

func (p *program) contactDelete() *cobra.Command {
	return &cobra.Command{
		Use:     "delete CONTACT",
		Short:   "Forget a contact and the conversation with the person",
		Example: "  linnet contact delete Anna",
		Args:    words(1, 1, "name one contact"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, c, err := p.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := client.DeleteContact(cmd.Context(), c.ID); err != nil {
				return err
			}
			p.print(c, func() {
				fmt.Fprintf(p.out, "%s and the conversation are gone from this computer.\n", quoted(personName(c)))
			})
			return nil
		},
	}
}

func (p *program) contactVerify() *cobra.Command {
	var same bool
	var scanned string
	c := &cobra.Command{
		Use:   "verify CONTACT",
		Short: "Compare safety numbers, to see that nobody stands between you",
		Long: `Show the safety number of this conversation. The other person sees the same
twelve groups. Read them to each other over the phone, or compare them when you
meet; if all are the same, say so with --same. Or give the text of the other's
QR code with --scanned.`,
		Example: "  linnet contact verify Anna\n  linnet contact verify Anna --same",
		Args:    words(1, 1, "name one contact"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, c, err := p.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !same && scanned == "" {
				s, err := client.Safety(cmd.Context(), c.ID)
				if err != nil {
					return err
				}
				p.print(s, func() {
					for i := 0; i < len(s.Groups); i += 4 {
						fmt.Fprintln(p.out, strings.Join(s.Groups[i:min(i+4, len(s.Groups))], " "))
					}
				})
				return nil
			}
			v, err := client.Verify(cmd.Context(), c.ID, api.Verification{Same: same, Scanned: scanned})
			if err != nil {
				return err
			}
			p.print(v, func() { fmt.Fprintln(p.out, compared(v)) })
			return nil
		},
	}
	c.Flags().BoolVar(&same, "same", false, "you have compared all twelve groups and they are the same")
	c.Flags().StringVar(&scanned, "scanned", "", "the text of the other person's QR code")
	return c
}

// compared says what came of a comparison.
func compared(v api.Verified) string {
	switch v.Result {
	case api.SafetyMatch:
		return quoted(personName(v.Contact)) + " is verified."
	case api.SafetyDifferent:
		return "These are NOT the same. Somebody may stand between you, or it is the code of another person. Do not rely on this conversation."
	case api.SafetyOwn:
		return "This is your own code. Scan the one on the other person's screen."
	case api.SafetyVersion:
		return "The code was made by another version of Linnet. Compare the digits instead."
	}
	return "This is no code of a safety number. Try again."
}

func (p *program) send() *cobra.Command {
	return &cobra.Command{
		Use:   "send CONTACT [TEXT|-]",
		Short: "Write to a person and print the id of the message",
		Long: `Write to a contact. The text is TEXT, or what comes in on standard input with -
or when TEXT is left out. It is sealed for that person and on this disk when the
command ends, and goes out as soon as the person, or somebody who keeps mail for
the person, is reached.`,
		Example: `  linnet send Anna "Are you there?"`,
		Args:    words(1, 2, "name one contact and give one text, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, c, err := p.person(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.Topic == "" {
				return &failure{Code: api.CodeNotReady, Title: quoted(personName(c)) + " has asked to write to you", Detail: "accept first with: linnet contact accept"}
			}
			text, err := p.text(args[1:])
			if err != nil {
				return err
			}
			m, err := client.Post(cmd.Context(), c.Topic, api.MessageDraft{Text: text}, rand.Text())
			if err != nil {
				return err
			}
			p.print(m, func() { fmt.Fprintln(p.out, line(m.ID)) })
			return nil
		},
	}
}
