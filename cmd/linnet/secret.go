package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/shell"
)

// maxSecret is the longest passphrase in bytes.
const maxSecret = 1024

// passphraseVariable names a file with the passphrase of the data folder.
const passphraseVariable = "LINNET_PASSPHRASE_FILE"

// sourced says where passphrases come from, for help texts.
const sourced = `A passphrase is asked for on the terminal, without showing it. Where there is
none, it is read from standard input, one line for each; or from a file, whose
last line break is dropped, and - is standard input. It is never an argument:
other people on a computer see those.`

// secret asks for a passphrase: from a file if one is named, else on the terminal, else
// it is the next line of standard input. The caller clears it.
func (p *program) secret(prompt, file string) ([]byte, error) {
	if file != "" && file != "-" {
		return readSecret(file)
	}
	if !isTerminal(p.in) || file == "-" {
		return p.nextLine(prompt)
	}
	fmt.Fprintf(p.errs, "%s: ", prompt)
	s, err := shell.ReadHidden(p.in.(*os.File), maxSecret)
	fmt.Fprintln(p.errs)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	return s, nil
}

func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, misuse("the file with the passphrase cannot be read: %v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+3))
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r")), nil
}

func (p *program) nextLine(prompt string) ([]byte, error) {
	s, err := shell.ReadLine(p.in, maxSecret)
	switch {
	case errors.Is(err, io.EOF):
		return nil, misuse("there is nothing on standard input; it needs a line: %s", prompt)
	case errors.Is(err, io.ErrShortBuffer):
		return nil, misuse("a passphrase has at most %d bytes", maxSecret)
	case err != nil:
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	return s, nil
}

// newSecret asks for a passphrase that is to be set, on a terminal twice.
func (p *program) newSecret(prompt, file string) ([]byte, error) {
	s, err := p.secret(prompt, file)
	if err != nil {
		return nil, err
	}
	if len(s) == 0 {
		return nil, misuse("the passphrase is empty")
	}
	if file != "" || !isTerminal(p.in) {
		return s, nil
	}
	again, err := p.secret("The same once more", "")
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(s, again) {
		clear(s)
		return nil, misuse("the two are not the same; nothing was changed")
	}
	return s, nil
}

// warnWeak tells that a passphrase does not protect for long. It is taken all the same.
func (p *program) warnWeak(s []byte) {
	if desktop.IsWeak(s) {
		fmt.Fprintln(p.errs, "linnet: this passphrase is short or monotonous: who has the disk, or the file, would find it soon; take twelve characters or more")
	}
}

// opener returns how a passphrase is asked for that opens a data folder at the
// start: from the file or the variable; ask allows the terminal and standard input. nil: not at all.
func (p *program) opener(file string, ask bool) func() ([]byte, error) {
	if file == "" {
		file = os.Getenv(passphraseVariable)
	}
	if file == "" && !ask {
		return nil
	}
	return func() ([]byte, error) { return p.secret("Passphrase", file) }
}
