// Package message is what people read: the text of a post, what it answers, and
// the links in it (PROTOCOL.md §5).
//
// It turns drafts into bodies and bodies into posts, within limits. It refuses
// to know who wrote a post, where it is kept and how it is shown. No goroutine,
// file or socket.
//
//	body, err := message.Post{Text: "hello"}.Encode()
//	p, err := message.Open(body)
package message
