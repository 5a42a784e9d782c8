package mailbox

import (
	"bufio"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// How long either side waits. A slow line may need long for all of a mail, but not
// for a piece of it.
const (
	patience   = 20 * time.Second // for the other to send or take something
	introduced = 20 * time.Second // for the whole of the first request on a stream
	longest    = 30 * time.Minute // for a stream
)

// line is a stream that ends when nothing moves for patience, or at a time.
type line struct {
	network.Stream
	end time.Time
	r   *bufio.Reader
	w   *bufio.Writer
}

func newLine(st network.Stream, end time.Time) *line {
	l := &line{Stream: st, end: end}
	l.r, l.w = bufio.NewReader(l), bufio.NewWriterSize(l, 16<<10)
	return l
}

func (l *line) deadline() time.Time {
	if t := time.Now().Add(patience); t.Before(l.end) {
		return t
	}
	return l.end
}

// Read implements io.Reader.
func (l *line) Read(b []byte) (int, error) {
	if err := l.SetReadDeadline(l.deadline()); err != nil {
		return 0, err
	}
	return l.Stream.Read(b)
}

// Write implements io.Writer.
func (l *line) Write(b []byte) (int, error) {
	if err := l.SetWriteDeadline(l.deadline()); err != nil {
		return 0, err
	}
	return l.Stream.Write(b)
}

// answer sends a status alone.
func (l *line) answer(status byte) error {
	if err := l.w.WriteByte(status); err != nil {
		return err
	}
	return l.w.Flush()
}

// reply sends the status that an answer follows, and the answer as one frame.
func (l *line) reply(b []byte) error {
	if err := l.w.WriteByte(answerHere); err != nil {
		return err
	}
	if err := writeFrame(l.w, b); err != nil {
		return err
	}
	return l.w.Flush()
}
