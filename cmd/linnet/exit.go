package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// Exit codes. Scripts count on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNoNode = 3
)

// Codes of errors that arise in the commands themselves.
const (
	codeUsage       api.Code = "usage"       // unknown command or flag, wrong words
	codeAmbiguous   api.Code = "ambiguous"   // several topics fit
	codeNotRunning  api.Code = "not_running" // no node to talk to
	codeInterrupted api.Code = "interrupted" // stopped by the person
	codeUnhealthy   api.Code = "unhealthy"   // doctor found something wrong
)

// exitOf maps every code to an exit code. Wrong use is what the person can mend
// by writing the command differently.
func exitOf(code api.Code) (exit int, known bool) {
	switch code {
	case api.CodeInvalid, api.CodeTooLarge, api.CodeBadLink, api.CodeBadAddress,
		desktop.CodeUIAddress, codeUsage, codeAmbiguous:
		return exitUsage, true
	case codeNotRunning:
		return exitNoNode, true
	case api.CodeBadRequest, api.CodeUnauthorized, api.CodeForbiddenSite, api.CodeMayNotPost, api.CodeMayNotChange, api.CodeNotSealed, api.CodeNotYet, api.CodeNoAccount,
		api.CodeNotFound, api.CodeMethod, api.CodeConflict, api.CodeMediaType, api.CodeWrongHost, api.CodeBadCursor,
		api.CodeTooMany, api.CodeUnreachable, api.CodeNotReady, api.CodeNotBuilt, api.CodeLocked, api.CodePassphrase, api.CodeNotProtected, api.CodeNotEmpty, api.CodeNoKeyring, api.CodeNoBridge, api.CodeFixed, api.CodeReopening, api.CodeDiskFull, api.CodeStopping, api.CodeInternal,
		desktop.CodeInUse, desktop.CodeFolder, desktop.CodeUIBusy, desktop.CodeListen, desktop.CodeNewerFormat,
		desktop.CodeWrongKey, desktop.CodeSecret, desktop.CodeDamaged, desktop.CodeSlowStop, codeInterrupted, codeUnhealthy:
		return exitFailed, true
	}
	return exitFailed, false // a newer node's code
}

// failure is an error as it is shown: to people as a line, to programs as JSON.
type failure struct {
	Code       api.Code          `json:"code"`
	Title      string            `json:"title"`
	Detail     string            `json:"detail,omitempty"`
	Params     map[string]string `json:"params,omitempty"`
	Candidates []candidate       `json:"candidates,omitempty"`
	Exit       int               `json:"exit"`
}

// candidate is one of several topics that could be meant.
type candidate struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (f *failure) Error() string {
	if f.Detail == "" {
		return f.Title
	}
	return f.Title + ": " + f.Detail
}

func misuse(format string, args ...any) error {
	return &failure{Code: codeUsage, Title: fmt.Sprintf(format, args...)}
}

// failureOf turns any error into what is shown of it.
func failureOf(err error) failure {
	var f failure
	var own *failure
	var start *desktop.Error
	var problem *api.Problem
	switch {
	case errors.As(err, &own):
		f = *own
	case errors.As(err, &start):
		f = failure{Code: start.Code, Title: start.Title, Detail: start.Detail}
	case errors.As(err, &problem):
		f = failure{Code: problem.Code, Title: problem.Title, Detail: problem.Detail, Params: problem.Params}
	case errors.Is(err, client.ErrNotRunning):
		f = failure{Code: codeNotRunning, Title: "Linnet is not running"}
	case errors.Is(err, context.Canceled):
		f = failure{Code: codeInterrupted, Title: "interrupted"}
	default:
		f = failure{Code: api.CodeInternal, Title: err.Error()}
	}
	f.Exit, _ = exitOf(f.Code)
	return f
}

// report writes err for the person or the program and returns the exit code.
func (p *program) report(err error, cmd *cobra.Command, asJSON bool) int {
	if errors.Is(err, client.ErrNotRunning) {
		err = p.notRunning()
	}
	f := failureOf(err)
	if asJSON {
		writeJSON(p.errs, f)
		return f.Exit
	}
	fmt.Fprintf(p.errs, "linnet: %s\n", line(f.Error()))
	for _, c := range f.Candidates {
		fmt.Fprintf(p.errs, "  %s  %s\n", line(c.ID), line(c.Name))
	}
	if f.Code == codeUsage && cmd != nil {
		fmt.Fprintf(p.errs, "See: %s --help\n", cmd.CommandPath())
	}
	return f.Exit
}

// asksJSON tells whether the command line asks for JSON, even one that could
// not be read to its end.
func asksJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
