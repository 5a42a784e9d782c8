package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) deviceRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathDevices, "list-devices", "The devices of this person that this one has added", http.StatusOK), s.listDevices)
	huma.Register(a, operation(http.MethodPost, api.PathDevices, "add-device", "Make a fresh Linnet elsewhere a device of this person", http.StatusCreated), s.addDevice)
	huma.Register(a, operation(http.MethodDelete, api.PathDevice, "remove-device", "Take the places of a device in all topics back", http.StatusOK), s.removeDevice)
	huma.Register(a, operation(http.MethodGet, api.PathOffer, "get-offer", "The account that another device offers to this empty Linnet", http.StatusOK), s.offer)
	huma.Register(a, operation(http.MethodPost, api.PathOffer, "take-offer", "Become a device of the person who offers it", http.StatusOK), s.takeOffer)
	huma.Register(a, operation(http.MethodDelete, api.PathOffer, "drop-offer", "Do not become a device of that person", http.StatusNoContent), s.dropOffer)
}

func (s *Server) listDevices(ctx context.Context, _ *struct{}) (*body[api.DeviceList], error) {
	devices, err := s.node.Devices()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	list := api.DeviceList{Items: []api.Device{}, Add: s.node.HasAccount()}
	for _, d := range devices {
		list.Items = append(list.Items, apiDevice(d))
	}
	return answer(list), nil
}

func apiDevice(d node.Device) api.Device {
	return api.Device{ID: hex.EncodeToString(d.ID[:]), Name: d.Name, This: d.This, Added: stamp(d.Added)}
}

func (s *Server) addDevice(ctx context.Context, in *struct{ Body api.DeviceAdd }) (*body[api.Device], error) {
	d, err := s.node.AddDevice(ctx, in.Body.Link, in.Body.Name, in.Body.History)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiDevice(d)), nil
}

func (s *Server) removeDevice(ctx context.Context, in *InContact) (*body[api.DeviceRemoved], error) {
	id, err := node.ParsePerson(in.ID)
	if err != nil {
		return nil, newProblem(api.CodeNotFound, "There is no such device", "Device ids have 64 characters.")
	}
	left, err := s.node.RemoveDevice(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	summary := "It reads nothing that is written from now on. What it has, it keeps."
	if left > 0 {
		summary = fmt.Sprintf("It is still in %d topics. Ask the people who run these to remove it.", left)
	}
	return answer(api.DeviceRemoved{Left: left, Summary: summary}), nil
}

func (s *Server) offer(ctx context.Context, _ *struct{}) (*body[api.DeviceOffer], error) {
	a, err := s.node.Offered()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.DeviceOffer{Account: hex.EncodeToString(a.Account[:]), Name: a.Name, Ready: a.Ready, Topics: a.Topics, People: a.People}), nil
}

func (s *Server) takeOffer(ctx context.Context, _ *struct{}) (*body[api.Me], error) {
	if err := s.node.Adopt(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(s.apiMe()), nil
}

func (s *Server) dropOffer(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if err := s.node.Decline(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}
