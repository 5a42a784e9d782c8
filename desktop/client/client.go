// Package client is a Go client of the local HTTP contract in desktop/api, for
// the command line, bots and tests. It knows the contract and nothing else: no
// node, no store.
//
//	c, err := client.Discover(dataDir)             // ErrNotRunning where no node runs
//	topics, err := c.Topics(ctx)
//	m, err := c.Post(ctx, topics.Items[0].ID, api.MessageDraft{Text: "hello"}, "")
//
// Errors that the node answered are *api.Problem.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// ErrNotRunning means that no node runs on the data folder.
var ErrNotRunning = errors.New("client: no node is running")

// maxAnswer bounds an answer: a page of 200 messages of the largest size fits.
const maxAnswer = 64 << 20

// Client asks one node. It is safe for concurrent use.
type Client struct {
	url   string
	token string
	http  *http.Client
}

// New returns a client for a node at url, such as http://127.0.0.1:4747. It does no I/O.
func New(url, token string) *Client {
	return &Client{url: strings.TrimSuffix(url, "/"), token: token, http: &http.Client{
		Transport: &http.Transport{
			Proxy:               nil, // never: this is one's own computer
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Discover returns a client for the node that runs on a data folder. Without
// its discovery file the error matches ErrNotRunning; one that a crash left
// behind is noticed at the first call.
func Discover(dataDir string) (*Client, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, api.DiscoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w on %s", ErrNotRunning, dataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	var d api.Discovery
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("client: %s is damaged, start Linnet again: %w", api.DiscoveryFile, err)
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "http" || !loopback(u.Hostname()) || d.Token == "" {
		return nil, fmt.Errorf("client: %s does not lead to this computer, start Linnet again", api.DiscoveryFile)
	}
	return New(d.URL, d.Token), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// URL returns the node's address.
func (c *Client) URL() string { return c.url }

// SetDial makes connections by another function than net.Dial, for a node in another
// network namespace. Call it before anything else.
func (c *Client) SetDial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A node that is just opening again is asked once more after reopenPause, at most reopenTries times.
const (
	reopenPause = time.Second
	reopenTries = 10
)

// request sends one request, again where the node was just opening again. The caller
// closes the answer's body.
func (c *Client) request(ctx context.Context, method, path string, header http.Header, in any) (*http.Response, error) {
	_, once := in.(io.Reader)
	for n := 1; ; n++ {
		res, err := c.requestOnce(ctx, method, path, header, in)
		p, ok := errors.AsType[*api.Problem](err)
		if !ok || p.Code != api.CodeReopening || once || n == reopenTries || !pause(ctx, reopenPause) {
			return res, err
		}
	}
}

func (c *Client) requestOnce(ctx context.Context, method, path string, header http.Header, in any) (*http.Response, error) {
	var body io.Reader
	kind := "application/json"
	if file, ok := in.(io.Reader); ok {
		body, kind = file, api.TypeBundle
	} else if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+api.Prefix+path, body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if in != nil {
		r.Header.Set("Content-Type", kind)
	}
	res, err := c.http.Do(r)
	if err != nil {
		if _, refused := errors.AsType[*net.OpError](err); refused && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
		}
		return nil, fmt.Errorf("client: %w", err)
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, problemOf(res)
	}
	return res, nil
}

// problemOf reads an error answer. A wrong token means that the file is of an
// earlier run, or that another program took the port.
func problemOf(res *http.Response) error {
	p := &api.Problem{Title: res.Status, Status: res.StatusCode}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		_ = json.Unmarshal(b, p) // else the status is all there is to say
	}
	return p
}

func call[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	return callWith[T](ctx, c, method, path, nil, in)
}

func callWith[T any](ctx context.Context, c *Client, method, path string, header http.Header, in any) (out T, err error) {
	res, err := c.request(ctx, method, path, header, in)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&out); err != nil {
		return out, fmt.Errorf("client: %s %s: %w", method, path, err)
	}
	return out, nil
}

// at fills {id} and {message} in.
func at(path, id string, message ...string) string {
	path = strings.Replace(path, "{id}", url.PathEscape(id), 1)
	if len(message) > 0 {
		path = strings.Replace(path, "{message}", url.PathEscape(message[0]), 1)
	}
	return path
}

// Node returns the node's state.
func (c *Client) Node(ctx context.Context) (api.Node, error) {
	return call[api.Node](ctx, c, http.MethodGet, api.PathNode, nil)
}

// Me returns the person.
func (c *Client) Me(ctx context.Context) (api.Me, error) {
	return call[api.Me](ctx, c, http.MethodGet, api.PathMe, nil)
}

// SetMe changes the person's name.
func (c *Client) SetMe(ctx context.Context, p api.MePatch) (api.Me, error) {
	return call[api.Me](ctx, c, http.MethodPatch, api.PathMe, p)
}

// Hints returns what others may see of this person while they talk.
func (c *Client) Hints(ctx context.Context) (api.Hints, error) {
	return call[api.Hints](ctx, c, http.MethodGet, api.PathHints, nil)
}

// SetHints changes it.
func (c *Client) SetHints(ctx context.Context, h api.Hints) (api.Hints, error) {
	return call[api.Hints](ctx, c, http.MethodPatch, api.PathHints, h)
}

// Typing lets the other person of a direct topic see that this one is typing.
func (c *Client) Typing(ctx context.Context, topic string) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, at(api.PathTyping, topic), nil)
	return err
}

