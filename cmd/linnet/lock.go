package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

func (p *program) lock() *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "Lock the node that runs: nobody reads or writes until the passphrase is typed",
		Long: `Close the node and have it forget its key. The program goes on running: the page
asks for the passphrase. Needs a passphrase or the system's keyring, see linnet passphrase.
While it is locked nothing arrives and nothing is sent.`,
		Example: "  linnet lock",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			l, err := c.LockNow(cmd.Context())
			if err != nil {
				return err
			}
			p.print(l, func() { fmt.Fprintln(p.out, "Locked.") })
			return nil
		},
	}
}

func (p *program) unlock() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "unlock",
		Short: "Open a node that is locked",
		Long:  "Open a node that is locked. After a wrong passphrase the next try waits, longer each time.\n\n" + sourced,
		Example: `  linnet unlock
  linnet unlock --passphrase-file /run/secrets/linnet`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			l, err := c.Lock(cmd.Context())
			if err != nil {
				return err
			}
			if l.Locked {
				if l, err = p.tryUnlock(cmd, c, l, file); err != nil {
					return err
				}
			}
			p.print(l, func() { fmt.Fprintln(p.out, "Open.") })
			return nil
		},
	}
	secretFlag(c, &file, "passphrase-file", "read the passphrase from this file (also "+passphraseVariable+"); - is standard input")
	return c
}

func (p *program) tryUnlock(cmd *cobra.Command, c *client.Client, l api.Lock, file string) (api.Lock, error) {
	var s []byte
	if l.Protection == api.ProtectionPassphrase {
		var err error
		if s, err = p.opener(file, true)(); err != nil {
			return l, err
		}
		defer clear(s)
	}
	done := p.slowly("Opening …")
	defer done()
	return c.Unlock(cmd.Context(), string(s))
}

func secretFlag(c *cobra.Command, to *string, name, usage string) {
	c.Flags().StringVar(to, name, "", usage)
}

func (p *program) passphrase() *cobra.Command {
	c := &cobra.Command{
		Use:   "passphrase",
		Short: "Say what opens the data folder: a passphrase, the system's keyring, or nothing",
		Long: `Say what opens the data folder of the node that runs: a passphrase, the keyring of
your system, or nothing, as in the beginning. The change holds at once.

` + sourced,
		Example: "  linnet passphrase set\n  linnet passphrase",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			l, err := c.Lock(cmd.Context())
			if err != nil {
				return err
			}
			p.print(l, func() { p.showLock(l) })
			return nil
		},
	}
	c.AddCommand(p.passphraseSet(),
		p.protection("remove", "Let the data folder open by itself again", api.ProtectionNone),
		p.protection("keyring", "Leave the secret to the keyring of your system: it opens for you on this computer only", api.ProtectionKeyring))
	return c
}

func (p *program) showLock(l api.Lock) {
	text := map[string]string{
		api.ProtectionNone:       "Nothing protects the data folder: whoever has it reads it. Set a passphrase with: " + desktop.Command("passphrase set", p.data),
		api.ProtectionPassphrase: "A passphrase opens the data folder.",
		api.ProtectionKeyring:    "The keyring of your system opens the data folder.",
	}[l.Protection]
	fmt.Fprintln(p.out, text)
	if l.AutoLock > 0 {
		fmt.Fprintf(p.out, "It locks itself when the page was not used for %d minutes.\n", l.AutoLock)
	}
}

