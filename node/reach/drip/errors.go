package drip

import "errors"

// Errors of sessions.
var (
	// ErrRefused means that what answers is a web site, but not to this client: the
	// pass was taken back, the ticket is wrong (a clock that is far off does that),
	// or there is no bridge.
	ErrRefused = errors.New("drip: the site does not let this client through")
	// ErrFull means that the server has no room for another session, in all or for
	// this pass. Later it may have.
	ErrFull = errors.New("drip: the server has no room for another session")
	// ErrGone means that the other side has ended the session without a word, or
	// does not know it any more, as after a restart.
	ErrGone = errors.New("drip: the other side does not know this session any more")
	// ErrLost means that the other side was not heard of for too long.
	ErrLost = errors.New("drip: the other side was not heard of for too long")
)

// errDropped is what the server's side of a session sees when its pass is taken back.
var errDropped = errors.New("drip: the pass of this session was taken back")