// Peers returns who is connected.
func (c *Client) Peers(ctx context.Context) (api.PeerList, error) {
	return call[api.PeerList](ctx, c, http.MethodGet, api.PathPeers, nil)
}

// Connect has the node connect to a multiaddr now.
func (c *Client) Connect(ctx context.Context, address string) (api.PeerAdded, error) {
	return call[api.PeerAdded](ctx, c, http.MethodPost, api.PathPeers, api.PeerAdd{Address: address})
}

// Topics returns all topics and the head to follow events from.
func (c *Client) Topics(ctx context.Context) (api.TopicList, error) {
	return call[api.TopicList](ctx, c, http.MethodGet, api.PathTopics, nil)
}

// CreateTopic makes a topic.
func (c *Client) CreateTopic(ctx context.Context, d api.TopicDraft) (api.Topic, error) {
	return call[api.Topic](ctx, c, http.MethodPost, api.PathTopics, d)
}

// Topic returns one topic.
func (c *Client) Topic(ctx context.Context, id string) (api.Topic, error) {
	return call[api.Topic](ctx, c, http.MethodGet, at(api.PathTopic, id), nil)
}

// ChangeTopic changes name, description, what newcomers read, or what is kept here.
func (c *Client) ChangeTopic(ctx context.Context, id string, p api.TopicPatch) (api.Topic, error) {
	return call[api.Topic](ctx, c, http.MethodPatch, at(api.PathTopic, id), p)
}

// Members returns who was given a role in a topic; in a private or direct one, who reads it.
func (c *Client) Members(ctx context.Context, topic string) (api.MemberList, error) {
	return call[api.MemberList](ctx, c, http.MethodGet, at(api.PathMembers, topic), nil)
}

// Invite makes a link by which one person becomes a member of a private topic, or
// may write in a broadcast. No role is that of a writer.
func (c *Client) Invite(ctx context.Context, topic, role string) (api.Invite, error) {
	path := at(api.PathInvites, topic)
	if role != "" {
		path += "?" + url.Values{"role": {role}}.Encode()
	}
	return call[api.Invite](ctx, c, http.MethodPost, path, nil)
}

// CancelInvites takes back the invitations to a topic that nobody has used, and
// returns how many.
func (c *Client) CancelInvites(ctx context.Context, topic string) (int, error) {
	done, err := call[api.InvitesCancelled](ctx, c, http.MethodDelete, at(api.PathInvites, topic), nil)
	return done.Cancelled, err
}

// SetRole gives a member, by its author's id, a higher role.
func (c *Client) SetRole(ctx context.Context, topic, writer, role string) error {
	path := strings.Replace(at(api.PathMember, topic), "{writer}", url.PathEscape(writer), 1)
	_, err := call[struct{}](ctx, c, http.MethodPatch, path, api.MemberPatch{Role: role})
	return err
}

// RemoveMember ends the rights of a writer, by its author's id.
func (c *Client) RemoveMember(ctx context.Context, topic, writer string) error {
	path := strings.Replace(at(api.PathMember, topic), "{writer}", url.PathEscape(writer), 1)
	_, err := call[struct{}](ctx, c, http.MethodDelete, path, nil)
	return err
}

