// Package shell is what Linnet needs of the operating system: where its data
// lives, that one program uses it at a time, files that nobody else can read,
// how much disk is left, and the person's browser.
//
// It refuses to know what a node, a page or an API is, and imports nothing of
// ours. [Lock] is its main type. The packages desktop and cmd/linnet call it,
// from any goroutine.
//
//	dir, err := shell.DataFolder()
//	lock, err := shell.Acquire(dir)
//	if errors.Is(err, shell.ErrLocked) { … }
//	defer lock.Release()
package shell
