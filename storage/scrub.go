package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2"
)

// Pace of the background check: soon after Open, then once a day, never more than a fifth of one core.
const (
	scrubDelay  = 30 * time.Second
	scrubEvery  = 24 * time.Hour
	scrubEffort = 5
)

// damage is what the background check found.
type damage struct {
	mu  sync.Mutex
	err error
}

// Damage is what the background check of the files has found so far, nil if nothing. It is an ErrDamaged and names the
// file. Records still prove themselves by their id, and state by its seal, whoever reads them. The next Open refuses the folder.
func (s *Store) Damage() error {
	s.damage.mu.Lock()
	defer s.damage.mu.Unlock()
	return s.damage.err
}

// scrub checks every table now and then, until ctx ends.
func (s *Store) scrub(ctx context.Context, key []byte) {
	for wait := scrubDelay; ; wait = scrubEvery {
		if !pause(ctx, wait) {
			return
		}
		if _, err := mendKeys(s.opt.Dir, key); err != nil { // Badger makes a new one now and then
			s.log.Error("storage: the copy of the keys", "err", err)
		}
		err := checkTables(ctx, s.opt.Dir, key, scrubEffort, nil)
		if err != nil && ctx.Err() == nil {
			err = checkTables(ctx, s.opt.Dir, key, scrubEffort, nil) // a disk that was only slow is not damaged
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("storage: files are damaged", "err", err)
			if err := mark(s.opt.Dir, err); err != nil {
				s.log.Error("storage: note the damage", "err", err)
			}
			s.damage.mu.Lock()
			s.damage.err = err
			s.damage.mu.Unlock()
		}
	}
}

// pause is false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// checkTables verifies all block checksums of the tables with these ids, nil for all, reading one at a time: Badger's VerifyChecksum would leave the
// whole history mapped and resident. After each table it rests effort-1 times as long as the table took.
func checkTables(ctx context.Context, dir string, key []byte, effort int, only []uint64) error {
	m, err := readManifest(dir)
	if err != nil {
		return fmt.Errorf("%w: list of tables: %w", ErrDamaged, err)
	}
	// Opened anew each time: Badger adds keys as it goes.
	keys, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil {
		return fmt.Errorf("%w: key registry: %w", ErrDamaged, err)
	}
	defer keys.Close()
	cache, err := newIndexCache()
	if err != nil {
		return err
	}
	defer cache.Close()
	ids := make([]uint64, 0, len(m.Tables))
	for id := range m.Tables {
		if only == nil || slices.Contains(only, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var found []error
	for _, id := range ids {
		start := time.Now()
		path := table.NewFilename(id, dir)
		if err := checkTable(path, m.Tables[id], keys, cache); err != nil {
			found = append(found, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Base(path), err))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if effort > 1 && !pause(ctx, time.Since(start)*time.Duration(effort-1)) {
			return ctx.Err()
		}
	}
	return errors.Join(found...)
}

func readManifest(dir string) (badger.Manifest, error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return badger.Manifest{}, err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir))
	return m, err
}

// checkTable verifies one file. One that is gone has been compacted away.
func checkTable(path string, m badger.TableManifest, keys *badger.KeyRegistry, cache *ristretto.Cache[uint64, *fb.TableIndex]) error {
	return withTable(path, m, keys, cache, (*table.Table).VerifyChecksum)
}

// withTable opens a table in memory for f.
func withTable(path string, m badger.TableManifest, keys *badger.KeyRegistry, cache *ristretto.Cache[uint64, *fb.TableIndex], f func(*table.Table) error) (err error) {
	dk, err := keys.DataKey(m.KeyID)
	if err != nil {
		return err
	}
	id, _ := table.ParseFileID(strings.TrimSuffix(path, aside))
	raw, err := readTable(path)
	if raw == nil || err != nil {
		return err
	}
	defer func() {
		// Badger panics on blocks that it cannot unpack.
		if r := recover(); r != nil {
			err = errors.New("a part cannot be read")
		}
	}()
	t, err := table.OpenInMemoryTable(raw, id, &table.Options{
		ReadOnly: true, BlockSize: 4 << 10, Compression: m.Compression, DataKey: dk, ChkMode: options.NoVerification,
		IndexCache: cache,
	})
	if err != nil {
		return err
	}
	return f(t)
}

// readTable reads a whole file, nil if it is being removed. It must not be mapped: Badger cuts files to nothing before it
// removes them, and reading a mapped file that was cut kills the program.
func readTable(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	raw := make([]byte, info.Size())
	if _, err = io.ReadFull(f, raw); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, nil // cut meanwhile
	}
	return raw, err
}
