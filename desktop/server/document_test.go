package server

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestDocument holds the OpenAPI document against the contract's paths and the
// routes that answer.
func TestDocument(t *testing.T) {
	r := run(t)
	doc := get[map[string]any](r, 200, "GET", "/api/v1/openapi.json", nil)
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", doc["openapi"])
	}
	paths := doc["paths"].(map[string]any)
	fs := token.NewFileSet()
	f, err := parser.ParseFile(fs, "../api/paths.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	ast.Inspect(f, func(x ast.Node) bool {
		v, ok := x.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Path") {
			return true
		}
		named++
		path := api.Prefix + strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)
		if paths[path] == nil {
			t.Errorf("%s is in the contract and not in the document", path)
		}
		return true
	})
	if named != len(paths) {
		t.Errorf("%d paths in the contract, %d in the document", named, len(paths))
	}
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if method == "parameters" || strings.HasSuffix(path, api.PathEvents) {
				continue
			}
			real := strings.NewReplacer("{id}", "x", "{message}", "y").Replace(path)
			status, _, out := r.ask(strings.ToUpper(method), real, nil)
			var p api.Problem
			if _ = json.Unmarshal(out, &p); p.Code == api.CodeMethod || strings.Contains(p.Title, "no such path") {
				t.Errorf("%s %s is in the document and does not answer: %d %s", method, path, status, out)
			}
		}
	}
}

// operation finds what the document says of a request, nil where it names none.
func (r *running) operation(method, path string) *huma.Operation {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for _, op := range operations(r.openapi) {
		is := func(a, b string) bool { return a == b || strings.HasPrefix(b, "{") }
		if op.Method == method && slices.EqualFunc(parts, strings.Split(op.Path, "/"), is) {
			return op
		}
	}
	return nil
}

// TestDocumentedErrors: errors have the form that the contract gives them.
func TestDocumentedErrors(t *testing.T) {
	r := run(t)
	for _, op := range operations(r.openapi) {
		for status, res := range op.Responses {
			if status < "400" {
				continue
			}
			m := res.Content["application/problem+json"]
			if len(res.Content) != 1 || m == nil || m.Schema == nil || m.Schema.Ref != "#/components/schemas/Problem" {
				t.Errorf("%s %s: %s is not a Problem", op.Method, op.Path, status)
			}
		}
	}
	_, _, doc := r.ask("GET", "/api/v1/openapi.json", nil)
	if bytes.Contains(doc, []byte("ErrorModel")) || !bytes.Contains(doc, []byte(`"Problem":`)) {
		t.Error("the document describes other errors than there are")
	}
}
