package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// diskReserve is kept free. Badger writes to mapped files: on a full disk a write does not return an error, it kills the
// program (SIGBUS). So the writer looks first. The reserve covers what Badger may still write by itself: two memtables of
// 12 MB as log and as table, and a compaction of all of level 0 that holds inputs and outputs at once.
const diskReserve = 192 << 20

// Asking the system costs a microsecond or five: an answer holds until this much is written or this long has passed.
const (
	roomBytes = 256 << 10
	roomTime  = 20 * time.Millisecond
)

// room remembers how much is free.
type room struct {
	dir     string
	free    int64
	asked   time.Time
	written int
}

// check is ErrDiskFull when less than reserve is free before size bytes are written. A system that cannot tell is taken
// to have room.
func (r *room) check(reserve int64, size int) error {
	r.written += size
	if r.asked.IsZero() || r.free < reserve || r.written > roomBytes || time.Since(r.asked) > roomTime {
		free, err := freeBytes(r.dir)
		if err != nil {
			free = 1 << 62
		}
		r.free, r.asked, r.written = free, time.Now(), 0
	}
	if r.free >= reserve {
		return nil
	}
	return fmt.Errorf("%w (%d MB free, %d MB needed in %s)", ErrDiskFull, r.free>>20, reserve>>20, r.dir)
}

// dirSize adds up what files take on disk; those that vanish meanwhile count nothing.
func dirSize(dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += allocated(info)
		}
	}
	return total
}

// walSync puts the log on disk, in order. When the log that is written now has just been changed for a new one, the end
// of the one before might not be on disk yet, and a power cut would leave a hole behind newer records.
type walSync struct {
	dir     string
	next    int      // number of the log after the one that is written now
	log     *os.File // the one that is written now, nil until it is needed
	commits int      // since the last call
}

// logCommits is fewer transactions than a log holds: one takes less than a third of it.
const logCommits = 3

// sync makes durable what was committed. Badger's own Sync asks the disk twice, for the log and for a value log that we
// never use; where the system can sync a mapped file through a second descriptor, once is enough.
func (ws *walSync) sync(db *badger.DB) error {
	if err := ws.rotated(); err != nil {
		return err
	}
	if !syncsMappedFiles {
		return db.Sync()
	}
	if ws.log == nil {
		f, err := os.OpenFile(ws.path(ws.next-1), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		ws.log = f
		if err := syncDir(ws.dir); err != nil {
			return err
		}
	}
	return syncData(ws.log)
}

func (ws *walSync) close() {
	if ws.log != nil {
		_ = ws.log.Close() // nothing was written through it
		ws.log = nil
	}
}

func (ws *walSync) init(dir string) {
	ws.dir = dir
	for _, name := range ws.logs() {
		var n int
		if _, err := fmt.Sscanf(name, "%d.mem", &n); err == nil {
			ws.next = max(ws.next, n+1)
		}
	}
}

func (ws *walSync) path(n int) string { return filepath.Join(ws.dir, fmt.Sprintf("%05d.mem", n)) }

func (ws *walSync) logs() (names []string) {
	entries, err := os.ReadDir(ws.dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".mem") {
			names = append(names, e.Name())
		}
	}
	return names
}

// rotated syncs all logs if there is a new one since the last call. Most of the time it costs one lstat. After several
// transactions the next log may have come and gone too, but never before the one that was written at the last call.
func (ws *walSync) rotated() error {
	_, err := os.Lstat(ws.path(ws.next))
	if err != nil && ws.commits >= logCommits {
		_, gone := os.Lstat(ws.path(ws.next - 1))
		if gone != nil {
			err = nil
		}
	}
	ws.commits = 0
	if err != nil {
		return nil
	}
	ws.close()
	ws.init(ws.dir)
	for _, name := range ws.logs() {
		f, err := os.OpenFile(filepath.Join(ws.dir, name), os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has become a table, which is synced
		}
		if err != nil {
			return err
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return syncDir(ws.dir)
}

// dropEmptyLogs removes logs without a byte, which Badger made in the moment before the program was killed, and would not
// open any more. It must be called while nobody has the folder open.
func dropEmptyLogs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := e.Info()
		if err != nil || info.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Free returns the bytes free on the store's disk, -1 when the system does not tell.
func (s *Store) Free() int64 {
	free, err := freeBytes(s.opt.Dir)
	if err != nil {
		return -1
	}
	return free
}
