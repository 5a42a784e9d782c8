package storage

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/crypto/chacha20poly1305"
)

// Options say where a store is and how it behaves. Dir and Key are required, every other zero is a good default.
type Options struct {
	Dir         string       // made with mode 0700 if it is not there
	Key         []byte       // 32 bytes; everything on disk is sealed under keys derived from it
	JournalKeep int          // newest events that are always kept; 0 means 100,000
	Logger      *slog.Logger // nil drops the log
	Verify      bool         // Close runs Check first and returns what it finds; for tests

	reserve int64 // free bytes below which writes are refused; 0 means diskReserve
}

const defaultJournalKeep = 100_000

// Store is an open folder. All its methods may be called from any goroutine.
type Store struct {
	opt   Options
	log   *slog.Logger
	db    *badger.DB
	state cipher.AEAD // seals state values
	epoch string

	queue   queue
	view    view
	journal journal
	damage  damage
	last    last
	mended  []string // files that Open put right

	stop   context.CancelFunc // ends the background check
	wg     sync.WaitGroup
	closer sync.Once
	closed error // what Close returned
}

// Open opens the store in o.Dir, or makes it. ctx bounds only the waiting between its steps: replaying the log after a
// crash cannot be interrupted. Errors: ErrLocked, ErrWrongKey, ErrNewerFormat, ErrDamaged, ErrDiskFull.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Dir == "" || len(o.Key) != 32 {
		return nil, errors.New("storage: Open needs a folder and a key of 32 bytes")
	}
	if o.JournalKeep <= 0 {
		o.JournalKeep = defaultJournalKeep
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.reserve == 0 {
		o.reserve = diskReserve
	}
	sealKey, dbKey, err := deriveKeys(o.Key)
	if err != nil {
		return nil, err
	}
	have, mended, err := prepareDir(o, dbKey)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := badger.OpenManaged(badgerOptions(o, dbKey))
	if err != nil {
		return nil, explain("open "+o.Dir, err)
	}
	s := &Store{opt: o, log: o.Logger, db: db, mended: mended}
	defer func() {
		if err != nil {
			_ = errors.Join(db.Close(), s.last.leave()) // the first error is the one that matters
		}
	}()
	for _, name := range mended {
		s.log.Warn("storage: a file was damaged and was put right", "file", name)
	}
	if err := errors.Join(checkLast(o.Dir, db.MaxVersion()), s.checkOwn(ctx, dbKey)); err != nil {
		return nil, err
	}
	if err := s.last.open(o.Dir); err != nil {
		return nil, err
	}
	if _, err := mendKeys(o.Dir, dbKey); err != nil { // there may be a new one
		return nil, err
	}
	s.opt.Key = nil
	if s.state, err = chacha20poly1305.NewX(sealKey); err != nil {
		return nil, err
	}
	s.queue.init()
	w, err := s.load()
	if err != nil {
		return nil, err
	}
	if err := raiseFormat(o.Dir, have); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.wg.Go(w.run)
	s.wg.Go(func() { s.scrub(life, dbKey) })
	return s, nil
}

// Close finishes what is queued, waits for readers and closes the folder. Later calls return the same error.
func (s *Store) Close() error {
	s.closer.Do(func() {
		s.queue.close()
		s.stop()
		s.wg.Wait()
		s.journal.close()
		var verr error
		if s.opt.Verify {
			verr = s.Check(context.Background())
		}
		s.view.close()
		if s.closed = explain("close", s.db.Close()); s.closed == nil {
			s.closed = s.last.close(s.opt.Dir)
		}
		s.closed = errors.Join(verr, s.closed)
	})
	return s.closed
}

// Epoch is 8 random hexadecimal characters made with the store: journal numbers mean something only together with it.
func (s *Store) Epoch() string { return s.epoch }

// Mended names the files that were damaged and that Open has put right without a loss.
func (s *Store) Mended() []string { return s.mended }

// Size is the number of bytes that the folder takes on disk.
func (s *Store) Size() int64 { return dirSize(s.opt.Dir) }

