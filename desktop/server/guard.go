package server

import (
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/linnet-im/linnet/desktop/api"
)

// policy is the content security policy of every answer. With trusted-types
// 'none' the browser itself refuses to turn any string into HTML or script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// headers go on every answer, errors and streams included.
var headers = [][2]string{
	{"Content-Security-Policy", policy},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"X-Frame-Options", "DENY"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Embedder-Policy", "require-corp"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=(self), loopback-network=(self), local-network=()"},
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// guard is the order in which every request is looked at: headers of the answer,
// host, method and size, where it comes from, token, media type, and only then
// the handler.
func (s *Server) guard(contract, page http.Handler) http.Handler {
	site := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w, r, end := s.receive(rw, r)
		if end == nil {
			return
		}
		defer end()
		isAPI := r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
		if isAPI {
			w.Header().Set("Cache-Control", "no-store")
		}
		at := s.address()
		switch {
		case !hostAllowed(r, at):
			refuse(w, newProblem(api.CodeWrongHost, "Linnet does not answer under this name", "Open "+s.URL()+" instead."))
			return
		case !slices.Contains(methods, r.Method): // OPTIONS too: there are no CORS headers, so a preflight fails
			refuse(w, newProblem(api.CodeForbiddenSite, "This method is not for anybody", "Another web site may not ask Linnet anything."))
			return
		case r.ContentLength > api.MaxBodyBytes && !isFile(r):
			refuse(w, newProblem(api.CodeTooLarge, "This request is too large", "At most 1 MiB."))
			return
		}
		if !isAPI {
			if r.URL.Path == "/" && r.Host != at {
				w.Header().Set("Cache-Control", "no-store") // a browser would keep it for ever, the port may be another's one day
				http.Redirect(w, r, s.URL()+"/", http.StatusPermanentRedirect)
				return
			}
			page.ServeHTTP(w, r)
			return
		}
		if !fromHere(r) || site.Check(r) != nil {
			refuse(w, newProblem(api.CodeForbiddenSite, "This request comes from another web site", "Only Linnet's own page and programs on this computer may ask."))
			return
		}
		if !open(r) && !s.sessions.allows(r.Header.Get("Authorization")) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="linnet"`)
			refuse(w, newProblem(api.CodeUnauthorized, "Who are you?", "Send the token from api.json as Authorization: Bearer …; it changes with every start. The page gets a new one with: linnet open"))
			return
		}
		if !mediaAllowed(r) {
			refuse(w, newProblem(api.CodeMediaType, "Send JSON", "Set Content-Type: application/json."))
			return
		}
		if !isFile(r) {
			r.Body = http.MaxBytesReader(w, r.Body, api.MaxBodyBytes)
		}
		s.withNode(contract, w, r)
	})
}

// hostAllowed holds the Host header against the three names of this computer,
// to the letter: a name that somebody else's DNS points here is not one of them.
// at is where the server listens.
func hostAllowed(r *http.Request, at string) bool {
	if r.URL.Host != "" { // absolute form, as to a proxy
		return false
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil || port == "" {
		return false
	}
	switch r.Host {
	case "127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port:
		return true
	}
	return false
}

// fromHere reports whether a browser, if it is one, asks on behalf of Linnet's
// own page. Programs send no Sec-Fetch-Site.
func fromHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin":
		return true
	case "none": // typed by the person
		return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return false
}

// open names what needs no token.
func open(r *http.Request) bool {
	return (r.Method == http.MethodGet && r.URL.Path == api.Prefix+api.PathHealth) ||
		(r.Method == http.MethodPost && r.URL.Path == api.Prefix+api.PathSession)
}

// mediaAllowed wants JSON where there is a body. Files are bytes.
func mediaAllowed(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.ContentLength == 0 || isFile(r) {
		return true
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// isFile tells whether the body is a file's, of any size.
func isFile(r *http.Request) bool {
	return r.URL.Path == api.Prefix+api.PathBlobs || r.URL.Path == api.Prefix+api.PathImport || r.URL.Path == api.Prefix+api.PathRestore
}

// refuse writes a problem without going through the contract.
func refuse(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the client may be gone
}
