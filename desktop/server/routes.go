package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnet-im/linnet/desktop/api"
)

// body is an answer with nothing but a body.
type body[T any] struct{ Body T }

func answer[T any](v T) *body[T] { return &body[T]{v} }

// InTopic is the input of an operation on one topic.
type InTopic struct {
	ID string `path:"id" maxLength:"64" doc:"Topic id"`
}

// apiConfig has huma describe and check the contract, and add nothing to it.
func apiConfig(version string) huma.Config {
	config := huma.DefaultConfig("Linnet, the local API", version)
	config.Info.Description = "The contract of a running Linnet node, on this computer only. Start with api.json in the data folder: it holds the URL and the token."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema links in answers
	config.Transformers = []huma.Transformer{ours}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	return config
}

// routes registers the whole contract; the OpenAPI document is made of the same
// registrations.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	a := humago.New(mux, apiConfig(s.cfg.Version))
	s.openapi = a.OpenAPI()
	s.sessionRoutes(a)
	s.nodeRoutes(a)
	s.reachRoutes(a)
	s.bridgeRoutes(a)
	s.topicRoutes(a)
	s.linkRoutes(a)
	s.messageRoutes(a)
	s.eventRoutes(a)
	s.bundleRoutes(a)
	s.contactRoutes(a)
	s.deviceRoutes(a)
	s.lockRoutes(a)
	s.recoveryRoutes(a)
	s.backupRoutes(a)
	s.laterRoutes(a)
	s.documentRoute(a)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := s.allowed(mux, r); allowed != "" {
			w.Header().Set("Allow", allowed)
			refuse(w, newProblem(api.CodeMethod, "This cannot be done here", "Allowed: "+allowed))
			return
		}
		refuse(w, newProblem(api.CodeNotFound, "There is no such path", "See "+api.Prefix+api.PathOpenAPI))
	})
	return mux
}

// allowed lists the methods that r's path has, empty where the path is unknown.
func (s *Server) allowed(mux *http.ServeMux, r *http.Request) (list string) {
	for _, m := range methods {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" {
			if list != "" {
				list += ", "
			}
			list += m
		}
	}
	return list
}

// laterRoutes are in the contract and not built in this version. They say so.
func (s *Server) laterRoutes(a huma.API) {
	const blobs = "Attachments come in a later version. Put a link into the text instead."
	for _, r := range []struct{ method, path, id, detail string }{
		{http.MethodPost, api.PathBlobs, "add-blob", blobs},
		{http.MethodGet, api.PathBlob, "get-blob", blobs},
	} {
		op := operation(r.method, r.path, r.id, "Not in this version", http.StatusNotImplemented)
		op.Description = r.detail
		op.Errors = []int{http.StatusNotImplemented}
		huma.Register(a, op, func(context.Context, *struct{}) (*struct{}, error) {
			return nil, newProblem(api.CodeNotBuilt, "Not in this version of Linnet", r.detail)
		})
	}
}
