package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2"
)

// listed is a table as the list of tables names it.
type listed struct{ id, key uint64 }

// list makes the list of tables (Badger's MANIFEST) anew, from the tables in the folder. All go into level 0, where each
// may hold anything: the newest version of a row counts, wherever it is. A table of which a part is damaged is left out and
// returned, with key 0 where it does not open at all; with all set it is an error, and nothing is changed. It must be called
// while nobody has the folder open.
func list(dir string, key []byte, all bool) (broken []listed, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return nil, err
	}
	keys, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil {
		return nil, fmt.Errorf("%w: key registry: %w", ErrDamaged, err)
	}
	defer keys.Close()
	cache, err := newIndexCache()
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	old, _, _ := readList(dir) // which keys its tables have, as far as it can be read
	var tables []listed
	for _, path := range paths {
		id, ok := table.ParseFileID(path)
		if !ok {
			continue
		}
		of, err := keyOfTable(path, old.Tables[id].KeyID, keys, cache)
		if err == nil {
			cache.Clear()
			err = withTable(path, manifestOf(of), keys, cache, (*table.Table).VerifyChecksum)
		}
		switch {
		case err == nil:
			tables = append(tables, listed{id, of})
		case all:
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Base(path), err)
		default:
			broken = append(broken, listed{id, of})
		}
	}
	return broken, replaceFile(filepath.Join(dir, badger.ManifestFilename), encodeList(tables))
}

func manifestOf(key uint64) badger.TableManifest {
	return badger.TableManifest{KeyID: key, Compression: options.Snappy}
}

// keyOfTable finds the key under which a table opens: the one that is given, else the newest that does.
func keyOfTable(path string, given uint64, keys *badger.KeyRegistry, cache *ristretto.Cache[uint64, *fb.TableIndex]) (uint64, error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return 0, errors.Join(err, errors.New("it is empty"))
	}
	candidates := []uint64{given}
	if given == 0 {
		candidates = nil
		for id := uint64(1); ; id++ {
			if _, err := keys.DataKey(id); err != nil {
				break
			}
			candidates = append(candidates, id)
		}
		slices.Reverse(candidates)
	}
	err := errors.New("no key opens it")
	for _, id := range candidates {
		cache.Clear() // what another key made of its index
		if err = withTable(path, manifestOf(id), keys, cache, looksOurs); err == nil {
			return id, nil
		}
	}
	return 0, err
}

// looksOurs reports whether a table begins and ends with keys of ours.
func looksOurs(t *table.Table) error {
	for _, k := range [][]byte{t.Smallest(), t.Biggest()} {
		if len(k) < 9 || (k[0] < keyRecord || k[0] > keyBlock) && !bytes.HasPrefix(k, []byte("!badger!")) {
			return errors.New("its rows are none of ours")
		}
	}
	return nil
}

func newIndexCache() (*ristretto.Cache[uint64, *fb.TableIndex], error) {
	// Badger insists on a cache for sealed indices.
	return ristretto.NewCache(&ristretto.Config[uint64, *fb.TableIndex]{NumCounters: 64, MaxCost: 4 << 20, BufferItems: 64})
}

// Of Badger's MANIFEST: magic (4), version of ours (2), of Badger's (2), then sets of changes, each with its length (4)
// and checksum (4), as protocol buffers.
const (
	listMagic   = "Bdgr"
	listVersion = 8
)

func encodeList(tables []listed) []byte {
	var set []byte
	for _, t := range tables {
		var c []byte
		c = appendField(c, 1, t.id)
		c = appendField(c, 4, t.key)
		c = appendField(c, 6, uint64(options.Snappy))
		set = append(set, 1<<3|2)
		set = binary.AppendUvarint(set, uint64(len(c)))
		set = append(set, c...)
	}
	out := append([]byte(listMagic), 0, 0, 0, listVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(set)))
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(set, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, set...)
}

// appendField adds a number of a protocol buffer.
func appendField(b []byte, field byte, v uint64) []byte {
	return binary.AppendUvarint(append(b, field<<3), v)
}
