package shell

import (
	"os"

	"golang.org/x/sys/windows"
)

// hide has the terminal show nothing of what is typed until show is called.
func hide(terminal *os.File) (show func(), err error) {
	h := windows.Handle(terminal.Fd())
	var before uint32
	if err := windows.GetConsoleMode(h, &before); err != nil {
		return nil, err
	}
	now := before&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	if err := windows.SetConsoleMode(h, now); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(h, before) }, nil
}
