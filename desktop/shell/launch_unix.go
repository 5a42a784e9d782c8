//go:build unix && !darwin

package shell

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
)

// launch shows a file in the browser.
func launch(ctx context.Context, path string) error {
	for _, name := range []string{"xdg-open", "x-www-browser"} {
		starter, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		cmd := exec.Command(starter, path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C in our terminal is not for the browser
		return start(ctx, cmd)
	}
	return errors.New("no web browser was found")
}
