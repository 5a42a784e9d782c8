package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

func (p *program) export() *cobra.Command {
	var noteFiles []string
	var note, watch bool
	c := &cobra.Command{
		Use:   "export [TOPIC…] FILE|FOLDER|-",
		Short: "Write topics to a file or a folder, to carry by hand",
		Long: `Write topics, all where none is named, to a file: for a stick, a mail, anything
that carries files. Whoever has the file imports it; everything in it is checked
there. With --for NOTE only what the other side lacks is written; NOTE is what
they wrote with --note.

To a folder that others use too (a stick, a synchronized folder): what they left
there is taken in, what they lack is left for them, and a note says what is here.
With --watch it goes on for as long as Linnet runs, after a restart too.`,
		Example: `  linnet export "School news" /media/stick/school.bundle
  linnet export /media/stick --watch
  linnet export --note mine.note
  linnet export "School news" rest.bundle --for theirs.note`,
		Args: words(1, 1000, "name a file or a folder to write to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			to := args[len(args)-1]
			var ids []string
			for _, word := range args[:len(args)-1] {
				t, err := find(cmd.Context(), c, word)
				if err != nil {
					return err
				}
				ids = append(ids, t.ID)
			}
			if info, err := os.Stat(to); err == nil && info.IsDir() {
				if note || len(noteFiles) > 0 {
					return misuse("a folder keeps its own notes; leave --note and --for out")
				}
				return p.folderOnce(cmd, c, api.Folder{Path: to, Topics: ids, Watch: watch})
			}
			if watch {
				return misuse("only a folder can be watched, and %s is none", line(to))
			}
			e := api.Export{Topics: ids}
			for _, f := range noteFiles {
				b, err := os.ReadFile(f)
				if err != nil {
					return fmt.Errorf("read the note: %w", err)
				}
				e.Notes = append(e.Notes, b)
			}
			write := c.Export
			if note {
				write = c.Note
			}
			n, err := p.toFile(to, func(w io.Writer) (int64, error) { return write(cmd.Context(), e, p.counted(w)) })
			if err != nil {
				return err
			}
			if to == "-" {
				return nil
			}
			p.print(map[string]any{"file": to, "bytes": n}, func() { fmt.Fprintf(p.out, "Wrote %s, %d bytes.\n", line(to), n) })
			return nil
		},
	}
	c.Flags().StringArrayVar(&noteFiles, "for", nil, "write only what the writer of this note lacks; may be repeated")
	c.Flags().BoolVar(&note, "note", false, "write a note of what is here instead, for others to export for")
	c.Flags().BoolVar(&watch, "watch", false, "go on exchanging through the folder")
	return c
}

// toFile writes a file as a whole or not at all; - is standard output.
func (p *program) toFile(name string, write func(io.Writer) (int64, error)) (n int64, err error) {
	if name == "-" {
		return write(p.out)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".linnet-*")
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	n, err = write(f)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return n, errors.Join(err, os.Remove(f.Name()))
	}
	return n, nil
}

func (p *program) importing() *cobra.Command {
	var follow, watch bool
	c := &cobra.Command{
		Use:   "import FILE|FOLDER|-",
		Short: "Take in topics from a file or a folder that somebody carried",
		Long: `Take in what somebody wrote with linnet export. Every record is checked as if it
had come over the network: what is not genuine is refused, a damaged file yields
what can be read of it. With --follow, topics in it that you do not follow yet
are followed.

From a folder it is the same as exporting to it: what others left is taken in,
and what they lack is left for them.`,
		Example: `  linnet import /media/stick/school.bundle --follow
  linnet import /media/stick --watch`,
		Args: words(1, 1, "name one file or folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			in := p.in
			if args[0] != "-" {
				info, err := os.Stat(args[0])
				if err != nil {
					return fmt.Errorf("read %s: %w", line(args[0]), err)
				}
				if info.IsDir() {
					return p.folderOnce(cmd, c, api.Folder{Path: args[0], Watch: watch})
				}
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("read %s: %w", line(args[0]), err)
				}
				defer f.Close()
				in = p.progress(f, info.Size())
			}
			if watch {
				return misuse("only a folder can be watched")
			}
			r, err := c.Import(cmd.Context(), in, follow)
			if err != nil {
				return err
			}
			p.print(r, func() {
				fmt.Fprintln(p.out, line(r.Summary))
				for _, o := range r.Offered {
					fmt.Fprintf(p.out, "It holds %s, which you do not follow. Import it again with --follow to do so.\n", quoted(o.Name))
				}
			})
			return nil
		},
	}
	c.Flags().BoolVar(&follow, "follow", false, "follow the topics in it that are not followed yet")
	c.Flags().BoolVar(&watch, "watch", false, "go on exchanging through the folder")
	return c
}

// folderOnce has the node look into a folder.
func (p *program) folderOnce(cmd *cobra.Command, c *client.Client, f api.Folder) error {
	path, err := filepath.Abs(f.Path) // the node runs elsewhere
	if err != nil {
		return err
	}
	f.Path = path
	done := p.slowly("Exchanging with " + line(path) + " …")
	r, err := c.AddFolder(cmd.Context(), f)
	done()
	if err != nil {
		return err
	}
	p.print(r, func() {
		fmt.Fprintf(p.out, "Took in %d new records from %s, left %d for others.\n", r.New, line(path), r.Wrote)
		if f.Watch {
			fmt.Fprintln(p.out, "It is watched from now on, for as long as Linnet runs.")
		}
	})
	return nil
}

// counted shows on stderr how much was written, once that takes more than a
// second and somebody looks at it.
func (p *program) counted(w io.Writer) io.Writer {
	if errs, ok := p.errs.(*os.File); p.json || !ok || !isTerminal(errs) {
		return w
	}
	return &countedWriter{out: w, errs: p.errs, began: time.Now()}
}

type countedWriter struct {
	out, errs   io.Writer
	wrote       int64
	began, told time.Time
}

func (w *countedWriter) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	w.wrote += int64(n)
	if now := time.Now(); now.Sub(w.began) > time.Second && now.Sub(w.told) > 200*time.Millisecond {
		w.told = now
		fmt.Fprintf(w.errs, "\r%.1f MB written", float64(w.wrote)/1e6)
	}
	return n, err
}

// progress shows on stderr how much of a file was read, once that takes more
// than a second and somebody looks at it.
func (p *program) progress(f io.Reader, size int64) io.Reader {
	if errs, ok := p.errs.(*os.File); p.json || size == 0 || !ok || !isTerminal(errs) {
		return f
	}
	return &progressReader{in: f, out: p.errs, size: size, began: time.Now()}
}

type progressReader struct {
	in          io.Reader
	out         io.Writer
	size, read  int64
	began, told time.Time
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	r.read += int64(n)
	now := time.Now()
	switch {
	case err != nil && !r.told.IsZero():
		fmt.Fprint(r.out, "\r\033[K")
	case now.Sub(r.began) > time.Second && now.Sub(r.told) > 200*time.Millisecond:
		r.told = now
		const width = 30
		full := int(width * r.read / r.size)
		fmt.Fprintf(r.out, "\r[%-*s] %d %%", width, "##############################"[:min(full, width)], 100*r.read/r.size)
	}
	return n, err
}
