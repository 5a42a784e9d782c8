package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// damagedFolder is where a store is left that was damaged, for damagedKept.
const (
	damagedFolder = "store.damaged"
	damagedKept   = 30 * 24 * time.Hour
	keyRescue     = "rescue"
)

// Rescue says that the store was found damaged, and what became of that.
type Rescue struct {
	Time    time.Time
	What    string // what was damaged
	Kept    bool   // nothing is lost: what was damaged could be put right in its place
	Topics  int    // that came back
	Records int    // that came back; the others come from those who have them
}

type rescueRow struct {
	Time    int64  `cbor:"1,keyasint"` // ms since 1970
	What    string `cbor:"2,keyasint"`
	Kept    bool   `cbor:"3,keyasint,omitempty"`
	Topics  int    `cbor:"4,keyasint,omitempty"`
	Records int    `cbor:"5,keyasint,omitempty"`
}

// Rescue tells what was damaged the last time, until ForgetRescue says that it was read.
func (n *Node) Rescue() (Rescue, bool) {
	value, err := n.store.State(keyRescue)
	var row rescueRow
	if err != nil || record.DecodeBody(value, &row) != nil {
		return Rescue{}, false
	}
	return Rescue{time.UnixMilli(row.Time).UTC(), row.What, row.Kept, row.Topics, row.Records}, true
}

// ForgetRescue notes that a person has read what Rescue says.
func (n *Node) ForgetRescue(ctx context.Context) error {
	if err := n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: keyRescue}}}); err != nil {
		return err
	}
	n.bell.node()
	return nil
}

// Damage is what was found of the store while it is open: the next Open puts it right as
// far as it can. nil for nothing.
func (n *Node) Damage() error { return n.store.Damage() }

// noteMended notes what the store has put right by itself.
func (n *Node) noteMended(ctx context.Context) error {
	names := n.store.Mended()
	if len(names) == 0 {
		return nil
	}
	value, err := record.EncodeBody(rescueRow{Time: time.Now().UnixMilli(), What: strings.Join(names, ", "), Kept: true})
	if err != nil {
		return err
	}
	return n.setState(ctx, keyRescue, value)
}

// rescue makes a new store out of the second copy and what can be read of the damaged
// one, and takes that away. The device of before ends with it: nobody can say whether all that
// it had signed and which keys it had used is known, so it must not go on. Nothing is
// changed where there is no second copy.
func rescue(ctx context.Context, cfg Config, cause error) error {
	v, err := vault.Open(ctx, vaultConfig(cfg))
	if err != nil {
		return explainVault(err)
	}
	key := v.Key()
	defer vault.Clear(key)
	return errors.Join(rescueWith(ctx, cfg, key, cause), v.Close())
}

func rescueWith(ctx context.Context, cfg Config, key []byte, cause error) error {
	raw, err := os.ReadFile(filepath.Join(cfg.Dir, spareFile))
	if err != nil {
		return fmt.Errorf("node: there is no second copy to go on from: %w", err)
	}
	b, err := vault.OpenSpare(raw, key)
	if err != nil {
		return fmt.Errorf("node: the second copy: %w", err)
	}
	from := filepath.Join(cfg.Dir, storeFolder)
	_, err = stage(ctx, cfg, key, func(s *staging) error {
		s.anew = true
		if err := s.readAll(ctx, b); err != nil {
			return err
		}
		if err := s.salvage(ctx, cfg, from, key); err != nil {
			return err
		}
		value, err := record.EncodeBody(rescueRow{Time: time.Now().UnixMilli(), What: cause.Error(), Topics: s.out.Topics, Records: s.out.Records})
		if err != nil {
			return err
		}
		return s.put(ctx, storage.KV{Key: keyRescue, Value: value})
	})
	if err != nil {
		return err
	}
	// From here on the new store takes the place of the damaged one, whatever happens.
	aside := filepath.Join(cfg.Dir, damagedFolder)
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := os.Rename(from, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// salvage takes over what can be read of a damaged store: records of topics that the
// second copy names, and the texts of sealed ones. Where nothing can be read, there is none.
func (s *staging) salvage(ctx context.Context, cfg Config, from string, key []byte) error {
	d, err := storage.OpenDamaged(storage.Options{Dir: from, Key: key, Logger: cfg.Logger})
	if err != nil {
		if cfg.Logger != nil {
			cfg.Logger.Error("node: nothing can be read of the damaged store", "err", err)
		}
		return nil
	}
	err = d.Records(func(raw []byte) error { return errors.Join(ctx.Err(), s.take(ctx, raw)) })
	if err == nil {
		err = d.State(prefixOpen, func(kv storage.KV) error { return errors.Join(ctx.Err(), s.put(ctx, kv)) })
	}
	if err == nil {
		err = s.flush(ctx)
	}
	s.out.Records = 0 // some came twice
	for id := range s.topics {
		if stats, err := s.store.Stats(storage.Space(id)); err == nil {
			s.out.Records += int(stats.Records)
		}
	}
	return errors.Join(err, d.Close())
}

// dropDamaged deletes a damaged store that was left aside long enough.
func dropDamaged(dir string) error {
	path := filepath.Join(dir, damagedFolder)
	info, err := os.Lstat(filepath.Join(path, "MANIFEST"))
	if errors.Is(err, os.ErrNotExist) || err == nil && time.Since(info.ModTime()) < damagedKept {
		return nil
	}
	return os.RemoveAll(path)
}
