package shell

import (
	"io"
	"os"
)

// ReadHidden reads one line from a terminal, up to max bytes and without its line
// break, and does not show what is typed.
func ReadHidden(terminal *os.File, max int) (secret []byte, err error) {
	show, err := hide(terminal)
	if err != nil {
		return nil, err
	}
	defer show()
	return ReadLine(terminal, max)
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
