package client

import (
	"context"
	"net/http"

	"github.com/linnet-im/linnet/desktop/api"
)

// Reach tells how the node gets to others, here and now.
func (c *Client) Reach(ctx context.Context) (api.Reach, error) {
	return call[api.Reach](ctx, c, http.MethodGet, api.PathReach, nil)
}

// SetReach changes which ways may be used. The node closes and opens again with that,
// which takes a moment.
func (c *Client) SetReach(ctx context.Context, p api.ReachPatch) (api.Reach, error) {
	return call[api.Reach](ctx, c, http.MethodPatch, api.PathReach, p)
}

// Bridges returns the bridges of others that the node may use, the newest first.
func (c *Client) Bridges(ctx context.Context) (api.BridgeList, error) {
	return call[api.BridgeList](ctx, c, http.MethodGet, api.PathBridges, nil)
}

// AddBridge takes a bridge link.
func (c *Client) AddBridge(ctx context.Context, link string) (api.Bridge, error) {
	return call[api.Bridge](ctx, c, http.MethodPost, api.PathBridges, api.BridgeAdd{Link: link})
}

// ForgetBridge gives a bridge up.
func (c *Client) ForgetBridge(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at(api.PathBridge, id), nil)
	return err
}

// Passes returns the links of this bridge that were handed out, the newest first.
func (c *Client) Passes(ctx context.Context) (api.PassList, error) {
	return call[api.PassList](ctx, c, http.MethodGet, api.PathPasses, nil)
}

// NewPass makes a link of this bridge for somebody.
func (c *Client) NewPass(ctx context.Context, name string) (api.Pass, error) {
	return call[api.Pass](ctx, c, http.MethodPost, api.PathPasses, api.PassDraft{Name: name})
}

// RevokePass takes such a link back.
func (c *Client) RevokePass(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at(api.PathPass, id), nil)
	return err
}

// TopicLink makes a link to a topic; with a name, one for that person that leads
// through this bridge.
func (c *Client) TopicLink(ctx context.Context, topic, bridgePassName string) (string, error) {
	l, err := call[api.TopicLink](ctx, c, http.MethodPost, at(api.PathTopicLinks, topic), api.LinkDraft{BridgePassName: bridgePassName})
	return l.Link, err
}
