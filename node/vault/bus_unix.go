//go:build unix && !darwin

package vault

import (
	"errors"
	"fmt"
	"os"
)

// sessionBus tells whether there is a bus to find the keyring on. Without this
// question the module starts a bus of its own on a machine without a desktop, which
// stays behind and has no keyring either.
func sessionBus() error {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return nil
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return nil
		}
	}
	return errors.New("no session bus")
}