func (p *program) passphraseSet() *cobra.Command {
	var file, current, decoy string
	var withDecoy bool
	var minutes int
	c := &cobra.Command{
		Use:   "set",
		Short: "Set or change the passphrase",
		Long: `Set a passphrase that is asked for at each start, or change it. There is no way
back to your data without it but a backup. With --decoy you set a second one for
emergencies: typed instead, it destroys everything and opens an empty Linnet. One
of before is gone, whether you set a new one or not.

On standard input the lines are: the present passphrase if there is one, the new
one, and with --decoy that for emergencies.

` + sourced,
		Example: `  linnet passphrase set
  linnet passphrase set --decoy
  linnet passphrase set --passphrase-file new --current-file old --auto-lock 15`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			with := api.ProtectionPassphrase
			change := api.LockChange{Protection: &with}
			if cmd.Flags().Changed("auto-lock") {
				change.AutoLock = &minutes
			}
			if change.Current, err = p.current(cmd, c, current); err != nil {
				return err
			}
			s, err := p.newSecret("New passphrase", file)
			if err != nil {
				return err
			}
			defer clear(s)
			p.warnWeak(s)
			if change.Passphrase = string(s); withDecoy || decoy != "" {
				d, err := p.newSecret("Passphrase for emergencies", decoy)
				if err != nil {
					return err
				}
				defer clear(d)
				change.Decoy = string(d)
			}
			return p.changeLock(cmd, c, change)
		},
	}
	secretFlag(c, &file, "passphrase-file", "read the new passphrase from this file; - is standard input")
	secretFlag(c, &current, "current-file", "read the present passphrase from this file; - is standard input")
	secretFlag(c, &decoy, "decoy-file", "read the passphrase for emergencies from this file; - is standard input")
	c.Flags().BoolVar(&withDecoy, "decoy", false, "ask for a passphrase for emergencies too")
	c.Flags().IntVar(&minutes, "auto-lock", 0, "lock when the page was not used for so many minutes; 0 never")
	return c
}

func (p *program) protection(name, short, protection string) *cobra.Command {
	var current string
	c := &cobra.Command{
		Use: name, Short: short, Long: short + ".\n\n" + sourced,
		Example: "  linnet passphrase " + name,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			change := api.LockChange{Protection: &protection}
			if change.Current, err = p.current(cmd, c, current); err != nil {
				return err
			}
			return p.changeLock(cmd, c, change)
		},
	}
	secretFlag(c, &current, "current-file", "read the present passphrase from this file; - is standard input")
	return c
}

// current asks for the present passphrase where there is one.
func (p *program) current(cmd *cobra.Command, c *client.Client, file string) (string, error) {
	l, err := c.Lock(cmd.Context())
	if err != nil || l.Protection != api.ProtectionPassphrase {
		return "", err
	}
	s, err := p.secret("Present passphrase", file)
	defer clear(s)
	return string(s), err
}

func (p *program) changeLock(cmd *cobra.Command, c *client.Client, change api.LockChange) error {
	l, err := c.ChangeLock(cmd.Context(), change)
	if err != nil {
		return err
	}
	p.print(l, func() { p.showLock(l) })
	return nil
}

func (p *program) wipe() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "wipe",
		Short: "Destroy everything in the data folder",
		Long: `Destroy the key of the data folder first, so that nothing in it can be read any
more, then delete what is in it. It needs no passphrase, and there is no way back.
A node that runs goes on, empty. Files that you put there yourself stay.`,
		Example: "  linnet wipe --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				return misuse("this destroys all messages, topics and keys in the data folder; say --yes if you mean it")
			}
			c, err := p.connect()
			if err == nil {
				err = c.Wipe(cmd.Context())
			}
			if errors.Is(err, client.ErrNotRunning) || isNotRunning(err) {
				err = desktop.Wipe(cmd.Context(), p.data)
			}
			if err != nil {
				return err
			}
			p.print(map[string]bool{"wiped": true}, func() { fmt.Fprintln(p.out, "Everything is destroyed.") })
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "yes, destroy everything")
	return c
}

// isNotRunning reports whether err says that no node runs.
func isNotRunning(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.Code == codeNotRunning
}

func (p *program) phrase() *cobra.Command {
	return &cobra.Command{
		Use:   "phrase",
		Short: "Show the 24 words that bring your account back",
		Long: `Show the recovery phrase of your account: 24 words to be written down on paper.
Whoever has them is you, for good: nobody can take that back. Do not
photograph or mail them. What they bring back is your account, not your messages:
for those make a backup too.`,
		Example: "  linnet phrase",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			if !p.json {
				fmt.Fprintln(p.errs, "Whoever reads these words is you. Write them on paper, and let nobody look.")
			}
			r, err := c.Recovery(cmd.Context())
			if err != nil {
				return err
			}
			p.print(r, func() {
				for i, w := range r.Words {
					end := "\n"
					if i%4 != 3 {
						end = ""
					}
					fmt.Fprintf(p.out, "%3d %-10s%s", i+1, w, end)
				}
			})
			return nil
		},
	}
}
