package client

import (
	"context"
	"net/http"

	"github.com/linnet-im/linnet/desktop/api"
)

// Devices returns the person's devices, this one first.
func (c *Client) Devices(ctx context.Context) (api.DeviceList, error) {
	return call[api.DeviceList](ctx, c, http.MethodGet, api.PathDevices, nil)
}

// AddDevice makes a fresh installation a device of the person.
func (c *Client) AddDevice(ctx context.Context, a api.DeviceAdd) (api.Device, error) {
	return call[api.Device](ctx, c, http.MethodPost, api.PathDevices, a)
}

// RemoveDevice takes the places of a device back.
func (c *Client) RemoveDevice(ctx context.Context, id string) (api.DeviceRemoved, error) {
	return call[api.DeviceRemoved](ctx, c, http.MethodDelete, at(api.PathDevice, id), nil)
}

// Offer returns the account that another device offers to this one.
func (c *Client) Offer(ctx context.Context) (api.DeviceOffer, error) {
	return call[api.DeviceOffer](ctx, c, http.MethodGet, api.PathOffer, nil)
}

// TakeOffer makes this a device of the person who offers it.
func (c *Client) TakeOffer(ctx context.Context) (api.Me, error) {
	return call[api.Me](ctx, c, http.MethodPost, api.PathOffer, nil)
}

// DropOffer forgets what was offered.
func (c *Client) DropOffer(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, api.PathOffer, nil)
	return err
}
