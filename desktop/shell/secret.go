package shell

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// ReadHidden reads one line from a terminal, up to max bytes and without its line
// break, and does not show what is typed. Where the person stops the program instead, the
// terminal is as it was and the error is context.Canceled.
func ReadHidden(terminal *os.File, max int) (secret []byte, err error) {
	show, err := hide(terminal)
	if err != nil {
		return nil, err
	}
	defer show()
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stopped)
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() { // ends with the line, or with the program that was asked to stop
		line, err := ReadLine(terminal, max)
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		return a.line, a.err
	case <-stopped:
		return nil, context.Canceled
	}
}

// ReadLine reads one line byte by byte, up to max bytes and without its line break,
// so that what comes behind it stays for the next reader. At the end of r it returns
// what is there, or io.EOF where that is nothing.
func ReadLine(r io.Reader, max int) ([]byte, error) {
	line, one := make([]byte, 0, max+1), make([]byte, 1)
	for {
		n, err := r.Read(one)
		switch {
		case n == 1 && one[0] == '\n', err == io.EOF && len(line) > 0:
			if len(line) > 0 && line[len(line)-1] == '\r' {
				line = line[:len(line)-1]
			}
			return line, nil
		case n == 1 && len(line) > max:
			clear(line)
			return nil, io.ErrShortBuffer
		case n == 1:
			line = append(line, one[0])
		case err != nil:
			clear(line)
			return nil, err
		}
	}
}
