package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// liarCommand serves a topic from a data folder as a mirror that drops one in
// seven posts, alters one in 5,000, and invents one in 7,000.
func liarCommand() *cobra.Command {
	var dir, id string
	c := &cobra.Command{
		Use: "liar", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			topicID, err := record.ParseTopicID(id)
			if err != nil {
				return err
			}
			b, closeStore, err := openBook(cmd.Context(), dir, topicID)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, closeStore()) }()
			seed := make([]byte, 32)
			if _, err := rand.Read(seed); err != nil {
				return err
			}
			h, err := reach.Open(cmd.Context(), reach.Config{Key: seed, Listen: []string{anyListen}, NoMDNS: true})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, h.Close()) }()
			mesh, err := pubsub.New(pubsub.Config{Host: h.LibP2P(), MessageID: record.MessageID, MaxMessage: record.MaxRecord, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, mesh.Close()) }()
			joined, err := mesh.Join(meshName(topicID), func(context.Context, pubsub.Message) pubsub.Verdict { return pubsub.Ignore })
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, joined.Close()) }()
			server := history.NewServer(h.LibP2P(), lyingShelf{topicID, b}, slog.New(slog.DiscardHandler))
			defer server.Close()
			if err := json.NewEncoder(os.Stdout).Encode(stage{Address: h.Addresses()[0]}); err != nil {
				return err
			}
			_, err = fmt.Fscanln(os.Stdin) // ends with it
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "")
	c.Flags().StringVar(&id, "topic", "", "")
	return c
}

// meshName is a topic's name on the mesh (PROTOCOL.md §6).
func meshName(id record.TopicID) string {
	h := hmac.New(sha256.New, []byte("linnet/gossip/1"))
	h.Write(id[:])
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

type lyingShelf struct {
	id   record.TopicID
	book storeBook
}

func (s lyingShelf) Book(id record.TopicID) (history.Book, bool) {
	return lyingBook{s.book}, id == s.id
}

func (s lyingShelf) Contacts(record.TopicID) []topic.Contact { return nil }

func (s lyingShelf) Nudged(record.TopicID, string) {}

func (s lyingShelf) Carry(record.TopicID, string, string) bool { return false }

type lyingBook struct{ storeBook }

// Walk implements history.Book, and lies.
func (b lyingBook) Walk(l history.Lane, part reconcile.Range, yield func([]byte) bool) error {
	n := 0
	return b.storeBook.Walk(l, part, func(raw []byte) bool {
		n++
		switch {
		case l != history.LanePosts:
		case n%7 == 0:
			return true
		case n%5000 == 0:
			raw = slices.Clone(raw)
			raw[len(raw)-1] ^= 1
		case n%7000 == 1:
			raw = slices.Clone(raw)
			raw[100] ^= 1 // in the header: an id that nobody signed
		}
		return yield(raw)
	})
}

// storeBook is a topic in a store that no node has open.
type storeBook struct {
	store *storage.Store
	space storage.Space
}

// openBook opens the store of a data folder.
func openBook(ctx context.Context, dir string, id record.TopicID) (b storeBook, closeStore func() error, err error) {
	key, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		return b, nil, err
	}
	b.store, err = storage.Open(ctx, storage.Options{Dir: filepath.Join(dir, "store"), Key: key})
	if err != nil {
		return b, nil, err
	}
	b.space = storage.Space(id)
	return b, b.store.Close, nil
}

// Set implements history.Book.
func (b storeBook) Set(l history.Lane) reconcile.Set { return storeSet{b, storage.Lane(l)} }

// Walk implements history.Book.
func (b storeBook) Walk(l history.Lane, part reconcile.Range, yield func([]byte) bool) error {
	to := place(part.To)
	for {
		page, err := b.store.Range(b.space, storage.Lane(l), storage.Query{Before: to, Limit: 512, Newest: true})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range slices.Backward(page) {
			at := reconcile.Item{Time: r.Time, ID: reconcile.ID(r.ID)}
			if !part.Contains(at) || !yield(r.Data) {
				return nil
			}
		}
		first := page[0].Pos()
		to = &first
	}
}

// Get implements history.Book.
func (b storeBook) Get(id record.ID) ([]byte, error) {
	r, err := b.store.Get(b.space, storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return r.Data, err
}

// Has implements history.Book.
func (b storeBook) Has(id record.ID) bool {
	has, err := b.store.Has(b.space, storage.ID(id))
	return has && err == nil
}

// Forks implements history.Book.
func (b storeBook) Forks() [][2]record.ID { return nil }

type storeSet struct {
	storeBook
	lane storage.Lane
}

// Sum implements reconcile.Set.
func (s storeSet) Sum(from, to reconcile.Bound) (reconcile.Sum, error) {
	sum, err := s.store.Sum(s.space, s.lane, place(from), place(to))
	return reconcile.Sum{Count: sum.Count, Total: sum.Total}, err
}

// Split implements reconcile.Set.
func (s storeSet) Split(from, to reconcile.Bound, parts int) ([]reconcile.Bound, error) {
	cuts, err := s.store.Split(s.space, s.lane, place(from), place(to), parts)
	out := make([]reconcile.Bound, len(cuts))
	for i, c := range cuts {
		out[i] = reconcile.Bound{Time: c.Time, ID: reconcile.ID(c.ID)}
	}
	return out, err
}

// List implements reconcile.Set.
func (s storeSet) List(from, to reconcile.Bound, limit int) ([]reconcile.Item, error) {
	list, err := s.store.Positions(s.space, s.lane, place(from), place(to), limit)
	out := make([]reconcile.Item, len(list))
	for i, p := range list {
		out[i] = reconcile.Item{Time: p.Time, ID: reconcile.ID(p.ID)}
	}
	return out, err
}

func place(b reconcile.Bound) *storage.Pos {
	if b.End || b == (reconcile.Bound{}) {
		return nil
	}
	return &storage.Pos{Time: b.Time, ID: storage.ID(b.ID)}
}
