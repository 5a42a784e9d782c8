package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestTables: no error of the node and no code of the contract is without its
// row, and every code is used.
func TestTables(t *testing.T) {
	var inNode, inTable []string
	files, err := filepath.Glob("../../node/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, name := range names(t, file) {
			if strings.HasPrefix(name, "Err") && !strings.HasSuffix(file, "_test.go") {
				inNode = append(inNode, name)
			}
		}
	}
	used := map[string]bool{}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range selectors(t, file) {
			used[name] = true
			if file == "problem.go" && strings.HasPrefix(name, "node.Err") {
				inTable = append(inTable, strings.TrimPrefix(name, "node."))
			}
		}
	}
	slices.Sort(inNode)
	slices.Sort(inTable)
	if !slices.Equal(inNode, inTable) {
		t.Errorf("node has %v, the table %v", inNode, inTable)
	}
	codes := 0
	for _, name := range names(t, "../api/errors.go") {
		if strings.HasPrefix(name, "Code") {
			codes++
			if !used["api."+name] {
				t.Errorf("api.%s is in the contract and never answered", name)
			}
		}
	}
	if codes != len(statuses) {
		t.Errorf("%d codes in the contract, %d with a status", codes, len(statuses))
	}
	s := &Server{log: slog.New(slog.DiscardHandler)}
	for _, f := range faults {
		var p *problem
		if !errors.As(s.fail(t.Context(), fmt.Errorf("wrapped: %w", f.err)), &p) || p.Code != f.code || p.Detail == "" {
			t.Errorf("%v becomes %+v", f.err, p)
		}
	}
}

// names lists what a file declares in var and const blocks.
func names(t *testing.T, file string) (list []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(x ast.Node) bool {
		if v, ok := x.(*ast.ValueSpec); ok {
			list = append(list, v.Names[0].Name)
		}
		return true
	})
	return list
}

// selectors lists names of other packages that a file uses, but for the table of statuses.
func selectors(t *testing.T, file string) (list []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(x ast.Node) bool {
		if v, ok := x.(*ast.ValueSpec); ok && v.Names[0].Name == "statuses" {
			return false
		}
		if s, ok := x.(*ast.SelectorExpr); ok {
			if room, ok := s.X.(*ast.Ident); ok {
				list = append(list, room.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return list
}

// TestEveryCode: each code comes out in the right form, past huma and past the guard.
func TestEveryCode(t *testing.T) {
	mux := http.NewServeMux()
	a := humago.New(mux, apiConfig("test"))
	for code, status := range statuses {
		p := newProblem(code, "What happened", "Why.")
		huma.Register(a, operation(http.MethodGet, "/"+string(code), string(code), "", 200),
			func(context.Context, *struct{}) (*struct{}, error) { return nil, p })
		past, guard := httptest.NewRecorder(), httptest.NewRecorder()
		mux.ServeHTTP(past, httptest.NewRequest("GET", api.Prefix+"/"+string(code), nil))
		refuse(guard, p)
		for _, w := range []*httptest.ResponseRecorder{past, guard} {
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%s: %v", code, err)
			}
			want := map[string]any{"type": "about:blank", "title": "What happened", "detail": "Why.", "status": float64(status), "code": string(code)}
			if w.Code != status || w.Header().Get("Content-Type") != problemType || !maps.Equal(got, want) {
				t.Errorf("%s: %d %v", code, w.Code, got)
			}
		}
	}
}

func TestReason(t *testing.T) {
	for in, want := range map[string]string{
		"topic: broken link: it is incomplete, copy all of it": "It is incomplete, copy all of it.",
		"topic: broken link": "Broken link.",
		"topic: broken link: made by another version of Linnet?":                        "Made by another version of Linnet?",
		`node: not a usable address: reach: not a usable address: "xx": it must: begin`: `"xx": it must: begin.`,
		"plain": "Plain.",
	} {
		if got := reason(errors.New(in)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
