package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) bundleRoutes(a huma.API) {
	export := operation(http.MethodPost, api.PathExport, "export-bundle", "Topics as a file, to carry by hand", http.StatusOK)
	export.Responses = fileOf(api.TypeBundle)
	huma.Register(a, export, s.exportBundle)
	in := operation(http.MethodPost, api.PathImport, "import-bundle", "Take in a file that somebody carried", http.StatusOK)
	in.MaxBodyBytes, in.BodyReadTimeout = -1, -1 // of any size, by streaming
	in.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{api.TypeBundle: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	huma.Register(a, in, s.importBundle)
	note := operation(http.MethodPost, api.PathNote, "write-note", "What is here, so that the other side exports only the rest", http.StatusOK)
	note.Responses = fileOf(api.TypeNote)
	huma.Register(a, note, s.writeNote)
	huma.Register(a, operation(http.MethodGet, api.PathFolders, "list-folders", "Folders that are watched", http.StatusOK), s.listFolders)
	huma.Register(a, operation(http.MethodPost, api.PathFolders, "add-folder", "Exchange through a folder, once or for good", http.StatusOK), s.addFolder)
	huma.Register(a, operation(http.MethodDelete, api.PathFolders, "remove-folder", "Stop watching a folder; its files stay", http.StatusNoContent), s.removeFolder)
}

func fileOf(kind string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
}

// topicIDs reads ids of topics that are followed.
func (s *Server) topicIDs(ids []string) (out []node.TopicID, err error) {
	for _, id := range ids {
		t, err := s.topic(id)
		if err != nil {
			return nil, err
		}
		out = append(out, t.ID())
	}
	return out, nil
}

func (s *Server) exportBundle(ctx context.Context, in *struct{ Body api.Export }) (*huma.StreamResponse, error) {
	ids, err := s.topicIDs(in.Body.Topics)
	if err != nil {
		return nil, err
	}
	for _, n := range in.Body.Notes {
		if err := node.CheckNote(n); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", api.TypeBundle)
		w.Header().Set("Content-Disposition", `attachment; filename="linnet.bundle"`)
		if _, err := s.node.Export(r.Context(), patient(w), ids, in.Body.Notes...); err != nil {
			s.log.Warn("server: export", append(attrs(r.Context()), "err", err)...)
			panic(http.ErrAbortHandler) // cut it off: half a file must not look whole
		}
	}}, nil
}

// bytePatience is how long a client may take for the next piece of a file.
const bytePatience = time.Minute

// patientWriter lets a file take as long as it moves.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func patient(w http.ResponseWriter) io.Writer {
	return patientWriter{w, http.NewResponseController(w)}
}

func (w patientWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(bytePatience)) // else the server's own holds
	return w.ResponseWriter.Write(b)
}

// patientReader is the same for a file on its way in.
type patientReader struct {
	in      io.Reader
	control *http.ResponseController
}

func (r patientReader) Read(b []byte) (int, error) {
	_ = r.control.SetReadDeadline(time.Now().Add(bytePatience))
	_ = r.control.SetWriteDeadline(time.Now().Add(bytePatience)) // of the answer behind it
	return r.in.Read(b)
}

// ImportInput is a file as it comes in.
type ImportInput struct {
	Follow bool `query:"follow" doc:"Follow the topics in it that are not followed yet"`
	body   io.Reader
}

// Resolve takes hold of the body before huma would read it.
func (i *ImportInput) Resolve(c huma.Context) []error {
	r, w := humago.Unwrap(c)
	i.body = patientReader{r.Body, http.NewResponseController(w)}
	return nil
}

func (s *Server) importBundle(ctx context.Context, in *ImportInput) (*body[api.ImportReport], error) {
	sum, err := s.node.Import(ctx, in.body, in.Follow, nil)
	if errors.Is(err, node.ErrNoBundle) && sum.Records == 0 {
		return nil, newProblem(api.CodeInvalid, "This file is not one of Linnet's", "Choose one that was made with Save to a file, or with linnet export.")
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	r := api.ImportReport{
		Records: sum.Records, New: sum.New, Known: sum.Known, Refused: sum.Refused, Strange: sum.Strange, Damaged: sum.Damaged,
		Complete: sum.Whole, Topics: []string{}, Offered: []api.Offer{}, Summary: imported(sum),
	}
	for _, id := range sum.Topics {
		r.Topics = append(r.Topics, id.String())
	}
	for _, o := range sum.Offers {
		r.Offered = append(r.Offered, api.Offer{Topic: o.Topic.String(), Name: o.Name, Link: o.Link, Records: o.Records})
	}
	return answer(r), nil
}

// imported sums up an import in a few words.
func imported(i node.Imported) string {
	text := fmt.Sprintf("%s new, %s here already.", records(uint64(i.New)), count(uint64(i.Known)))
	if i.Refused > 0 {
		text += fmt.Sprintf(" %s refused: not genuine, or by somebody who may not write.", records(uint64(i.Refused)))
	}
	if i.Strange > 0 {
		text += fmt.Sprintf(" %s left out: of topics that are not followed here.", records(uint64(i.Strange)))
	}
	if !i.Whole {
		text += " The file is damaged or cut short; what could be read was taken."
	}
	return text
}

func (s *Server) writeNote(ctx context.Context, in *struct{ Body api.Export }) (*huma.StreamResponse, error) {
	ids, err := s.topicIDs(in.Body.Topics)
	if err != nil {
		return nil, err
	}
	b, err := s.node.Note(ctx, ids)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		w.Header().Set("Content-Type", api.TypeNote)
		w.Header().Set("Content-Disposition", `attachment; filename="linnet.note"`)
		_, _ = w.Write(b) // the client may be gone
	}}, nil
}

func (s *Server) listFolders(context.Context, *struct{}) (*body[api.FolderList], error) {
	list := api.FolderList{Items: []api.FolderReport{}}
	for _, f := range s.node.Folders() {
		list.Items = append(list.Items, apiFolder(f))
	}
	return answer(list), nil
}

func (s *Server) addFolder(ctx context.Context, in *struct{ Body api.Folder }) (*body[api.FolderReport], error) {
	ids, err := s.topicIDs(in.Body.Topics)
	if err != nil {
		return nil, err
	}
	r, err := s.node.LookInFolder(ctx, in.Body.Path, ids, in.Body.Watch)
	if why := folderProblem(err); why != "" {
		return nil, newProblem(api.CodeInvalid, "This folder does not work", why)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiFolder(r)), nil
}

func (s *Server) removeFolder(ctx context.Context, in *struct {
	Path string `query:"path" required:"true" maxLength:"4096"`
}) (*struct{}, error) {
	if err := s.node.StopFolder(ctx, in.Path); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func apiFolder(r node.FolderReport) api.FolderReport {
	out := api.FolderReport{Folder: api.Folder{Path: r.Path, Watch: r.Watch}, Wrote: r.Wrote, New: r.New, LastLook: stamp(r.Last)}
	for _, id := range r.Topics {
		out.Folder.Topics = append(out.Folder.Topics, id.String())
	}
	if r.Err != nil {
		if out.Problem = folderProblem(r.Err); out.Problem == "" {
			out.Problem = reason(r.Err)
		}
	}
	return out
}

// folderProblem says in a sentence what is wrong with a folder, empty where the
// fault is elsewhere.
func folderProblem(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "There is no such folder. If it is a stick, put it in; its name may have changed."
	case errors.Is(err, os.ErrPermission):
		return "Linnet may not read or write there. Choose another folder, or change its permissions."
	}
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return reason(path.Err)
	}
	return ""
}
