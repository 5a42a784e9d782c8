package node

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// FolderReport says how the exchange through a folder stands.
type FolderReport struct {
	Path   string
	Topics []TopicID // none: all
	Watch  bool
	Wrote  int       // records in the bundle that was left last
	New    int       // records that came from others, since the start
	Last   time.Time // of the last look that did something
	Err    error     // why the last look failed
}

// folderRow is a folder that is watched.
type folderRow struct {
	Topics []byte `cbor:"1,keyasint,omitempty"` // ids, one behind the other
	Path   string `cbor:"2,keyasint"`
}

// folderKey names the row of a folder; a path may be longer than a name in the store.
func folderKey(path string) string {
	sum := sha256.Sum256([]byte(path))
	return prefixFolder + hex.EncodeToString(sum[:16])
}

// watched is a folder that is watched.
type watched struct {
	report FolderReport
	cancel context.CancelFunc
}

// folderShelf is what a folder exchanges: some topics, or all.
type folderShelf struct {
	n      *Node
	topics []TopicID
}

// Note implements bundle.Shelf.
func (s folderShelf) Note(ctx context.Context) ([]byte, error) { return s.n.Note(ctx, s.topics) }

// Export implements bundle.Shelf.
func (s folderShelf) Export(ctx context.Context, w io.Writer, notes [][]byte) (int, error) {
	return s.n.Export(ctx, w, s.topics, notes...)
}

// Import implements bundle.Shelf.
func (s folderShelf) Import(ctx context.Context, r io.Reader) (int, error) {
	sum, err := s.n.Import(ctx, r, false, nil)
	return sum.New, err
}

// keyFolders is a random secret that names own files in folders.
const keyFolders = "bundle/secret"

// folder opens a folder. Its name in there is random and the same each time, and
// another one in another folder.
func (n *Node) folder(ctx context.Context, path string, topics []TopicID) (*bundle.Folder, error) {
	secret, err := n.store.State(keyFolders)
	if errors.Is(err, storage.ErrNotFound) {
		secret = make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		err = n.setState(ctx, keyFolders, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(path))
	return bundle.NewFolder(path, hex.EncodeToString(h.Sum(nil)[:6]), folderShelf{n, topics}), nil
}

// LookInFolder exchanges with others through a folder once: it takes in what
// they left and leaves what they lack. An empty list of topics means all. With
// watch it goes on every few seconds, after a restart too, until StopFolder. It
// blocks until the first look is done.
func (n *Node) LookInFolder(ctx context.Context, path string, topics []TopicID, watch bool) (FolderReport, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return FolderReport{}, err
	}
	r := FolderReport{Path: path, Topics: topics, Watch: watch, Last: time.Now()}
	if _, err := n.chosen(topics); err != nil {
		return r, err
	}
	f, err := n.folder(ctx, path, topics)
	if err != nil {
		return r, err
	}
	l, err := f.Look(ctx)
	r.Wrote, r.New = l.Wrote, l.New
	if err != nil || !watch {
		return r, err
	}
	row := folderRow{Path: path}
	for _, id := range topics {
		row.Topics = append(row.Topics, id[:]...)
	}
	value, err := record.EncodeBody(row)
	if err == nil {
		err = n.setState(ctx, folderKey(path), value)
	}
	if err != nil {
		return r, fmt.Errorf("node: %w", err)
	}
	n.watchFolder(r, f)
	return r, nil
}

// watchFolder starts to watch, in place of an earlier watch of the same folder.
func (n *Node) watchFolder(r FolderReport, f *bundle.Folder) {
	ctx, cancel := context.WithCancel(n.ctx)
	w := &watched{report: r, cancel: cancel}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		cancel()
		return
	}
	if old := n.folders[r.Path]; old != nil {
		old.cancel()
	}
	n.folders[r.Path] = w
	n.wg.Go(func() { // ends with cancel
		f.Watch(ctx, func(l bundle.Look, err error) {
			n.mu.Lock()
			w.report.Err, w.report.Last = err, time.Now()
			w.report.New += l.New
			if l.Wrote > 0 {
				w.report.Wrote = l.Wrote
			}
			n.mu.Unlock()
			n.bell.node()
		})
	})
}

// openFolders goes on watching what was watched.
func (n *Node) openFolders() error {
	rows, err := n.store.ListState(prefixFolder)
	if err != nil {
		return fmt.Errorf("node: read the folders: %w", err)
	}
	for _, kv := range rows {
		var row folderRow
		if err := record.DecodeBody(kv.Value, &row); err != nil || len(row.Topics)%32 != 0 {
			return fmt.Errorf("%w: folder row", ErrDamaged)
		}
		r := FolderReport{Path: row.Path, Watch: true}
		for ids := row.Topics; len(ids) > 0; ids = ids[32:] {
			r.Topics = append(r.Topics, TopicID(ids[:32]))
		}
		f, err := n.folder(n.ctx, r.Path, r.Topics)
		if err != nil {
			return err
		}
		n.watchFolder(r, f)
	}
	return nil
}

// Folders returns what is watched, by path.
func (n *Node) Folders() []FolderReport {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := []FolderReport{}
	for _, w := range n.folders {
		out = append(out, w.report)
	}
	slices.SortFunc(out, func(a, b FolderReport) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// StopFolder ends watching a folder; what lies in it stays. The error matches
// ErrNotFound where it is not watched.
func (n *Node) StopFolder(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	n.mu.Lock()
	w := n.folders[path]
	delete(n.folders, path)
	n.mu.Unlock()
	if w == nil {
		return fmt.Errorf("%w: folder %s is not watched", ErrNotFound, path)
	}
	w.cancel()
	if err := n.commit(ctx, storage.Batch{State: []storage.KV{{Key: folderKey(path)}}}); err != nil {
		return err
	}
	n.bell.node()
	return nil
}
