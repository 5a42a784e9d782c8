package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set at release: go build -ldflags "-X main.version=1.2.3".
var version string

// versionOf returns what this program is called: what the release says, what
// the module system knows, or "dev".
func versionOf() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}

// versionInfo is the answer of "linnet version --json".
type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show which version this is",
		Example: "  linnet version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{Version: versionOf(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
			p.print(v, func() { fmt.Fprintf(p.out, "linnet %s (%s, %s/%s)\n", line(v.Version), v.Go, v.OS, v.Arch) })
			return nil
		},
	}
}
