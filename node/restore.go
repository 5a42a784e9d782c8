package node

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// Names in the data folder.
const (
	stagingFolder  = "restore.new" // a store that is being restored; nothing until it is whole
	restoredFolder = "restore.ok"  // a whole one: the next Open puts it in the store's place
)

// Restored says what came out of a backup.
type Restored struct {
	Name    string
	Topics  int
	Records int
	Skipped int // records that are not genuine, or of no topic of the backup
	History bool
}

// Restore reads a backup into cfg.Dir, where no node is open and nothing stored yet;
// of cfg it uses Dir, Erase, Logger and Passphrase, which a new folder is sealed under. The
// node that is opened there next is a new device of the same person: it has its own
// keys, takes back by itself the topics that this person made, and writes in others
// as somebody who has just come. Nothing is there before all of the backup was read; what was
// cut short leaves nothing. Errors match ErrNotEmpty or one of the ErrBackup… errors.
func Restore(ctx context.Context, cfg Config, r io.Reader, passphrase []byte) (Restored, error) {
	b, err := vault.OpenBackup(r, passphrase)
	if err != nil {
		return Restored{}, explainVault(err)
	}
	return intoFolder(ctx, cfg, func(s *staging) error { return s.readAll(ctx, b) })
}

// RestorePhrase begins a new device of the account of a recovery phrase in cfg.Dir, as
// Restore does. Name, topics and contacts are not in the phrase: they come back with
// links. The error matches ErrNotEmpty or ErrPhrase.
func RestorePhrase(ctx context.Context, cfg Config, phrase string) error {
	account, err := identity.ParsePhrase(phrase)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPhrase, err)
	}
	_, err = intoFolder(ctx, cfg, func(s *staging) error {
		s.account = account
		return s.put(ctx, storage.KV{Key: keyPhrase, Value: []byte{1}})
	})
	return err
}

func intoFolder(ctx context.Context, cfg Config, fill func(*staging) error) (Restored, error) {
	for _, name := range []string{storeFolder, restoredFolder} {
		if _, err := os.Lstat(filepath.Join(cfg.Dir, name)); err == nil {
			return Restored{}, fmt.Errorf("%w: %s", ErrNotEmpty, cfg.Dir)
		}
	}
	v, err := vault.Open(ctx, vaultConfig(cfg))
	if err != nil {
		return Restored{}, explainVault(err)
	}
	key := v.Key()
	defer vault.Clear(key)
	out, err := stage(ctx, cfg, key, fill)
	return out, errors.Join(err, v.Close())
}

// Restore reads a backup in the place of what this node holds, which must be nothing
// yet: no name, no topic, no contact. It holds from the next Open of the folder on, see Reopen.
func (n *Node) Restore(ctx context.Context, r io.Reader, passphrase []byte) (Restored, error) {
	if n.ownName() != "" || len(n.Topics()) > 0 || len(n.Contacts()) > 0 {
		return Restored{}, ErrNotEmpty
	}
	b, err := vault.OpenBackup(r, passphrase)
	if err != nil {
		return Restored{}, explainVault(err)
	}
	key := n.vault.Key()
	defer vault.Clear(key)
	return stage(ctx, n.cfg, key, func(s *staging) error { return s.readAll(ctx, b) })
}

// Reopen closes the node and opens its folder again, without asking for a passphrase.
// After an error there is no node.
func (n *Node) Reopen(ctx context.Context) (*Node, error) {
	cfg, err := n.makeWay()
	if err != nil {
		return nil, err
	}
	return Open(ctx, cfg)
}

// makeWay closes the node, and returns what the next one is opened with: the same, and
// the vault that is open already.
func (n *Node) makeWay() (Config, error) {
	n.mu.Lock()
	n.keepVault = true
	n.mu.Unlock()
	if err := n.Close(); err != nil {
		return Config{}, errors.Join(err, n.vault.Close())
	}
	cfg := n.cfg
	cfg.vault, cfg.Host = n.vault, nil
	return cfg, nil
}

