// Package desktop runs the app on one computer: it takes the data folder, opens
// the node, serves the page and the local API, shows the page, and stops all of
// it in order.
//
// It refuses to know how records travel (that is node's) and what flags or
// signals there are (that is cmd/linnet's). [Run] is the whole of it; [Show]
// opens the page of a node that runs already. An [*Error] says to a person what
// happened, why, and what to do next.
//
//	err := desktop.Run(ctx, desktop.Options{Data: dir, Out: os.Stdout})
package desktop
