package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// Event is one event of the stream. ID resumes behind it and is empty for those
// that only say how things are now. Data is JSON, see desktop/api.
type Event struct {
	ID   string
	Name string
	Data []byte
}

// maxLine bounds one line of the stream: a message of the largest size, escaped.
const maxLine = 4 << 20

// Stream reads events. It is for one goroutine at a time.
type Stream struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

// Events opens the event stream behind after, a Head or the ID of an event;
// empty is from now on. topic, which may be empty, chooses one. ctx ends the
// stream. Close it.
func (c *Client) Events(ctx context.Context, after, topic string) (*Stream, error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if after != "" {
		header.Set(api.HeaderEventID, after)
	}
	path := api.PathEvents
	if topic != "" {
		path += "?" + url.Values{"topic": {topic}}.Encode()
	}
	res, err := c.request(ctx, http.MethodGet, path, header, nil)
	if err != nil {
		return nil, err
	}
	return newStream(res.Body), nil
}

func newStream(body io.ReadCloser) *Stream {
	s := &Stream{body: body, lines: bufio.NewScanner(body)}
	s.lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return s
}

// Next blocks until there is an event. The error is io.EOF where the node ended
// the stream, as it does when it stops.
func (s *Stream) Next() (Event, error) {
	var ev Event
	var data []string
	for s.lines.Scan() {
		line := s.lines.Text()
		if line == "" {
			if len(data) > 0 {
				ev.Data = []byte(strings.Join(data, "\n"))
				return ev, nil
			}
			ev = Event{}
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			ev.ID = value
		case "event":
			ev.Name = value
		case "data":
			data = append(data, value)
		}
	}
	if err := s.lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Event{}, fmt.Errorf("client: events: %w", err)
	}
	return Event{}, io.EOF
}

// Close ends the stream.
func (s *Stream) Close() error { return s.body.Close() }

// retry is how long Follow waits before it connects again.
const retry = 2 * time.Second

// Follow yields the events behind after, like Events, and goes on behind the
// last one where the connection breaks, so that each comes at least once. Where
// after is empty it begins now. At api.EventReset the node no longer had all of
// them: reload, and go on with the loop. It ends with ctx, or with an error, such
// as ErrNotRunning where the node has stopped.
func (c *Client) Follow(ctx context.Context, after, topic string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if after == "" { // a place to come back to, even if nothing happens before the line breaks
			list, err := c.Topics(ctx)
			if err != nil {
				yield(Event{}, err)
				return
			}
			after = list.Head
		}
		for {
			s, err := c.Events(ctx, after, topic)
			if err == nil {
				goOn := true
				after, goOn, err = s.all(after, yield)
				if !goOn {
					return
				}
			}
			if ctx.Err() == nil && err != nil {
				yield(Event{}, err)
			}
			if ctx.Err() != nil || err != nil || !pause(ctx, retry) {
				return
			}
		}
	}
}

// all yields what the stream has and closes it. It returns the last id, whether
// the reader wants more, and an error that connecting again would not cure.
func (s *Stream) all(after string, yield func(Event, error) bool) (last string, goOn bool, err error) {
	defer s.Close()
	for {
		ev, err := s.Next()
		if _, broken := errors.AsType[*net.OpError](err); broken || errors.Is(err, io.EOF) {
			return after, true, nil
		}
		if err != nil {
			return after, true, err
		}
		if ev.ID != "" {
			after = ev.ID
		}
		if !yield(ev, nil) {
			return after, false, nil
		}
	}
}

// pause waits, and reports false where ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
