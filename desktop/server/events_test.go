package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/nodetest"
)

// stream reads events from the server.
type stream struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

func (r *running) events(header ...string) *stream {
	r.t.Helper()
	res, s := listen(r.t, http.DefaultClient, "http://"+r.host, r.Token(), "", header...)
	r.checkHeaders(api.Prefix+api.PathEvents, res.Header)
	return s
}

// listen opens a stream. It ends by itself after a while, in the time that the test runs in.
func listen(t testing.TB, client *http.Client, url, token, query string, header ...string) (*http.Response, *stream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, "GET", url+api.Prefix+api.PathEvents+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return res, &stream{t: t, lines: bufio.NewScanner(res.Body), close: func() { cancel(); res.Body.Close() }}
}

// next returns the next event of that name.
func (s *stream) next(name string) (id string, data string) {
	s.t.Helper()
	var got string
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "" && got == name:
			return id, data
		case line == "":
			id, got = "", ""
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "event: "):
			got = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		}
	}
	s.t.Fatalf("the stream ended before %s: %v", name, s.lines.Err())
	return "", ""
}

func TestEvents(t *testing.T) {
	r := run(t)
	head := get[api.TopicList](r, 200, "GET", "/api/v1/topics", nil).Head
	live := r.events()
	defer live.close()
	if id, data := live.next(api.EventNodeUpdated); id != "" || !strings.Contains(data, `"peer_id"`) {
		t.Errorf("%q %s", id, data)
	}
	topic := r.topic(api.KindOpen)
	m := get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "hello"})
	id, data := live.next(api.EventMessageCreated)
	var ev api.MessageEvent
	if err := json.Unmarshal([]byte(data), &ev); err != nil || ev.Message.ID != m.ID || ev.Topic != topic.ID || ev.V != 1 || id == "" {
		t.Errorf("%q %s", id, data)
	}
	// From the snapshot's head nothing is missing, from the last id nothing comes twice.
	from := r.events("Last-Event-ID", head)
	defer from.close()
	if _, data := from.next(api.EventTopicCreated); !strings.Contains(data, topic.ID) {
		t.Error(data)
	}
	if again, _ := from.next(api.EventMessageCreated); again != id {
		t.Errorf("resumed %s, was %s", again, id)
	}
	get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "second"})
	behind := r.events("Last-Event-ID", id)
	defer behind.close()
	if _, data := behind.next(api.EventMessageCreated); !strings.Contains(data, "second") {
		t.Error(data)
	}
	epoch, _, _ := strings.Cut(head, "-")
	for _, unknown := range []string{"00000000-7", "nonsense", epoch + "-999999"} {
		lost := r.events("Last-Event-ID", unknown)
		id, data := lost.next(api.EventReset)
		var reset api.ResetEvent
		if err := json.Unmarshal([]byte(data), &reset); err != nil || id == "" || reset.Head != id || reset.Reason == "" {
			t.Errorf("%s: %q %s", unknown, id, data)
		}
		get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "behind " + unknown})
		if _, data := lost.next(api.EventMessageCreated); !strings.Contains(data, "behind "+unknown) {
			t.Errorf("after a reset: %s", data)
		}
		lost.close()
	}
}

// pipes is a listener in memory. What it accepts has no buffers: whoever does
// not read stops the writer at once.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4747} }

func (p *pipes) dial() net.Conn {
	a, b := net.Pipe()
	p.conns <- b
	return a
}

// inVirtualTime runs a test with a server and a node of which only wires and
// clock are simulated.
func inVirtualTime(t *testing.T, test func(t *testing.T, s *Server, p *pipes, client *http.Client)) {
	synctest.Test(t, func(t *testing.T) {
		n := nodetest.New(t, nodetest.Config{Nodes: 1, Seed: 1}).Nodes[0]
		s, err := New(Config{Node: n})
		if err != nil {
			t.Fatal(err)
		}
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- s.Serve(p) }()
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }}}
		defer func() {
			if err := errors.Join(s.Close(t.Context()), <-served); err != nil {
				t.Errorf("close: %v", err)
			}
			client.CloseIdleConnections()
		}()
		test(t, s, p, client)
	})
}

// create makes a topic.
func create(t *testing.T, s *Server) *node.Topic {
	t.Helper()
	topic, err := s.node.CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Allotments"})
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func post(t testing.TB, topic *node.Topic, text string) {
	t.Helper()
	if _, err := topic.Post(t.Context(), node.Draft{Text: text}); err != nil {
		t.Fatal(err)
	}
}

// TestEventAtOnce: what is known is sent at once, whatever else there is to look
// through for a reader who asked for one topic only.
func TestEventAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, s *Server, p *pipes, client *http.Client) {
		mine, other := create(t, s), create(t, s)
		head := s.node.Head()
		post(t, mine, "for me")
		for range 300 { // more than are read from the journal at a time
			post(t, other, "not for me")
		}
		began := time.Now()
		_, live := listen(t, client, "http://127.0.0.1:4747", s.Token(), "?topic="+mine.ID().String(), "Last-Event-ID", head)
		defer live.close()
		live.next(api.EventMessageCreated)
		if d := time.Since(began); d > time.Second {
			t.Errorf("the event came after %v", d)
		}
	})
}

