package storage

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"golang.org/x/crypto/chacha20poly1305"
)

// checkOwn verifies the tables that hold what a store cannot do without and nobody else has: state, the heads of chains,
// spaces. One that were read in part would let a chain go back, or a key be used twice. What holds only records is left
// to scrub: these can be had again.
func (s *Store) checkOwn(ctx context.Context, key []byte) error {
	var own []uint64
	for _, t := range s.db.Tables() {
		if len(t.Left) > 0 && len(t.Right) > 0 && t.Left[0] < keyBlock && t.Right[0] >= keyHead {
			own = append(own, t.ID)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return checkTables(ctx, s.opt.Dir, key, 1, own)
}

// Damaged is a store from which only reads what can be read. Nothing that it gives is known to be the newest, or all.
type Damaged struct {
	s      *Store
	ts     uint64
	key    []byte
	broken []listed // tables that are read by hand, up to what is damaged in them
}

// OpenDamaged opens a store that Open has refused with ErrDamaged. From then on Open refuses it always: what was left
// out of it would be missed in silence. It changes the folder, and does not put it right.
func OpenDamaged(o Options) (_ *Damaged, err error) {
	if o.Dir == "" || len(o.Key) != 32 {
		return nil, errors.New("storage: OpenDamaged needs a folder and a key of 32 bytes")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	sealKey, dbKey, err := deriveKeys(o.Key)
	if err != nil {
		return nil, err
	}
	if marked(o.Dir) == nil {
		if err := mark(o.Dir, errors.New("it is read by OpenDamaged")); err != nil {
			return nil, err
		}
	}
	if _, err := mendKeys(o.Dir, dbKey); err != nil {
		return nil, err
	}
	if err := errors.Join(dropEmptyLogs(o.Dir), dropBrokenLogs(o.Dir, dbKey)); err != nil {
		return nil, err
	}
	broken, err := list(o.Dir, dbKey, false)
	if err != nil {
		return nil, err
	}
	if err := setAside(o.Dir, broken); err != nil {
		return nil, err
	}
	b := badgerOptions(o, dbKey)
	b.NumCompactors = 0
	b.NumLevelZeroTablesStall = 1 << 20
	b.ChecksumVerificationMode = options.OnBlockRead
	db, err := badger.OpenManaged(b)
	if err != nil { // then it is a log
		if err = dropLogs(o.Dir); err == nil {
			db, err = badger.OpenManaged(b)
		}
	}
	if err != nil {
		return nil, explain("open what is left in "+o.Dir, err)
	}
	var seal cipher.AEAD
	if seal, err = chacha20poly1305.NewX(sealKey); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Damaged{&Store{opt: o, log: o.Logger, db: db, state: seal}, db.MaxVersion(), dbKey, broken}, nil
}

// aside is behind the names of tables that Badger, which deletes what its list does not name, is not to see.
const aside = ".broken"

func setAside(dir string, tables []listed) error {
	for _, t := range tables {
		path := table.NewFilename(t.id, dir)
		if err := os.Rename(path, path+aside); err != nil {
			return explain("set a table aside", err)
		}
	}
	return nil
}

func dropLogs(dir string) error {
	var errs []error
	for _, pattern := range []string{"*.mem", "*.vlog", "DISCARD"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		errs = append(errs, err)
		for _, path := range paths {
			errs = append(errs, os.Remove(path))
		}
	}
	return errors.Join(errs...)
}

// Close closes the folder.
func (d *Damaged) Close() error { return explain("close", d.s.db.Close()) }

// State calls f for the values whose names have the prefix and that are as they were written.
func (d *Damaged) State(prefix string, f func(KV) error) error {
	return d.each(stateKey(prefix), func(k, v []byte) error {
		name := string(k[1:])
		plain, err := d.s.openState(name, v)
		if err != nil {
			return nil
		}
		return f(KV{Key: name, Value: plain})
	})
}

// Records calls f for the data of records, which it may keep. Whether they are genuine, the caller finds out.
func (d *Damaged) Records(f func(data []byte) error) error {
	return d.each([]byte{keyRecord}, func(_, v []byte) error {
		_, _, data, err := parseRecordValue(v)
		if err != nil {
			return nil
		}
		return f(append([]byte(nil), data...))
	})
}

func (d *Damaged) each(prefix []byte, f func(k, v []byte) error) error {
	var failed error
	once := func(k, v []byte) error {
		failed = f(k, v)
		return failed
	}
	d.trying(func() error {
		txn := d.s.db.NewTransactionAt(d.ts, false)
		defer txn.Discard()
		return scan(txn, prefix, nil, once)
	})
	for _, t := range d.broken {
		if failed != nil {
			break
		}
		d.byHand(t, prefix, once)
	}
	return failed
}

// trying calls f, which may fail in any way.
func (d *Damaged) trying(f func() error) {
	defer func() {
		if r := recover(); r != nil { // Badger panics on blocks that it cannot unpack
			d.s.log.Warn("storage: the rest of it cannot be read", "cause", fmt.Sprint(r))
		}
	}()
	if err := f(); err != nil {
		d.s.log.Warn("storage: the rest of it cannot be read", "cause", err)
	}
}

// byHand reads a table from its beginning to what is damaged, and from its end back to that.
func (d *Damaged) byHand(l listed, prefix []byte, f func(k, v []byte) error) {
	dir := d.s.opt.Dir
	keys, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: d.key})
	if err != nil || l.key == 0 {
		return
	}
	defer keys.Close()
	cache, err := newIndexCache()
	if err != nil {
		return
	}
	defer cache.Close()
	for _, back := range []int{0, table.REVERSED} {
		d.trying(func() error {
			return withTable(table.NewFilename(l.id, dir)+aside, manifestOf(l.key), keys, cache, func(t *table.Table) error {
				it := t.NewIterator(back)
				defer it.Close()
				for it.Rewind(); it.Valid(); it.Next() {
					k, v := y.ParseKey(it.Key()), it.Value()
					if !bytes.HasPrefix(k, prefix) || v.Meta&deletedRow != 0 {
						continue
					}
					if err := f(k, v.Value); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// deletedRow is Badger's mark of a row that was deleted.
const deletedRow = 1
