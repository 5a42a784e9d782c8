package shell

import (
	"context"
	"os/exec"
	"syscall"
)

// launch shows a file in the browser.
func launch(ctx context.Context, path string) error {
	cmd := exec.Command("/usr/bin/open", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C in our terminal is not for the browser
	return start(ctx, cmd)
}
