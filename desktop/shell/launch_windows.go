package shell

import (
	"context"

	"golang.org/x/sys/windows"
)

// launch shows a file in the browser.
func launch(_ context.Context, path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	return windows.ShellExecute(0, nil, name, nil, nil, windows.SW_SHOWNORMAL)
}
