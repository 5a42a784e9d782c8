package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) post() *cobra.Command {
	return &cobra.Command{
		Use:   "post TOPIC [TEXT|-]",
		Short: "Write in a topic and print the id of the message",
		Long: `Write in a topic. The text is TEXT, or what comes in on standard input with -
or when TEXT is left out. It is on this disk when the command ends, and goes out
as soon as somebody is reached. Line breaks at its end are dropped.`,
		Example: `  linnet post "School news" "No lessons on Friday."
  date | linnet post "School news"`,
		Args: words(1, 2, "name one topic and give one text, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, t, err := p.named(cmd, args[0])
			if err != nil {
				return err
			}
			text, err := p.text(args[1:])
			if err != nil {
				return err
			}
			m, err := client.Post(cmd.Context(), t.ID, api.MessageDraft{Text: text}, rand.Text())
			if err != nil {
				return notForMembers(err, t)
			}
			p.print(m, func() { fmt.Fprintln(p.out, line(m.ID)) })
			return nil
		},
	}
}

// notForMembers says of a private topic why one may not write there: that
// everybody reads, which is so in others, is not.
func notForMembers(err error, t api.Topic) error {
	problem, ok := errors.AsType[*api.Problem](err)
	if !ok || problem.Code != api.CodeMayNotPost || t.Sealing == nil {
		return err
	}
	return &failure{Code: problem.Code, Title: "you are not a member of this topic, or no longer", Detail: "ask a member for an invitation"}
}

// text returns what is to be posted.
func (p *program) text(args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return checkText(args[0])
	}
	if len(args) == 0 && isTerminal(p.in) {
		return "", misuse("there is no text; give one, or - to type it here and end it with Ctrl-D")
	}
	b, err := io.ReadAll(io.LimitReader(p.in, api.MaxBodyBytes))
	if err != nil {
		return "", fmt.Errorf("read the text from standard input: %w", err)
	}
	return checkText(strings.TrimRight(string(b), "\r\n"))
}

// checkText says early what the node would refuse, in words that fit a terminal.
func checkText(s string) (string, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return "", misuse("the text is empty")
	case !utf8.ValidString(s):
		return "", misuse("the text is not UTF-8; a file is not a text")
	case len(s) > api.MaxTextBytes:
		return "", misuse("the text is too long: a message holds %d bytes at most", api.MaxTextBytes)
	}
	return s, nil
}

// isTerminal tells whether r is a person at a keyboard.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
