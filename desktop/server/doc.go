// Package server fulfils the contract of desktop/api with a node, and serves the
// page. It is the only door of the running program, so its larger half is the
// guard: loopback hosts only, no cookies, a bearer token, a strict policy on
// every answer (guard.go).
//
// It refuses to know files, flags, browsers and how a node works. Its main type
// is [Server]:
//
//	s, err := server.New(server.Config{Node: n, Assets: ui.Assets(), Version: "1.0"})
//	go s.Serve(listener)
//	defer s.Close(ctx)
package server
