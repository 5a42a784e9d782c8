package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// maxPassphrase is the longest passphrase in bytes; the contract counts characters.
const maxPassphrase = 1024

func (s *Server) backupRoutes(a huma.API) {
	out := operation(http.MethodPost, api.PathBackup, "backup", "Everything that is needed to go on elsewhere, as one sealed file", http.StatusOK)
	out.Responses = fileOf(api.TypeBackup)
	huma.Register(a, out, s.backup)
	in := operation(http.MethodPost, api.PathRestore, "restore", "Take in a backup, before the first start is finished", http.StatusOK)
	in.MaxBodyBytes, in.BodyReadTimeout = -1, -1 // of any size, by streaming
	in.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{api.TypeBackup: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	huma.Register(a, in, s.restore)
}

func (s *Server) backup(ctx context.Context, in *struct{ Body api.BackupOrder }) (*huma.StreamResponse, error) {
	if !s.node.HasAccount() { // before half an answer is given
		return nil, s.fail(ctx, node.ErrNoAccount)
	}
	if len(in.Body.Passphrase) > maxPassphrase {
		return nil, s.fail(ctx, node.ErrPassphraseForm)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		passphrase := []byte(in.Body.Passphrase)
		defer node.ClearSecret(passphrase)
		w.Header().Set("Content-Type", api.TypeBackup)
		w.Header().Set("Content-Disposition", `attachment; filename="linnet-`+time.Now().Format("2006-01-02")+`.backup"`)
		if err := s.node.Backup(r.Context(), patient(w), passphrase, in.Body.History); err != nil {
			s.log.Warn("server: backup", append(attrs(r.Context()), "err", err)...)
			panic(http.ErrAbortHandler) // cut it off: half a file must not look whole
		}
	}}, nil
}

// RestoreInput is a backup as it comes in.
type RestoreInput struct {
	Secret string `header:"Linnet-Passphrase" required:"true" maxLength:"1400" doc:"Base64 of the backup's passphrase in UTF-8"`
	body   io.Reader
}

// Resolve takes hold of the body before huma would read it.
func (i *RestoreInput) Resolve(c huma.Context) []error {
	r, w := humago.Unwrap(c)
	i.body = patientReader{r.Body, http.NewResponseController(w)}
	return nil
}

func (s *Server) restore(ctx context.Context, in *RestoreInput) (*body[api.RestoreReport], error) {
	passphrase, err := base64.StdEncoding.DecodeString(in.Secret)
	if err != nil {
		return nil, newProblem(api.CodeInvalid, "The passphrase cannot be read", "Send it as base64 in the header "+api.HeaderSecret+".")
	}
	defer node.ClearSecret(passphrase)
	var out node.Restored
	err = s.gate.Restore(ctx, func(n *node.Node) (err error) {
		out, err = n.Restore(ctx, in.body, passphrase)
		return err
	})
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.RestoreReport{Name: out.Name, Topics: out.Topics, Records: out.Records, Summary: Restored(out)}), nil
}

// Restored says in a few sentences what came out of a backup.
func Restored(r node.Restored) string {
	text := fmt.Sprintf("%s with %s came back.", topics(r.Topics), records(uint64(r.Records)))
	if !r.History {
		text += " What was written in them comes from others again."
	}
	text += " This is a new device: it writes in your own topics again once somebody who follows them is connected, and has to be invited anew into private topics of others."
	if r.Skipped > 0 {
		text += fmt.Sprintf(" %s could not be used.", records(uint64(r.Skipped)))
	}
	return text
}

func topics(n int) string {
	if n == 1 {
		return "1 topic"
	}
	return count(uint64(n)) + " topics"
}