// staging is a store on its way out of a backup.
type staging struct {
	store   *storage.Store
	account identity.Account
	out     Restored
	topics  map[TopicID]bool
	forks   map[TopicID]map[Writer]uint64 // from which number on a chain was set aside
	anew    bool                          // what has disappeared may come back out of a damaged store: it disappears once more
	batch   storage.Batch
	size    int
}

// stage makes a store in stagingFolder, has fill fill it, and only when all of that is on
// disk gives it the name under which Open finds it.
func stage(ctx context.Context, cfg Config, key []byte, fill func(*staging) error) (_ Restored, err error) {
	dir := filepath.Join(cfg.Dir, stagingFolder)
	if err := os.RemoveAll(dir); err != nil {
		return Restored{}, fmt.Errorf("node: restore: %w", err)
	}
	s := &staging{topics: map[TopicID]bool{}, forks: map[TopicID]map[Writer]uint64{}}
	if s.store, err = storage.Open(ctx, storage.Options{Dir: dir, Key: key, Logger: cfg.Logger}); err != nil {
		return Restored{}, fmt.Errorf("node: restore: %w", err)
	}
	err = fill(s)
	if err == nil {
		err = s.newDevice(ctx)
	}
	if err = errors.Join(err, s.store.Close()); err != nil {
		return Restored{}, errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, filepath.Join(cfg.Dir, restoredFolder)); err != nil {
		return Restored{}, fmt.Errorf("node: restore: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return s.out, nil
}

// takeRestored puts a store that was restored in the place of the one that is here,
// which was empty then. It goes on where a crash has stopped it.
func takeRestored(dir string) error {
	from, to := filepath.Join(dir, restoredFolder), filepath.Join(dir, storeFolder)
	err := os.RemoveAll(filepath.Join(dir, stagingFolder))
	if _, missing := os.Lstat(from); missing == nil && err == nil {
		if err = os.RemoveAll(to); err == nil {
			err = os.Rename(from, to)
		}
	}
	if err != nil {
		return fmt.Errorf("node: take what was restored: %w", err)
	}
	return nil
}

// newDevice gives the account a device that there was not before.
func (s *staging) newDevice(ctx context.Context) error {
	device, err := identity.NewDevice()
	if err != nil {
		return err
	}
	cert := s.account.Certify(device.Public(), time.Now())
	for _, kv := range []storage.KV{{Key: keyAccount, Value: s.account.Seed()}, {Key: keyDevice, Value: device.Seed()}, {Key: keyCert, Value: cert}} {
		if err := s.put(ctx, kv); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// readAll reads the parts. All that is read is genuine, and all of it is there only at io.EOF.
func (s *staging) readAll(ctx context.Context, b *vault.BackupReader) error {
	var about aboutPart
	for {
		name, part, err := b.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch name {
		case partAbout:
			if err = readPart(part, &about); err == nil && about.Format > backupFormat {
				return ErrNewerFormat
			}
			s.out.History = about.History
		case partIdentity:
			var who identityPart
			if err = readPart(part, &who); err == nil {
				s.account, err = identity.AccountFrom(who.Account)
				vault.Clear(who.Account)
			}
		case partRows:
			err = s.readRows(ctx, bufio.NewReader(part))
		case partRecords:
			err = s.readRecords(ctx, part)
		}
		if err != nil {
			return fmt.Errorf("node: restore: %s: %w", name, err)
		}
	}
	if about.Format == 0 || s.account == (identity.Account{}) {
		return ErrBackupDamaged
	}
	return nil
}

func readPart(r io.Reader, v any) error {
	b, err := io.ReadAll(io.LimitReader(r, maxPart))
	if err != nil {
		return err
	}
	defer vault.Clear(b)
	return record.DecodeBody(b, v)
}

// Limits of what is read.
const (
	maxPart     = 64 << 10
	maxRowValue = 512 << 10
)

func (s *staging) readRows(ctx context.Context, r io.Reader) error {
	for {
		name, err := readField(r, storage.MaxStateName)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		value, err := readField(r, maxRowValue)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		kv := storage.KV{Key: string(name), Value: value}
		if !isBackedUp(kv.Key) || len(value) == 0 || s.anew && strings.HasPrefix(kv.Key, prefixFade) {
			continue // of a later version, or to be done anew
		}
		if err := s.row(ctx, kv); err != nil {
			return err
		}
	}
}

func readField(r io.Reader, most int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(most) {
		return nil, fmt.Errorf("%w (a row of %d bytes)", ErrBackupDamaged, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// row takes a row in. Each topic gets a writer's key that was never used.
func (s *staging) row(ctx context.Context, kv storage.KV) error {
	name, isTopic := strings.CutPrefix(kv.Key, prefixTopic)
	if isTopic {
		id, err := record.ParseTopicID(name)
		var row topicRow
		if err == nil {
			err = record.DecodeBody(kv.Value, &row)
		}
		if err != nil {
			return err
		}
		writer, err := identity.NewWriter()
		if err != nil {
			return err
		}
		row.Writer = writer.Seed()
		if kv.Value, err = record.EncodeBody(row); err != nil {
			return err
		}
		s.topics[id] = true
		s.out.Topics++
	}
	if proof, isFork := strings.CutPrefix(kv.Key, prefixFork); isFork {
		if err := s.fork(proof, kv.Value); err != nil {
			return err
		}
	}
	if kv.Key == keyName {
		s.out.Name = string(kv.Value)
	}
	return s.put(ctx, kv)
}

// fork notes where a chain was set aside.
func (s *staging) fork(name string, value []byte) error {
	topicText, writerText, _ := strings.Cut(name, "/")
	id, err := record.ParseTopicID(topicText)
	var w Writer
	if err == nil {
		w, err = ParseWriter(writerText)
	}
	var row forkRow
	if err == nil {
		err = record.DecodeBody(value, &row)
	}
	if err != nil {
		return err
	}
	a, err := record.Decode(row.A)
	if err != nil {
		return err
	}
	if s.forks[id] == nil {
		s.forks[id] = map[Writer]uint64{}
	}
	s.forks[id][w] = a.Seq
	return nil
}

// readRecords takes in records of the topics that are in the backup. Each is checked by
// its signature. Whether its writer had the right was judged when it was stored first, and ops are
// judged again whenever they are folded.
func (s *staging) readRecords(ctx context.Context, r io.Reader) error {
	in := bundle.NewReader(r)
	for {
		raw, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := s.take(ctx, raw); err != nil {
			return err
		}
	}
	if !in.Account().Whole {
		return ErrBackupDamaged
	}
	return s.flush(ctx)
}

// take takes a record in, if it is genuine.
func (s *staging) take(ctx context.Context, raw []byte) error {
	rec, err := record.Decode(raw)
	if err != nil || !s.topics[rec.TopicID()] || rec.Verify() != nil {
		s.out.Skipped++
		return nil
	}
	put := stored(rec)
	if from, forked := s.forks[rec.TopicID()][rec.Writer]; forked && rec.Seq >= from {
		put.Lane = laneAside
	}
	s.batch.Puts = append(s.batch.Puts, storage.Put{Record: put})
	s.size += len(raw) + 512
	s.out.Records++
	return s.flushFull(ctx)
}

func (s *staging) put(ctx context.Context, kv storage.KV) error {
	s.batch.State = append(s.batch.State, kv)
	s.size += len(kv.Key) + len(kv.Value) + 128
	return s.flushFull(ctx)
}

func (s *staging) flushFull(ctx context.Context) error {
	if s.size < maxCommit && len(s.batch.Puts)+len(s.batch.State) < storage.MaxBatchPuts/2 {
		return nil
	}
	return s.flush(ctx)
}

func (s *staging) flush(ctx context.Context) error {
	if len(s.batch.Puts)+len(s.batch.State) == 0 {
		return nil
	}
	_, err := s.store.Commit(ctx, s.batch)
	s.batch, s.size = storage.Batch{}, 0
	return err
}
