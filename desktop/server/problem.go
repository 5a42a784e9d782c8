package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

// problem is an api.Problem as huma writes it.
type problem struct{ api.Problem }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// statuses gives each code its HTTP status.
var statuses = map[api.Code]int{
	api.CodeBadRequest:    http.StatusBadRequest,
	api.CodeInvalid:       http.StatusUnprocessableEntity,
	api.CodeUnauthorized:  http.StatusUnauthorized,
	api.CodeForbiddenSite: http.StatusForbidden,
	api.CodeMayNotPost:    http.StatusForbidden,
	api.CodeMayNotChange:  http.StatusForbidden,
	api.CodeNotSealed:     http.StatusConflict,
	api.CodeNotYet:        http.StatusConflict,
	api.CodeNoAccount:     http.StatusConflict,
	api.CodeNotFound:      http.StatusNotFound,
	api.CodeMethod:        http.StatusMethodNotAllowed,
	api.CodeConflict:      http.StatusConflict,
	api.CodeTooLarge:      http.StatusRequestEntityTooLarge,
	api.CodeMediaType:     http.StatusUnsupportedMediaType,
	api.CodeWrongHost:     http.StatusMisdirectedRequest,
	api.CodeBadLink:       http.StatusUnprocessableEntity,
	api.CodeBadAddress:    http.StatusUnprocessableEntity,
	api.CodeBadCursor:     http.StatusUnprocessableEntity,
	api.CodeTooMany:       http.StatusTooManyRequests,
	api.CodeUnreachable:   http.StatusBadGateway,
	api.CodeNotReady:      http.StatusConflict,
	api.CodeNotBuilt:      http.StatusNotImplemented,
	api.CodeLocked:        http.StatusLocked,
	api.CodePassphrase:    http.StatusForbidden,
	api.CodeNotProtected:  http.StatusConflict,
	api.CodeNotEmpty:      http.StatusConflict,
	api.CodeNoKeyring:     http.StatusConflict,
	api.CodeNoBridge:      http.StatusConflict,
	api.CodeFixed:         http.StatusConflict,
	api.CodeReopening:     http.StatusServiceUnavailable,
	api.CodeDiskFull:      http.StatusInsufficientStorage,
	api.CodeStopping:      http.StatusServiceUnavailable,
	api.CodeInternal:      http.StatusInternalServerError,
}

