package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// measureEqual has two stores with the same n records find out that they are equal.
func measureEqual(ctx context.Context, dir string, n int, out io.Writer) (err error) {
	id := record.TopicID{1}
	var books [2]storeBook
	for i := range books {
		s, err := storage.Open(ctx, storage.Options{Dir: filepath.Join(dir, fmt.Sprint(i)), Key: make([]byte, 32)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		books[i] = storeBook{s, storage.Space(id)}
		if err := fillStore(ctx, s, storage.Space(id), n); err != nil {
			return err
		}
	}
	var hosts [2]*reach.Host
	for i := range hosts {
		seed := make([]byte, 32)
		seed[0] = byte(i + 1)
		h, err := reach.Open(ctx, reach.Config{Key: seed, Listen: []string{anyListen}, NoMDNS: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		hosts[i] = h
	}
	server := history.NewServer(hosts[1].LibP2P(), honestShelf{id, books[1]}, slog.New(slog.DiscardHandler))
	defer server.Close()
	contact, err := reach.ParseAddress(hosts[1].Addresses()[0])
	if err != nil {
		return err
	}
	peer, err := hosts[0].Dial(ctx, contact)
	if err != nil {
		return err
	}
	client := history.NewClient(hosts[0].LibP2P())
	if err := pause(ctx, 2*time.Second); err != nil { // identify and the store's own work end
		return err
	}
	// The first of each reads what the sums are made of; then nine more.
	for i := range 10 {
		before, err := loopbackBytes()
		if err != nil {
			return err
		}
		cpu, began := ownCPU(), time.Now()
		w, err := client.Sums(ctx, peer, id, books[0])
		if err != nil {
			return err
		}
		took, spent := time.Since(began), ownCPU()-cpu
		after, err := loopbackBytes()
		if err != nil {
			return err
		}
		if !w.Same {
			return errors.New("two equal stores do not agree")
		}
		if i == 0 || i == 9 {
			fmt.Fprintf(out, "equal stores of %d: exchange %d took %.2f ms, %.2f ms of processor on both sides, %d bytes on the wire\n", n, i+1, ms(took), ms(spent), after-before)
		}
	}
	return nil
}

type honestShelf struct {
	id   record.TopicID
	book storeBook
}

func (s honestShelf) Book(id record.TopicID) (history.Book, bool) { return s.book, id == s.id }

func (s honestShelf) Nudged(record.TopicID, string) {}

func (s honestShelf) Carry(record.TopicID, string, string) bool { return false }

func (s honestShelf) Contacts(record.TopicID) []topic.Contact { return nil }

// fillStore makes n records that look like records to a store.
func fillStore(ctx context.Context, s *storage.Store, sp storage.Space, n int) error {
	r := rand.New(rand.NewPCG(7, 7))
	for i := 0; i < n; {
		var b storage.Batch
		for ; i < n && len(b.Puts) < 1000; i++ {
			rec := storage.Record{Space: sp, Lane: 2, Chain: storage.Chain{byte(i%20) + 1}, Seq: uint64(i/20) + 1, Time: int64(i), Data: make([]byte, 60)}
			for k := 0; k < 32; k += 8 {
				x := r.Uint64()
				for j := range 8 {
					rec.ID[k+j] = byte(x >> (8 * j))
				}
			}
			b.Puts = append(b.Puts, storage.Put{Record: rec})
		}
		if _, err := s.Commit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
