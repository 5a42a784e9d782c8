package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// TestExitOfEveryCode reads the sources for every code there is, so that a new
// one without an exit code fails here.
func TestExitOfEveryCode(t *testing.T) {
	total := 0
	for _, file := range []string{"../../desktop/api/errors.go", "../../desktop/errors.go", "exit.go"} {
		codes := codesIn(t, file)
		if len(codes) < 4 {
			t.Errorf("%s: only %d codes found", file, len(codes))
		}
		for _, code := range codes {
			exit, known := exitOf(api.Code(code))
			if !known {
				t.Errorf("%s: code %q has no exit code", file, code)
			}
			if exit < exitFailed || exit > exitNoNode {
				t.Errorf("%s: code %q has exit code %d", file, code, exit)
			}
		}
		total += len(codes)
	}
	if total < 30 {
		t.Errorf("only %d codes found", total)
	}
	if exit, known := exitOf("from_a_newer_node"); exit != exitFailed || known {
		t.Errorf("an unknown code: %d, %v", exit, known)
	}
}

// codesIn returns the values of all constants of type Code or api.Code.
func codesIn(t *testing.T, path string) (codes []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		name := ""
		switch typ := spec.Type.(type) {
		case *ast.Ident:
			name = typ.Name
		case *ast.SelectorExpr:
			name = typ.Sel.Name
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && name == "Code" {
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	return codes
}

func TestFailureOf(t *testing.T) {
	tests := []struct {
		err  error
		code api.Code
		exit int
	}{
		{fmt.Errorf("post: %w", &api.Problem{Code: api.CodeMayNotPost, Title: "no"}), api.CodeMayNotPost, exitFailed},
		{&api.Problem{Code: api.CodeBadLink, Title: "no"}, api.CodeBadLink, exitUsage},
		{&desktop.Error{Code: desktop.CodeInUse, Title: "in use"}, desktop.CodeInUse, exitFailed},
		{&desktop.Error{Code: desktop.CodeUIAddress, Title: "no"}, desktop.CodeUIAddress, exitUsage},
		{fmt.Errorf("x: %w", client.ErrNotRunning), codeNotRunning, exitNoNode},
		{context.Canceled, codeInterrupted, exitFailed},
		{misuse("no"), codeUsage, exitUsage},
		{fmt.Errorf("anything"), api.CodeInternal, exitFailed},
	}
	for _, tt := range tests {
		if f := failureOf(tt.err); f.Code != tt.code || f.Exit != tt.exit || f.Title == "" {
			t.Errorf("%v: %+v, want code %s, exit %d", tt.err, f, tt.code, tt.exit)
		}
	}
}

func TestReport(t *testing.T) {
	err := &failure{Code: codeAmbiguous, Title: "two\x1b[31m", Detail: "more", Candidates: []candidate{{ID: "abcd", Name: "N\u202e"}}}
	var b bytes.Buffer
	p := &program{errs: &b}
	if exit := p.report(err, nil, false); exit != exitUsage {
		t.Errorf("exit %d", exit)
	}
	if want := "linnet: two[31m: more\n  abcd  N\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	if exit := p.report(err, nil, true); exit != exitUsage {
		t.Errorf("exit %d", exit)
	}
	var f failure
	if err := json.Unmarshal(b.Bytes(), &f); err != nil || f.Code != codeAmbiguous || f.Exit != exitUsage || len(f.Candidates) != 1 {
		t.Errorf("%s, %v", b.String(), err)
	}
}

func TestAsksJSON(t *testing.T) {
	for args, want := range map[string]bool{
		"--json":            true,
		"topic list --json": true,
		"--json=true":       true,
		"post x -- --json":  false,
		"list":              false,
	} {
		if got := asksJSON(strings.Fields(args)); got != want {
			t.Errorf("%s: %v", args, got)
		}
	}
}

func TestChoose(t *testing.T) {
	topics := []api.Topic{
		{ID: "abcdefgh", Name: "News"},
		{ID: "abcdxxxx", Name: "Sport"},
		{ID: "zzzzyyyy", Name: "News"},
		{ID: "qqqqqqqq", Name: "abcde"},
		{ID: "wwwwwwww", Name: "abcdefgh"},
	}
	tests := []struct {
		word, id   string
		candidates int
	}{
		{word: "Sport", id: "abcdxxxx"},
		{word: "abcdx", id: "abcdxxxx"},
		{word: "ABCDX", id: "abcdxxxx"},
		{word: "zzzz", id: "zzzzyyyy"},
		{word: "abcdefgh", id: "abcdefgh"}, // a whole id beats a name
		{word: "News", candidates: 2},
		{word: "abcd", candidates: 2},
		{word: "abcde", candidates: 2}, // the beginning of one, the name of another
		{word: "zzz"},
		{word: "news"},
		{word: ""},
	}
	for _, tt := range tests {
		got, err := choose(topics, tt.word)
		if tt.id != "" {
			if err != nil || got.ID != tt.id {
				t.Errorf("%q: %s, %v, want %s", tt.word, got.ID, err, tt.id)
			}
			continue
		}
		f := failureOf(err)
		code, exit := api.CodeNotFound, exitFailed
		if tt.candidates > 0 {
			code, exit = codeAmbiguous, exitUsage
		}
		if f.Code != code || f.Exit != exit || len(f.Candidates) != tt.candidates {
			t.Errorf("%q: %+v, want %s with %d candidates", tt.word, f, code, tt.candidates)
		}
	}
}

// TestTextOf holds what a person may post against what the contract allows.
func TestTextOf(t *testing.T) {
	long := strings.Repeat("x", api.MaxTextBytes)
	tests := []struct {
		args []string
		in   string
		want string // empty: refused
	}{
		{args: []string{"hello"}, want: "hello"},
		{args: []string{"hello"}, in: "ignored", want: "hello"},
		{args: []string{"-"}, in: "from stdin\n", want: "from stdin"},
		{in: "from stdin\r\n\n", want: "from stdin"},
		{in: "  two\nlines \n", want: "  two\nlines "},
		{args: []string{long}, want: long},
		{args: []string{long + "x"}},
		{args: []string{" "}},
		{in: "\n"},
		{in: "\xff\xfe"},
	}
	for _, tt := range tests {
		p := &program{in: strings.NewReader(tt.in)}
		got, err := p.text(tt.args)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%.20q, stdin %.20q: %.20q, %v, want %.20q", tt.args, tt.in, got, err, tt.want)
		}
		if err != nil && failureOf(err).Exit != exitUsage {
			t.Errorf("%.20q: exit %d", tt.args, failureOf(err).Exit)
		}
	}
}
