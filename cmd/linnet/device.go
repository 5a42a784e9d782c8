package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) device() *cobra.Command {
	c := &cobra.Command{
		Use:   "device",
		Short: "Add, list and remove the computers on which you use Linnet",
		Long: `Use Linnet on several computers as one person. Start it on the new one, print
its link there with "linnet contact link", add that here, and say yes there with
"linnet device accept". The new one gets your contacts and a place in each of
your topics. It has not your account's secret: it can add no further ones.`,
		Example: "  linnet device list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return misuse("say what to do: list, add, accept or remove")
		},
	}
	c.AddCommand(p.deviceList(), p.deviceAdd(), p.deviceAccept(), p.deviceRemove())
	return c
}

func (p *program) deviceList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List your computers, this one first",
		Example: "  linnet device list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Devices(cmd.Context())
			if err != nil {
				return err
			}
			p.print(list, func() {
				w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tSINCE")
				for _, d := range list.Items {
					name := line(d.Name)
					if d.This {
						name = "this one"
					}
					fmt.Fprintf(w, "%.*s\t%s\t%.10s\n", shortID, line(d.ID), name, line(d.Added))
				}
				_ = w.Flush() // to a terminal or a pipe that is gone
			})
			return nil
		},
	}
}

func (p *program) deviceAdd() *cobra.Command {
	var name string
	var history bool
	c := &cobra.Command{
		Use:   "add LINK",
		Short: "Make a fresh Linnet on another computer one of yours",
		Long: `Make a fresh Linnet on another computer one of yours. LINK is what "linnet contact
link" prints there. What was written in private and direct topics before, it can
read only with --history: then this computer hands that over bit by bit, while
both run.`,
		Example: `  linnet device add linnet:Qw… --name "Laptop" --history`,
		Args:    words(1, 1, "give the link of the other computer, all of it, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			d, err := client.AddDevice(cmd.Context(), api.DeviceAdd{Link: args[0], Name: name, History: history})
			if err != nil {
				return err
			}
			p.print(d, func() { fmt.Fprintln(p.out, "Offered. Now say yes there, with: linnet device accept") })
			return nil
		},
	}
	c.Flags().StringVar(&name, "name", "", "what to call the other computer")
	c.Flags().BoolVar(&history, "history", false, "it also gets what was written in private and direct topics before")
	return c
}

func (p *program) deviceAccept() *cobra.Command {
	var decline bool
	c := &cobra.Command{
		Use:   "accept",
		Short: "Become a further device of the person who has added this one",
		Long: `Become a further device of the person who has added this one with "linnet
device add". This Linnet has to be empty still: no topics, no contacts.`,
		Example: "  linnet device accept",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			if decline {
				if err := client.DropOffer(cmd.Context()); err != nil {
					return err
				}
				p.print(struct{}{}, func() { fmt.Fprintln(p.out, "Dropped.") })
				return nil
			}
			me, err := client.TakeOffer(cmd.Context())
			if err != nil {
				return err
			}
			p.print(me, func() {
				fmt.Fprintf(p.out, "This is one of %s's devices now. Contacts and topics are here; what was written in them arrives by itself.\n", quoted(me.Name))
			})
			return nil
		},
	}
	c.Flags().BoolVar(&decline, "decline", false, "drop the offer instead")
	return c
}

func (p *program) deviceRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Take a lost computer's places in all topics back",
		Long: `Take a computer's places in all topics back: what is written from now on it
cannot read. What it has, it keeps. Name it, or give the first letters of its id.`,
		Example: "  linnet device remove Laptop",
		Args:    words(1, 1, "name one device"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Devices(cmd.Context())
			if err != nil {
				return err
			}
			id, err := chooseDevice(list.Items, args[0])
			if err != nil {
				return err
			}
			r, err := client.RemoveDevice(cmd.Context(), id)
			if err != nil {
				return err
			}
			p.print(r, func() { fmt.Fprintln(p.out, line(r.Summary)) })
			return nil
		},
	}
}

// chooseDevice finds the device that is meant; this one is none of them.
func chooseDevice(devices []api.Device, word string) (string, error) {
	f := &failure{Code: codeAmbiguous, Title: fmt.Sprintf("%q fits several devices", word), Detail: "write more of the id of the one you mean"}
	for _, d := range devices {
		if !d.This && (d.Name == word || len(word) >= shortestPrefix && strings.HasPrefix(d.ID, strings.ToLower(word))) {
			f.Candidates = append(f.Candidates, candidate{ID: d.ID, Name: d.Name})
		}
	}
	switch len(f.Candidates) {
	case 0:
		return "", &failure{Code: api.CodeNotFound, Title: fmt.Sprintf("there is no other device %q", word), Detail: "see them with: linnet device list"}
	case 1:
		return f.Candidates[0].ID, nil
	}
	return "", f
}
