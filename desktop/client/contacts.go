package client

import (
	"context"
	"net/http"

	"github.com/linnet-im/linnet/desktop/api"
)

// Contacts returns the people who are known, and those who ask, by name.
func (c *Client) Contacts(ctx context.Context) (api.ContactList, error) {
	return call[api.ContactList](ctx, c, http.MethodGet, api.PathContacts, nil)
}

// AddContact makes a contact of a link.
func (c *Client) AddContact(ctx context.Context, a api.ContactAdd) (api.Contact, error) {
	return call[api.Contact](ctx, c, http.MethodPost, api.PathContacts, a)
}

// Contact returns one person.
func (c *Client) Contact(ctx context.Context, id string) (api.Contact, error) {
	return call[api.Contact](ctx, c, http.MethodGet, at(api.PathContact, id), nil)
}

// ChangeContact renames, accepts, blocks, or takes a verification back.
func (c *Client) ChangeContact(ctx context.Context, id string, p api.ContactPatch) (api.Contact, error) {
	return call[api.Contact](ctx, c, http.MethodPatch, at(api.PathContact, id), p)
}

// DeleteContact forgets a person and leaves the conversation.
func (c *Client) DeleteContact(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, at(api.PathContact, id), nil)
	return err
}

// Safety returns the safety number with a person.
func (c *Client) Safety(ctx context.Context, id string) (api.Safety, error) {
	return call[api.Safety](ctx, c, http.MethodGet, at(api.PathSafety, id), nil)
}

// Verify says what came of comparing safety numbers.
func (c *Client) Verify(ctx context.Context, id string, v api.Verification) (api.Verified, error) {
	return call[api.Verified](ctx, c, http.MethodPost, at(api.PathVerify, id), v)
}

// MeLink returns the person's own contact link, or with renew makes another.
func (c *Client) MeLink(ctx context.Context, renew bool) (api.MeLink, error) {
	method := http.MethodGet
	if renew {
		method = http.MethodPost
	}
	return call[api.MeLink](ctx, c, method, api.PathMeLink, nil)
}