// faults says what each error of the node is to a client. The first that matches counts.
var faults = []struct {
	err    error
	code   api.Code
	title  string
	detail string // empty: the error's own text
}{
	{node.ErrMayNotPost, api.CodeMayNotPost, "You may not write in this topic", "Only those whom its owner named write here; in a private topic, only its members."},
	{node.ErrMayNotChange, api.CodeMayNotChange, "You may not change this topic", "Only its owner and admins may."},
	{node.ErrNotSealed, api.CodeNotSealed, "Only a private topic has members", "For this one, pass its link on."},
	{node.ErrNoAccount, api.CodeNoAccount, "This device cannot do that", "Only the one where Linnet was first set up, or one restored from the recovery phrase, has the account's secret."},
	{node.ErrNotYet, api.CodeNotYet, "You have not been let in yet", "It happens by itself once the person who invited you and you are connected. What you have typed is kept."},
	{node.ErrNotRegained, api.CodeNotYet, "Not yet, after the restore", "This computer gets its rights in a topic back once it meets somebody of that topic, or ten minutes after the start. Then try again."},
	{node.ErrNoKey, api.CodeNotReady, "Nobody else here can be written to yet", "Their keys have not arrived. That happens by itself once one of them has been connected; your text stays here until then."},
	{node.ErrNotReady, api.CodeNotReady, "This topic is not here yet", "Nobody who has it could be reached so far. Linnet keeps trying; it opens by itself."},
	{node.ErrBadContact, api.CodeBadLink, "This contact link does not work", ""},
	{node.ErrBadLink, api.CodeBadLink, "This link does not work", ""},
	{node.ErrBadAddress, api.CodeBadAddress, "This is not a usable address", ""},
	{node.ErrUnreachable, api.CodeUnreachable, "Nobody answered at this address", "Check that Linnet runs there and that the address is complete. Linnet keeps no record of the try."},
	{node.ErrBadCursor, api.CodeBadCursor, "This cursor is not one of ours", "Use prev and next of an earlier answer as they are."},
	{node.ErrLagged, api.CodeBadCursor, "These events are no longer kept", "Reload, then go on from the head."},
	{node.ErrEmpty, api.CodeInvalid, "There is nothing to send", "Write something first."},
	{node.ErrLong, api.CodeTooLarge, "This text is too long for one message", "A message holds up to 61,440 bytes. Send it in parts; nothing was lost."},
	{node.ErrKeep, api.CodeInvalid, "Keep either the last posts or the last days", "Give one of the two, 10,000,000 at most."},
	{node.ErrNoBundle, api.CodeInvalid, "This file is not one of Linnet's", "Choose one that was made with Save to a file, or with linnet export."},
	{node.ErrBadNote, api.CodeInvalid, "This is not a note of Linnet's", "Choose the file that the other computer wrote with Note, or leave it out."},
	{node.ErrBadName, api.CodeInvalid, "This name or description does not work", ""},
	{node.ErrDiskFull, api.CodeDiskFull, "The disk is full", "Nothing was lost, but nothing more can be stored. Free some space and try again."},
	{node.ErrClosed, api.CodeStopping, "Linnet is stopping", "Start it again and repeat this."},
	{node.ErrNotFound, api.CodeNotFound, "This is not here", "It was removed, or it has not arrived on this computer."},
	{node.ErrLocked, api.CodeLocked, "Linnet is locked", "Type your passphrase on the page, or run: linnet unlock"},
	{node.ErrPassphrase, api.CodePassphrase, "This is not the passphrase", "Try again. Capital letters and spaces count."},
	{node.ErrPassphraseForm, api.CodeInvalid, "This passphrase cannot be used", "It needs at least one letter and has at most 1,024 bytes."},
	{node.ErrSamePassphrase, api.CodeInvalid, "The two passphrases are the same", "Choose another one for emergencies."},
	{node.ErrKeyring, api.CodeNoKeyring, "This computer's password store does not answer", "Unlock it and try again. Where there is none, use a passphrase instead."},
	{node.ErrNoSecret, api.CodeNoKeyring, "This computer's password store does not have what unlocks your data", "Use the computer and the user account on which you set it up, or restore from a backup."},
	{node.ErrChanged, api.CodeInternal, "The file that unlocks your data was changed by another program", "Start Linnet again."},
	{node.ErrLeftover, api.CodeInternal, "The change was made, but the old file could not be destroyed", "Start Linnet again to try once more."},
	{node.ErrUnfinished, api.CodeInternal, "Not everything could be deleted", "The key is destroyed: nothing here can be read any more. Start Linnet again to go on deleting."},
	{node.ErrNotEmpty, api.CodeNotEmpty, "There is something here already", "A backup is restored before a name was chosen and a topic joined. Start Linnet on an empty folder, with --data, or run: linnet restore"},
	{node.ErrPhrase, api.CodeInvalid, "This is not a recovery phrase", ""},
	{node.ErrBackupPassphrase, api.CodePassphrase, "This is not the passphrase of the backup", "Try again. Capital letters and spaces count. It is the one that was chosen for the backup, which may be another than that of Linnet."},
	{node.ErrNotBackup, api.CodeInvalid, "This file is not a backup of Linnet", "Choose another one. A bundle of topics is taken in with Open a file, or with linnet import."},
	{node.ErrBackupCut, api.CodeInvalid, "The backup is not whole", "It ends too early or is damaged at its end. Copy it again from where it was made. Nothing was changed here."},
	{node.ErrBackupDamaged, api.CodeInvalid, "The backup is damaged", "Use another copy of it. Nothing was changed here."},
	{node.ErrSettings, api.CodeInvalid, "These settings do not work", ""},
	{node.ErrManyBridges, api.CodeInvalid, "You have as many bridges as Linnet takes", "Give one of them up first."},
	{node.ErrBadBridge, api.CodeBadLink, "This bridge link does not work", ""},
	{node.ErrNoBridge, api.CodeNoBridge, "This node is no bridge", "Start it as one on a computer that others can reach: linnet mirror --bridge 0.0.0.0:443"},
	{node.ErrManyPasses, api.CodeInvalid, "This bridge has as many links as it can", "Take back some that nobody needs."},
	{node.ErrNoDoor, api.CodeNoBridge, "This bridge does not know at which address others reach it", "Say it where the bridge is started: --bridge-address IP:PORT"},
	{gate.ErrReopening, api.CodeReopening, "Linnet is just opening again with other settings", "Try again in a moment."},
	{node.ErrInUse, api.CodeInternal, "The data folder is in use by another Linnet", ""},
	{node.ErrNewerFormat, api.CodeInternal, "The data folder is of a newer Linnet", ""},
	{node.ErrDamaged, api.CodeInternal, "Something stored here is damaged", ""},
	{node.ErrWrongKey, api.CodeInternal, "The key does not open the data folder", ""},
}

