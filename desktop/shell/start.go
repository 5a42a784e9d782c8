//go:build unix

package shell

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// start runs the starter of a browser and waits for it to fail, slowStart at
// most: where the starter turns into the browser itself, it stays.
func start(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with that process, at the latest with ours; it holds nothing
	timer := time.NewTimer(slowStart)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", cmd.Path, err)
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
