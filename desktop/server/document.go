package server

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
)

const problemType = "application/problem+json"

// operation fills in what all operations share. Those that need no token set
// Security to nil.
func operation(method, path, id, summary string, status int) huma.Operation {
	return huma.Operation{
		Method: method, Path: api.Prefix + path, OperationID: id, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: api.MaxBodyBytes, BodyReadTimeout: readTimeout, Security: []map[string][]string{{"token": {}}},
	}
}

// also are the errors of single operations besides those that errorsOf knows.
var also = map[string][]int{
	"change-lock":     {http.StatusConflict},
	"change-reach":    {http.StatusConflict},
	"add-bridge-pass": {http.StatusConflict},
	"make-topic-link": {http.StatusConflict},
	"lock":            {http.StatusConflict},
	"unlock":          {http.StatusConflict},
	"backup":          {http.StatusConflict},
	"restore":         {http.StatusLocked, http.StatusConflict},
	"begin-session":   {http.StatusTooManyRequests},
	"add-peer":        {http.StatusBadGateway},
	"change-topic":    {http.StatusForbidden, http.StatusConflict},
	"post-message":    {http.StatusForbidden, http.StatusConflict, http.StatusNotImplemented},
	"invite":          {http.StatusConflict},
	"remove-member":   {http.StatusConflict},
	"search":          {http.StatusNotFound},
	"events":          {http.StatusNotFound},
}

// errorsOf lists the statuses of all problems that an operation may answer with.
func errorsOf(op *huma.Operation) []int {
	list := []int{http.StatusForbidden, http.StatusMisdirectedRequest, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if op.Security != nil || op.OperationID == "begin-session" {
		list = append(list, http.StatusUnauthorized)
	}
	if holdsNode(op.Method, strings.TrimPrefix(op.Path, api.Prefix)) || op.OperationID == "change-reach" || op.OperationID == "change-lock" || op.OperationID == "unlock" {
		list = append(list, http.StatusLocked)
	}
	if strings.Contains(op.Path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if op.RequestBody != nil {
		list = append(list, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if len(op.Parameters) > 0 {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if op.Method != http.MethodGet && op.Security != nil {
		list = append(list, http.StatusInsufficientStorage)
	}
	return append(append(list, op.Errors...), also[op.OperationID]...)
}

// document completes what huma knows of the routes: errors have the form of
// api.Problem, with a code, and not that of huma.
func document(o *huma.OpenAPI) ([]byte, error) {
	schema := o.Components.Schemas.Schema(reflect.TypeFor[api.Problem](), true, "Problem")
	for _, op := range operations(o) {
		delete(op.Responses, "default")
		for _, status := range errorsOf(op) {
			op.Responses[strconv.Itoa(status)] = &huma.Response{
				Description: http.StatusText(status),
				Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
			}
		}
	}
	delete(o.Components.Schemas.Map(), "ErrorModel")
	delete(o.Components.Schemas.Map(), "ErrorDetail")
	return json.Marshal(o)
}

// operations lists what the document names.
func operations(o *huma.OpenAPI) (list []*huma.Operation) {
	for _, p := range o.Paths {
		for _, op := range []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if op != nil {
				list = append(list, op)
			}
		}
	}
	return list
}

// documentRoute serves the OpenAPI document, which is made once all routes are there.
func (s *Server) documentRoute(a huma.API) {
	type file struct {
		Type string `header:"Content-Type"`
		Body []byte
	}
	var doc []byte
	op := operation(http.MethodGet, api.PathOpenAPI, "openapi", "This contract as an OpenAPI 3.1 document", http.StatusOK)
	op.Responses = map[string]*huma.Response{"200": {Description: "The document", Content: map[string]*huma.MediaType{"application/json": {}}}}
	huma.Register(a, op, func(context.Context, *struct{}) (*file, error) {
		return &file{"application/json", doc}, nil
	})
	var err error
	if doc, err = document(a.OpenAPI()); err != nil {
		panic(err) // of our own types
	}
}
