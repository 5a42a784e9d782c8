package shell

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	in := strings.NewReader("first\r\n\n third \nlast")
	for _, want := range []string{"first", "", " third ", "last"} {
		got, err := ReadLine(in, 10)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := ReadLine(in, 10); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if got, err := ReadLine(strings.NewReader("0123456789\n"), 10); err != nil || len(got) != 10 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ReadLine(strings.NewReader("0123456789ab\n"), 10); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("too long: %v", err)
	}
}

// TestReadHiddenElsewhere: what is no terminal cannot hide anything, and is not read.
func TestReadHiddenElsewhere(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := ReadHidden(r, 10); err == nil {
		t.Error("a pipe was read as a terminal")
	}
}