// load reads the small things that are kept in memory: spaces, drop markers, the ends of the journal.
func (s *Store) load() (*writer, error) {
	w := newWriter(s, s.db.MaxVersion())
	s.db.SetDiscardTs(w.ts)
	s.view.init(w.ts)
	txn := s.db.NewTransactionAt(w.ts, false)
	defer txn.Discard()
	epoch, err := getCopy(txn, metaKey("epoch"))
	if errors.Is(err, ErrNotFound) {
		return w, s.create(w)
	}
	if err != nil {
		return nil, err
	}
	s.epoch = string(epoch)
	if err := s.loadSpaces(txn, w); err != nil {
		return nil, err
	}
	return w, s.loadJournal(txn)
}

// create writes what a new store starts with.
func (s *Store) create(w *writer) error {
	var raw [4]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	s.epoch = hex.EncodeToString(raw[:])
	s.journal.init(0, 1)
	txn := s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	if err := txn.Set(metaKey("epoch"), []byte(s.epoch)); err != nil {
		return explain("create", err)
	}
	if err := w.finish(txn); err != nil {
		return err
	}
	return explain("create", s.db.Sync())
}

func deriveKeys(key []byte) (seal, db []byte, err error) {
	if seal, err = hkdf.Key(sha256.New, key, nil, "linnet/storage/state/1", 32); err != nil {
		return nil, nil, err
	}
	db, err = hkdf.Key(sha256.New, key, nil, "linnet/storage/badger/1", 32)
	return seal, db, err
}

// memTableSize is what is held in memory, and in a log, before it becomes a table of level 0. Eight such tables are what
// 100,000 records of a new topic make: they arrive before the first of them is merged with others.
const memTableSize = 12 << 20

// badgerOptions are those of reference/dependencies.md §5, for a node that idles in little memory.
func badgerOptions(o Options, key []byte) badger.Options {
	b := badger.DefaultOptions(o.Dir)
	b.Logger = badgerLog{o.Logger}
	b.MetricsEnabled = false // global state
	b.EncryptionKey = key
	b.MemTableSize = memTableSize
	b.NumMemtables = 2
	b.NumCompactors = 2
	b.NumLevelZeroTables = 8 // each start and stop leaves one; so many later they are merged with the rest
	b.NumLevelZeroTablesStall = 12
	b.BaseTableSize = 4 << 20 // for all levels, so that the background check never needs much memory
	b.TableSizeMultiplier = 1
	b.BlockSize = 8 << 10 // half the index of 4 KB ones: a million records' index fits its cache, and ranges read faster
	b.BlockCacheSize = 4 << 20
	b.IndexCacheSize = 8 << 20
	b.Compression = options.Snappy
	b.DetectConflicts = false // one writer
	// Every value stays in the tree: no value log means one file less to sync, no garbage collection of our own,
	// and block checksums that cover all. Our largest value is below the limit of a transaction.
	b.ValueThreshold = MaxBatchBytes // Badger's highest; any value we make is smaller
	b.ValueLogFileSize = 1 << 20
	// Reading every table at Open would make starting slower with each month of history; scrub does it in quiet.
	b.ChecksumVerificationMode = options.NoVerification
	return b
}

// prepareDir makes the folder and checks its format and files, before Badger touches anything: that would
// leave goroutines behind, or panic, where they do not fit together. It puts right what can be, and names that.
func prepareDir(o Options, key []byte) (have int, mended []string, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return 0, nil, explain("make folder", err)
	}
	if err := marked(o.Dir); err != nil {
		return 0, nil, err
	}
	have, again, err := checkFormat(o.Dir)
	if err != nil {
		return 0, nil, err
	}
	if again {
		mended = append(mended, formatFile)
	}
	return have, mended, explain("look at the files", alone(o.Dir, func() error {
		if err := dropEmptyLogs(o.Dir); err != nil {
			return err
		}
		again, err := mendKeys(o.Dir, key)
		if err != nil {
			return err
		}
		if again {
			mended = append(mended, badger.KeyRegistryFileName)
		}
		if err := dropBrokenLogs(o.Dir, key); err != nil {
			return err
		}
		err = checkFiles(o.Dir)
		if errors.Is(err, errLeft) {
			_, _ = list(o.Dir, key, true) // one that is not whole was left by a crash
			return nil
		}
		if !errors.Is(err, errList) {
			return err
		}
		if _, failed := list(o.Dir, key, true); failed != nil {
			return err
		}
		mended = append(mended, badger.ManifestFilename)
		return checkFiles(o.Dir)
	}))
}
