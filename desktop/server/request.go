package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"runtime/debug"

	"github.com/linnet-im/linnet/desktop/api"
)

// request is what the log says of a request. The query stays out of it: people
// search for private words.
type request struct{ id, method, path string }

type requestKey struct{}

// attrs are the request of ctx for the log.
func attrs(ctx context.Context) []any {
	r, _ := ctx.Value(requestKey{}).(request)
	return []any{"request", r.id, "method", r.method, "path", r.path}
}

// answerWriter knows whether an answer has begun.
type answerWriter struct {
	http.ResponseWriter
	began bool
}

func (w *answerWriter) WriteHeader(status int) {
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.began = true
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// receive gives a request its id and its answer the headers that all have. The
// caller defers end; end is nil, and the answer given, where the server is
// closing. A panic becomes a line in the log and a problem.
func (s *Server) receive(rw http.ResponseWriter, in *http.Request) (w *answerWriter, r *http.Request, end func()) {
	w = &answerWriter{ResponseWriter: rw}
	for _, h := range headers {
		w.Header().Set(h[0], h[1])
	}
	id := rand.Text()[:13]
	w.Header().Set(api.HeaderRequest, id)
	if !s.begin() {
		w.Header().Set("Connection", "close")
		refuse(w, newProblem(api.CodeStopping, "Linnet is stopping", "Start it again and repeat this."))
		return w, in, nil
	}
	r = in.WithContext(context.WithValue(in.Context(), requestKey{}, request{id, in.Method, in.URL.Path}))
	return w, r, func() {
		defer s.requests.Done()
		v := recover()
		if v == nil {
			return
		}
		aborted := v == http.ErrAbortHandler
		if !aborted {
			s.log.Error("server: a handler panicked", append(attrs(r.Context()), "panic", v, "stack", string(debug.Stack()))...)
		}
		if aborted || w.began {
			panic(http.ErrAbortHandler) // cut it off: half an answer must not look whole
		}
		refuse(w, internal(r.Context()))
	}
}