// TestKeepAlive: a quiet stream says that it lives, also where what happens was not asked for.
func TestKeepAlive(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, s *Server, p *pipes, client *http.Client) {
		topic := create(t, s)
		_, live := listen(t, client, "http://127.0.0.1:4747", s.Token(), "?types=topic.removed,reset.*")
		defer live.close()
		began := time.Now()
		go func() {
			for range 5 {
				time.Sleep(5*time.Second - time.Millisecond)
				_, _ = topic.Post(context.WithoutCancel(t.Context()), node.Draft{Text: "x"})
			}
		}()
		for live.lines.Scan() && live.lines.Text() != ": keep-alive" {
		}
		if d := time.Since(began); d < 14*time.Second || d > 16*time.Second {
			t.Errorf("the first comment came after %v", d)
		}
		time.Sleep(30 * time.Second) // nothing reads meanwhile; the writers end
		synctest.Wait()
	})
}

// TestReaderStops: who does not read is cut off and disturbs nobody.
func TestReaderStops(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, s *Server, p *pipes, client *http.Client) {
		stuck := p.dial()
		defer stuck.Close()
		if _, err := fmt.Fprintf(stuck, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:4747\r\nAuthorization: Bearer %s\r\n\r\n", s.Token()); err != nil {
			t.Fatal(err)
		}
		_, live := listen(t, client, "http://127.0.0.1:4747", s.Token(), "")
		defer live.close()
		began := time.Now()
		post(t, create(t, s), "hello")
		live.next(api.EventMessageCreated)
		if d := time.Since(began); d > time.Second {
			t.Errorf("one who does not read holds up another for %v", d)
		}
		time.Sleep(streamWrite + time.Second)
		if n, err := stuck.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("it waits for ever: read %d, %v", n, err)
		}
	})
}

// TestSlowloris: who does not finish a request is cut off.
func TestSlowloris(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, s *Server, p *pipes, client *http.Client) {
		slow := p.dial()
		defer slow.Close()
		began := time.Now()
		go func() { _, _ = io.Copy(io.Discard, slow) }() // ends with slow
		_, err := io.WriteString(slow, "GET / HTTP/1.1\r\nHost: 127.0.0.1:4747\r\n")
		for err == nil && time.Since(began) < time.Hour {
			time.Sleep(time.Second)
			_, err = io.WriteString(slow, "X")
		}
		if d := time.Since(began); d > readHeaderTimeout+2*time.Second {
			t.Errorf("a request may take %v to come", d)
		}
	})
}

// TestCloseAtOnce: neither streams nor a browser's spare connection hold up the end.
func TestCloseAtOnce(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, s *Server, p *pipes, client *http.Client) {
		spare := p.dial()
		defer spare.Close()
		_, live := listen(t, client, "http://127.0.0.1:4747", s.Token(), "")
		defer live.close()
		live.next(api.EventNodeUpdated)
		ended := make(chan error, 1)
		go func() {
			for live.lines.Scan() {
			}
			ended <- live.lines.Err()
		}()
		synctest.Wait()
		began := time.Now()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("closing took %v", d)
		}
		if err := <-ended; err != nil {
			t.Errorf("the stream was cut, not ended: %v", err)
		}
	})
}

func TestCloseEndsStreams(t *testing.T) {
	r := run(t)
	live := r.events()
	defer live.close()
	live.next(api.EventNodeUpdated)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Fatalf("close with a stream open: %v", err)
	}
	for live.lines.Scan() {
	}
}

func TestLatest(t *testing.T) {
	a, b := node.TopicID{1}, node.TopicID{2}
	m := node.RecordID{3}
	got := latest([]node.Event{
		{Cursor: "1", Type: node.TopicUpdated, Topic: a, Record: node.RecordID{9}},
		{Cursor: "2", Type: node.MessageCreated, Topic: a, Record: m},
		{Cursor: "3", Type: node.MessageUpdated, Topic: a, Record: m},
		{Cursor: "4", Type: node.TopicUpdated, Topic: b},
		{Cursor: "5", Type: node.MessageUpdated, Topic: a, Record: m},
		{Type: node.TopicUpdated, Topic: a},
	})
	var cursors []string
	for _, ev := range got {
		cursors = append(cursors, ev.Cursor)
	}
	if !slices.Equal(cursors, []string{"2", "4", "5", ""}) {
		t.Errorf("%q", cursors)
	}
}

// BenchmarkEvent is a post, from the call to the line on the client's side of the
// socket; after-disk is the part behind the return of Post.
func BenchmarkEvent(b *testing.B) {
	r := run(b)
	topic, err := r.node.CreateTopic(b.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Allotments"})
	if err != nil {
		b.Fatal(err)
	}
	live := r.events()
	defer live.close()
	var after time.Duration
	for b.Loop() {
		post(b, topic, "hello")
		began := time.Now()
		live.next(api.EventMessageCreated)
		after += time.Since(began)
	}
	b.ReportMetric(float64(after.Microseconds())/float64(b.N), "after-disk-µs/op")
}
