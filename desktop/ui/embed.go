package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Assets is the built page: index.html in the root, everything else under
// names that never change (assets/app.js), so give it out with an ETag and
// "no-cache". It never blocks, and everybody may use it at once.
func Assets() fs.FS {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder's name is fixed at build time
	}
	return root
}
