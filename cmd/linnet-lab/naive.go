package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

func whole() reconcile.Range { return reconcile.Whole() }

// naiveBatch is how many records are asked for, checked and stored together.
const naiveBatch = 1000

// fetchNaively copies the posts of a topic over a plain TCP connection: all ids,
// then the records by their ids, one signature check each, on all processors.
func fetchNaively(from storeBook, to *storage.Store, id record.TopicID) (n int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- serveNaively(l, from) }() // ends with the connection
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	r, w := bufio.NewReaderSize(c, 1<<16), bufio.NewWriter(c)
	var count uint64
	if err := binary.Read(r, binary.BigEndian, &count); err != nil {
		return 0, err
	}
	ids := make([]byte, 32*count)
	if _, err := io.ReadFull(r, ids); err != nil {
		return 0, err
	}
	for wanted := range slices.Chunk(ids, 32*naiveBatch) {
		raws, err := askNaively(r, w, wanted)
		if err != nil {
			return n, err
		}
		if err := checkAndStore(to, id, raws); err != nil {
			return n, err
		}
		n += len(raws)
	}
	return n, errors.Join(c.Close(), <-served)
}

func askNaively(r *bufio.Reader, w *bufio.Writer, ids []byte) (raws [][]byte, err error) {
	if err := binary.Write(w, binary.BigEndian, uint32(len(ids)/32)); err != nil {
		return nil, err
	}
	if _, err := w.Write(ids); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	for range len(ids) / 32 {
		var size uint32
		if err := binary.Read(r, binary.BigEndian, &size); err != nil {
			return nil, err
		}
		raw := make([]byte, size)
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, err
		}
		raws = append(raws, raw)
	}
	return raws, nil
}

// checkAndStore decodes and verifies records on all processors, and stores them.
func checkAndStore(to *storage.Store, id record.TopicID, raws [][]byte) error {
	puts := make([]storage.Put, len(raws))
	errs := make([]error, runtime.NumCPU())
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < len(raws) && errs[w] == nil; i += len(errs) {
				r, err := record.Decode(raws[i])
				if err == nil {
					err = r.Verify()
				}
				if errs[w] = err; err != nil {
					return
				}
				puts[i].Record = storage.Record{
					Space: storage.Space(id), Lane: storage.Lane(history.LanePosts), Chain: storage.Chain(r.Writer),
					Seq: r.Seq, Time: r.Time, ID: storage.ID(r.ID()), Data: raws[i],
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := to.Commit(context.Background(), storage.Batch{Puts: puts})
	return err
}

func serveNaively(l net.Listener, from storeBook) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	w := bufio.NewWriterSize(c, 1<<16)
	list, err := from.store.Positions(from.space, storage.Lane(history.LanePosts), nil, nil, 0)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.BigEndian, uint64(len(list))); err != nil {
		return err
	}
	for _, p := range list {
		if _, err := w.Write(p.ID[:]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	for {
		var n uint32
		if err := binary.Read(r, binary.BigEndian, &n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		ids := make([]byte, 32*n)
		if _, err := io.ReadFull(r, ids); err != nil {
			return err
		}
		for wanted := range slices.Chunk(ids, 32) {
			raw, err := from.Get(record.ID(wanted))
			if err != nil || raw == nil {
				return errors.Join(err, fmt.Errorf("no record %x", wanted))
			}
			if err := binary.Write(w, binary.BigEndian, uint32(len(raw))); err != nil {
				return err
			}
			if _, err := w.Write(raw); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}

// naive fetches the same records the simple way: all ids, then all records, and
// checks each signature.
func (s *scene) naive(ctx context.Context, dir string, out io.Writer) (err error) {
	from, closeFrom, err := openBook(ctx, s.author, s.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFrom()) }()
	to, err := storage.Open(ctx, storage.Options{Dir: dir, Key: make([]byte, 32)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	before, err := loopbackBytes()
	if err != nil {
		return err
	}
	cpu := ownCPU()
	began := time.Now()
	n, err := fetchNaively(from, to, s.id)
	took := time.Since(began)
	if err != nil {
		return err
	}
	after, err := loopbackBytes()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "naive: all %d stored after %.0f ms = %.0f records/s, %d bytes = %.2f of raw; %.1f us of processor a record, both sides\n",
		n, ms(took), float64(n)/took.Seconds(), after-before, float64(after-before)/float64(s.raw), float64((ownCPU()-cpu).Microseconds())/float64(n))
	return nil
}
