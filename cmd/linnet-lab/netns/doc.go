// Package netns makes hosts of Linux network namespaces and wires between them,
// and reaches into them. It knows addresses and commands, nothing of Linnet.
//
//	w, err := netns.New("lab")
//	defer w.Close()                               // nothing is left
//	a, err := w.Host("a")
//	b, err := w.Host("b")
//	err = w.Wire(netns.End{Host: a, Name: "eth0", Addr: "10.0.0.1/24"}, netns.End{Host: b, Name: "eth0", Addr: "10.0.0.2/24"})
//	conn, err := a.Dial(ctx, "tcp", "10.0.0.2:80") // as if from a
//
// It needs root and the commands ip and nft. Who may call it: cmd/linnet-lab.
package netns
