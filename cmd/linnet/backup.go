package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) backup() *cobra.Command {
	var file string
	var without bool
	c := &cobra.Command{
		Use:   "backup FILE|-",
		Short: "Write a backup of everything to one file, sealed under a passphrase of its own",
		Long: `Write your account, contacts, topics, drafts and all that was written to one file. It
is sealed under a passphrase that you choose for it; without that nobody opens it,
you neither. With --no-history what was written stays out, and comes from others again.

What is restored is a new device of yours: see linnet restore --help.

` + sourced,
		Example: `  linnet backup /media/stick/linnet.backup
  linnet backup - --passphrase-file secret | ssh elsewhere 'cat > linnet.backup'`,
		Args: words(1, 1, "name one file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			if _, err := c.Me(cmd.Context()); err != nil { // locked, perhaps: before anything is asked
				return err
			}
			s, err := p.newSecret("Passphrase of the backup", file)
			if err != nil {
				return err
			}
			defer clear(s)
			p.warnWeak(s)
			n, err := p.toFile(args[0], func(w io.Writer) (int64, error) {
				return c.Backup(cmd.Context(), api.BackupOrder{Passphrase: string(s), History: !without}, p.counted(w))
			})
			if err != nil || args[0] == "-" {
				return err
			}
			p.print(map[string]any{"file": args[0], "bytes": n}, func() {
				fmt.Fprintf(p.out, "Wrote %s, %d bytes. Keep it, and its passphrase, somewhere else than this computer.\n", line(args[0]), n)
			})
			return nil
		},
	}
	secretFlag(c, &file, "passphrase-file", "read the backup's passphrase from this file; - is standard input")
	c.Flags().BoolVar(&without, "no-history", false, "leave out what was written")
	return c
}

func (p *program) restore() *cobra.Command {
	var file string
	var phrase bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Begin on a new device with a backup, or with the 24 words",
		Long: `Take a backup into a data folder in which nothing is stored yet and no Linnet runs;
then start Linnet there. It is a new device of the same person, so that no two ever
write under one name: it writes in your own topics again once somebody who follows
them was connected; into private topics of others, and to people who wrote to you first,
you have to be invited, or to write, anew. What you could read you can read again.

With --phrase you type the 24 words instead, in any case and with anything between
them, on one line. They bring back your account and nothing else: topics, also those
that you made, and people come back only with their links, and private texts not at all.

` + sourced,
		Example: `  linnet restore /media/stick/linnet.backup --data ~/linnet
  linnet restore --phrase --data ~/linnet`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if phrase == (len(args) == 1) {
				return misuse("name the file of a backup, or say --phrase")
			}
			if phrase {
				return p.restorePhrase(cmd, file)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return misuse("the backup cannot be read: %v", err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			s, err := p.secret("Passphrase of the backup", file)
			if err != nil {
				return err
			}
			defer clear(s)
			r, err := desktop.Restore(cmd.Context(), p.data, p.progress(f, info.Size()), s)
			if err != nil {
				return err
			}
			p.print(r, func() {
				fmt.Fprintf(p.out, "%s\nStart it with: %s\n", line(r.Summary), desktop.Command("", p.data))
				fmt.Fprintf(p.out, "Nothing protects the new folder yet; then set a passphrase with: %s\n", desktop.Command("passphrase set", p.data))
			})
			return nil
		},
	}
	secretFlag(c, &file, "passphrase-file", "read the backup's passphrase, or the words, from this file; - is standard input")
	c.Flags().BoolVar(&phrase, "phrase", false, "type the 24 words of your account instead")
	return c
}

func (p *program) restorePhrase(cmd *cobra.Command, file string) error {
	s, err := p.secret("The 24 words", file)
	if err != nil {
		return err
	}
	defer clear(s)
	if err := desktop.RestorePhrase(cmd.Context(), p.data, strings.TrimSpace(string(s))); err != nil {
		return err
	}
	p.print(map[string]bool{"restored": true}, func() {
		fmt.Fprintf(p.out, "Your account is back, on a new device. Topics, also those that you made, and people come back only with their links.\nStart it with: %s\n", desktop.Command("", p.data))
	})
	return nil
}
