package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Shelf is what a folder exchanges.
type Shelf interface {
	// Note is what is here.
	Note(ctx context.Context) ([]byte, error)
	// Export writes what at least one of those who wrote notes lacks, or all where
	// there are none, and returns how many records that is.
	Export(ctx context.Context, w io.Writer, notes [][]byte) (int, error)
	// Import takes a bundle in and returns how many records were new.
	Import(ctx context.Context, r io.Reader) (int, error)
}

// Limits of a folder.
const (
	maxNotes   = 100
	maxFiles   = 10_000 // looked at
	watchEvery = 3 * time.Second
	settled    = 2 * time.Second // a file that changed later may still be written
)

// Folder is a shared folder or a stick through which several exchange: each has
// one note there, and one bundle with what the others lack. Only own files are
// ever changed or removed. It is not safe for concurrent use.
type Folder struct {
	dir   string
	who   string // names own files; letters and digits
	shelf Shelf
	seen  map[string]stamp // bundles of others that were taken in
	wrote [32]byte         // what the own bundle was made from
}

type stamp struct {
	size int64
	time time.Time
}

// Look says what one look at a folder did.
type Look struct {
	Wrote int // records in the own bundle, where it was written anew
	New   int // records that came from others
	Bad   int // files of others that could not be read
}

// NewFolder returns a folder in which files named after who are one's own.
func NewFolder(dir, who string, s Shelf) *Folder {
	return &Folder{dir: dir, who: who, shelf: s, seen: map[string]stamp{}}
}

// own matches the names of what nodes leave in a folder: who, and note or bundle.
var own = regexp.MustCompile(`^linnet-([a-z0-9]{4,32})\.(note|bundle)$`)

// Look takes in what others left, and leaves what they lack. It blocks until
// that is done. The error is that of the folder; bad files of others are counted.
func (f *Folder) Look(ctx context.Context) (l Look, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return l, err
	}
	var notes [][]byte
	var later bool
	for _, e := range entries[:min(len(entries), maxFiles)] {
		m := own.FindStringSubmatch(e.Name())
		if m == nil || m[1] == f.who || !e.Type().IsRegular() {
			continue
		}
		if m[2] == "note" {
			b, err := f.readNote(e)
			if err != nil || len(notes) >= maxNotes {
				l.Bad++
				continue
			}
			notes = append(notes, b)
			continue
		}
		n, wait, err := f.takeIn(ctx, e)
		later = later || wait
		if ctx.Err() != nil {
			return l, ctx.Err()
		}
		if err != nil {
			l.Bad++
		}
		l.New += n
	}
	if later {
		return l, nil // what they bring may make writing needless
	}
	l.Wrote, err = f.leave(ctx, notes)
	return l, err
}

func (f *Folder) readNote(e fs.DirEntry) ([]byte, error) {
	info, err := e.Info()
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxNote {
		return nil, ErrNote
	}
	b, err := os.ReadFile(filepath.Join(f.dir, e.Name()))
	if err == nil {
		_, err = ParseNote(b)
	}
	return b, err
}

// takeIn reads a bundle of somebody else, unless that was done; later tells that
// it is still being written.
func (f *Folder) takeIn(ctx context.Context, e fs.DirEntry) (n int, later bool, err error) {
	info, err := e.Info()
	if err != nil {
		return 0, false, err
	}
	now := stamp{info.Size(), info.ModTime()}
	if f.seen[e.Name()] == now {
		return 0, false, nil
	}
	if time.Since(info.ModTime()) < settled && time.Since(info.ModTime()) > -settled {
		return 0, true, nil
	}
	file, err := os.Open(filepath.Join(f.dir, e.Name()))
	if err != nil {
		return 0, false, err
	}
	defer file.Close()
	if n, err = f.shelf.Import(ctx, file); err == nil || errors.Is(err, ErrNoBundle) {
		f.seen[e.Name()] = now
	}
	return n, false, err
}

// leave writes the own note, and the own bundle where others lack something.
func (f *Folder) leave(ctx context.Context, notes [][]byte) (int, error) {
	note, err := f.shelf.Note(ctx)
	if err != nil {
		return 0, err
	}
	h := sha256.New()
	h.Write(note)
	for _, n := range notes {
		h.Write(n)
	}
	from := [32]byte(h.Sum(nil))
	if from == f.wrote {
		return 0, nil
	}
	if err := f.write("note", func(w io.Writer) (bool, error) { _, err := w.Write(note); return true, err }); err != nil {
		return 0, err
	}
	wrote := 0
	err = f.write("bundle", func(w io.Writer) (bool, error) {
		wrote, err = f.shelf.Export(ctx, w, notes)
		return wrote > 0, err
	})
	if err == nil {
		f.wrote = from
	}
	return wrote, err
}

// write replaces an own file as a whole, or removes it where fill says that
// there is nothing to write. Never is half a file seen under its name.
func (f *Folder) write(kind string, fill func(io.Writer) (some bool, err error)) (err error) {
	name := filepath.Join(f.dir, fmt.Sprintf("linnet-%s.%s", f.who, kind))
	tmp, err := os.OpenFile(name+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	some, err := fill(tmp)
	if err == nil && some {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil && some {
		return os.Rename(tmp.Name(), name)
	}
	err = errors.Join(err, os.Remove(tmp.Name()))
	if err == nil {
		if err = os.Remove(name); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return err
}

// Watch looks again and again until ctx ends, and tells of each look that did
// something or failed differently than the one before. It polls: sticks and
// synchronized folders do not notify.
func (f *Folder) Watch(ctx context.Context, tell func(Look, error)) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last := ""
	for {
		l, err := f.Look(ctx)
		if ctx.Err() != nil {
			return
		}
		text := fmt.Sprint(err)
		if l != (Look{}) || text != last {
			tell(l, err)
		}
		last = text
		if err != nil {
			clear(f.seen) // another stick may come back under this name
			f.wrote = [32]byte{}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
