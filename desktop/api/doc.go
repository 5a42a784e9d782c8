// Package api is the local HTTP contract of a Linnet node: paths, request and
// response structs, event names and error codes. It is what the page, the
// command line and every bot are written against.
//
// It refuses to know how anything is done: it imports nothing of ours, opens
// nothing and starts nothing. The handlers that fulfil it are in
// desktop/server, the Go client in desktop/client.
//
// All of it is JSON in UTF-8 under [Prefix]. Ids and cursors are opaque
// strings. Within v1 fields may be added and never change their meaning; a
// client ignores fields and enumeration values that it does not know.
//
//	GET /api/v1/topics/4kq…/messages?limit=50
//	Authorization: Bearer …
//	-> {"items":[…], "prev":"…", "next":null}
//
// Errors are problem details (RFC 9457), see [Problem].
package api