// fail makes the problem that err is. What no table knows is logged and not told.
func (s *Server) fail(ctx context.Context, err error) error {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return newProblem(api.CodeStopping, "This took too long or was interrupted", "Try again.")
	}
	for _, f := range faults {
		if !errors.Is(err, f.err) {
			continue
		}
		if f.code == api.CodeInternal {
			s.log.Error("server: request failed", append(attrs(ctx), "err", err)...)
		}
		if f.detail == "" {
			return newProblem(f.code, f.title, reason(err))
		}
		return newProblem(f.code, f.title, f.detail)
	}
	s.log.Error("server: request failed", append(attrs(ctx), "err", err)...)
	return internal(ctx)
}

// internal is what people learn of an error that only the log explains.
func internal(ctx context.Context) *problem {
	r, _ := ctx.Value(requestKey{}).(request)
	return newProblem(api.CodeInternal, "Something went wrong inside Linnet", "It was written to the log as request "+r.id+". Try again; if it stays, restart Linnet.")
}

// reason makes a sentence of an error of the house: without the names of rooms
// and what each calls the error, "topic: broken link: it is incomplete" becomes
// "It is incomplete."
func reason(err error) string {
	text := err.Error()
	for {
		room, rest, ok := strings.Cut(text, ": ")
		if !ok || strings.Trim(room, "abcdefghijklmnopqrstuvwxyz") != "" {
			break
		}
		text = rest
		if _, why, ok := strings.Cut(rest, ": "); ok {
			text = why
		}
	}
	return asSentence(text)
}

// asSentence begins a text with a capital letter and ends it with a full stop.
func asSentence(text string) string {
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(first)) + text[size:]
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") && !strings.HasSuffix(text, "…") {
		text += "."
	}
	return text
}

func newProblem(code api.Code, title, detail string) *problem {
	return &problem{api.Problem{Type: "about:blank", Title: title, Status: statuses[code], Detail: detail, Code: code}}
}

// ours turns huma's own errors into problems with a code.
func ours(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := api.CodeInternal
	title := e.Title
	switch e.Status {
	case http.StatusBadRequest:
		code, title = api.CodeBadRequest, "This request cannot be read"
	case http.StatusRequestEntityTooLarge:
		code, title = api.CodeTooLarge, "This request is too large"
	case http.StatusUnprocessableEntity:
		code, title = api.CodeInvalid, "A field breaks a rule"
	case http.StatusUnsupportedMediaType:
		code, title = api.CodeMediaType, "Send JSON"
	case http.StatusRequestTimeout:
		code, title = api.CodeBadRequest, "The request came too slowly"
	case http.StatusNotAcceptable:
		code, title = api.CodeBadRequest, "Answers are JSON"
	}
	p := api.Problem{Type: "about:blank", Title: title, Status: e.Status, Detail: e.Detail, Code: code}
	for _, d := range e.Errors {
		if p.Params == nil {
			p.Params = map[string]string{}
		}
		p.Params[d.Location] = d.Message
		p.Detail = d.Location + ": " + d.Message
	}
	return &p, nil
}