// Repair has the node ask others again for what is missing.
func (c *Client) Repair(ctx context.Context, id string) error {
	res, err := c.request(ctx, http.MethodPost, at(api.PathRepair, id), nil, nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Export copies a bundle to w, and returns its size in bytes.
func (c *Client) Export(ctx context.Context, e api.Export, w io.Writer) (int64, error) {
	return c.file(ctx, api.PathExport, e, w)
}

// Note copies a note of what the node has to w.
func (c *Client) Note(ctx context.Context, e api.Export, w io.Writer) (int64, error) {
	return c.file(ctx, api.PathNote, e, w)
}

func (c *Client) file(ctx context.Context, path string, e api.Export, w io.Writer) (int64, error) {
	res, err := c.request(ctx, http.MethodPost, path, nil, e)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(w, res.Body)
	if err != nil {
		return n, fmt.Errorf("client: the file was cut off: %w", err)
	}
	return n, nil
}

// Import takes a bundle in. With follow it follows the topics in it that are new.
func (c *Client) Import(ctx context.Context, r io.Reader, follow bool) (api.ImportReport, error) {
	path := api.PathImport
	if follow {
		path += "?follow=true"
	}
	return call[api.ImportReport](ctx, c, http.MethodPost, path, r)
}

// Folders lists the folders that are watched.
func (c *Client) Folders(ctx context.Context) (api.FolderList, error) {
	return call[api.FolderList](ctx, c, http.MethodGet, api.PathFolders, nil)
}

// AddFolder exchanges through a folder, once or for good.
func (c *Client) AddFolder(ctx context.Context, f api.Folder) (api.FolderReport, error) {
	return call[api.FolderReport](ctx, c, http.MethodPost, api.PathFolders, f)
}

// RemoveFolder stops watching a folder.
func (c *Client) RemoveFolder(ctx context.Context, path string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, api.PathFolders+"?"+url.Values{"path": {path}}.Encode(), nil)
	return err
}

// LeaveTopic stops following and deletes what is stored here.
func (c *Client) LeaveTopic(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at(api.PathTopic, id), nil)
	return err
}

// Preview tells what a link leads to.
func (c *Client) Preview(ctx context.Context, link string) (api.LinkPreview, error) {
	return call[api.LinkPreview](ctx, c, http.MethodPost, api.PathPreview, api.LinkBody{Link: link})
}

// Accept follows the topic of a link, or uses its bridge.
func (c *Client) Accept(ctx context.Context, link string) (api.Accepted, error) {
	return call[api.Accepted](ctx, c, http.MethodPost, api.PathAccept, api.LinkBody{Link: link})
}

// Page asks for messages; at most one of Before, After and Around is set. Limit 0 is the node's choice.
type Page struct {
	Limit                 int
	Before, After, Around string
}

// Messages returns a page, oldest first.
func (c *Client) Messages(ctx context.Context, topic string, p Page) (api.MessagePage, error) {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	for k, v := range map[string]string{"before": p.Before, "after": p.After, "around": p.Around} {
		if v != "" {
			q.Set(k, v)
		}
	}
	path := at(api.PathMessages, topic)
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return call[api.MessagePage](ctx, c, http.MethodGet, path, nil)
}

// Message returns one message.
func (c *Client) Message(ctx context.Context, topic, id string) (api.Message, error) {
	return call[api.Message](ctx, c, http.MethodGet, at(api.PathMessage, topic, id), nil)
}

// Post writes a message. With a key, which may be empty, a repeated call writes it once.
func (c *Client) Post(ctx context.Context, topic string, d api.MessageDraft, key string) (api.Message, error) {
	header := http.Header{}
	if key != "" {
		header.Set(api.HeaderIdem, key)
	}
	return callWith[api.Message](ctx, c, http.MethodPost, at(api.PathMessages, topic), header, d)
}

// MarkRead notes how far was read.
func (c *Client) MarkRead(ctx context.Context, topic, upTo string) error {
	_, err := call[struct{}](ctx, c, http.MethodPut, at(api.PathRead, topic), api.ReadMark{UpTo: upTo})
	return err
}

// KeepDraft keeps a text that was not sent yet.
func (c *Client) KeepDraft(ctx context.Context, topic, text string) error {
	_, err := call[struct{}](ctx, c, http.MethodPut, at(api.PathDraft, topic), api.Draft{Text: text})
	return err
}

// Search finds messages, in one topic or, where topic is empty, in all.
func (c *Client) Search(ctx context.Context, query, topic string) (api.SearchPage, error) {
	q := url.Values{"q": {query}}
	if topic != "" {
		q.Set("topic", topic)
	}
	return call[api.SearchPage](ctx, c, http.MethodGet, api.PathSearch+"?"+q.Encode(), nil)
}

// NewCode makes a one-time code that opens the page.
func (c *Client) NewCode(ctx context.Context) (api.NewCode, error) {
	return call[api.NewCode](ctx, c, http.MethodPost, api.PathCodes, nil)
}
