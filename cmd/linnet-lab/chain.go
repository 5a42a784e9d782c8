package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
)

const (
	textOverhead = 59  // bytes of a sealed text besides the padded text (PROTOCOL.md §11.1)
	aadSize      = 127 // bytes of associated data (§11.2)
)

// sealStart is the time at which all measures of sealing begin, ms.
const sealStart = int64(1_790_000_000_000)

// posts are the bodies of n posts, each of a text of so many bytes.
func posts(r *mathrand.Rand, n, size int) ([][]byte, error) {
	out := make([][]byte, n)
	for i := range out {
		body, err := message.Post{Text: freshText(r, size)}.Encode()
		if err != nil {
			return nil, err
		}
		out[i] = body
	}
	return out, nil
}

// chainSample is what one round of texts in one chain took, microseconds and bytes each.
type chainSample struct {
	padded                      int
	seal, sign, verify          float64
	open                        [3]float64 // by order
	rawSeal, rawOpen            float64
	plain, sealed, bare, naming float64
	state                       [3]float64 // most bytes that the reader's rows grew by, by order
}

// orders are those in which a chain is read.
var orders = [3]string{"as written", "newest first", "shuffled"}

// measureChain has one device of two write texts in one chain and the other read them.
func measureChain(r *mathrand.Rand, n, size int) (c chainSample, err error) {
	texts, err := posts(r, n, size)
	if err != nil {
		return c, err
	}
	writer, reader, err := openPair(seal.Private)
	if err != nil {
		return c, err
	}
	plainWriter := &device{key: writer.key, last: writer.last}
	var seals, signs, verifies stopwatch
	var records []*record.Record
	var sealedSizes, plainSizes, bare, namings []float64
	runtime.GC()
	for i, text := range texts {
		now := sealStart + int64(i)*100
		var bodies [][]byte
		var rows []seal.Row
		if err := seals.run(func() error {
			bodies, err = writer.s.Seal(seal.Draft{Seq: writer.nextSeq(), Time: now, Text: text})
			rows = writer.s.Changes()
			return err
		}); err != nil {
			return c, err
		}
		writer.rows.write(rows)
		if len(bodies) != 1 {
			return c, fmt.Errorf("a text in a chain takes %d records", len(bodies))
		}
		var rs []*record.Record
		if err := signs.run(func() error { rs, err = writer.sign(now, record.KindPost, bodies[0]); return err }); err != nil {
			return c, err
		}
		naming, err := writer.naming(rs[0])
		if err != nil {
			return c, err
		}
		plain, err := plainWriter.sign(now, record.KindPost, text)
		if err != nil {
			return c, err
		}
		got, err := record.Decode(rs[0].Bytes())
		if err != nil {
			return c, err
		}
		c.padded = len(bodies[0]) - textOverhead
		records = append(records, got)
		sealedSizes, plainSizes = append(sealedSizes, float64(len(rs[0].Bytes()))), append(plainSizes, float64(len(plain[0].Bytes())))
		bare = append(bare, float64(len(rs[0].Bytes())-c.padded))
		namings = append(namings, float64(naming-c.padded))
	}
	for _, r := range records {
		if err := verifies.run(r.Verify); err != nil {
			return c, err
		}
	}
	c.seal, c.sign, c.verify = seals.us(n), signs.us(n), verifies.us(n)
	c.sealed, c.plain, c.bare, c.naming = median(sealedSizes), median(plainSizes), median(bare), median(namings)
	for i := range orders {
		if c.open[i], c.state[i], err = readChain(reader, records, texts, orderOf(r, i, n)); err != nil {
			return c, fmt.Errorf("%s: %w", orders[i], err)
		}
	}
	c.rawSeal, c.rawOpen, err = rawChain(n, c.padded)
	return c, err
}

// openPair makes a topic of two devices: the writer has started an epoch and the reader opened it.
func openPair(kind seal.Kind) (writer, reader *device, err error) {
	group, err := newGroup(kind, 2, 2, sealStart)
	if err != nil {
		return nil, nil, err
	}
	writer, reader = group[0], group[1]
	bodies, err := writer.s.Start(seal.Draft{Seq: writer.nextSeq(), Time: sealStart})
	if err != nil {
		return nil, nil, err
	}
	writer.save()
	rs, err := writer.sign(sealStart, record.KindPost, bodies...)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rs {
		if _, err := reader.receive(r, sealStart); err != nil {
			return nil, nil, err
		}
	}
	return writer, reader, nil
}

// orderOf is the order number i of n records.
func orderOf(r *mathrand.Rand, i, n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	switch i {
	case 1:
		slices.Reverse(at)
	case 2:
		r.Shuffle(n, func(i, j int) { at[i], at[j] = at[j], at[i] })
	}
	return at
}

// readChain opens records in an order. It returns the time for each and the most
// bytes that the reader's rows grew by.
func readChain(reader *device, records []*record.Record, texts [][]byte, order []int) (us, grown float64, err error) {
	d, err := reader.again()
	if err != nil {
		return 0, 0, err
	}
	before := d.rows.bytes
	var opens stopwatch
	runtime.GC()
	for _, at := range order {
		r := sealRecord(records[at])
		var news seal.News
		var rows []seal.Row
		if err := opens.run(func() error {
			news, err = d.s.Receive(r, r.Time)
			rows = d.s.Changes()
			return err
		}); err != nil {
			return 0, 0, err
		}
		if !bytes.Equal(news.Plaintext, texts[at]) {
			return 0, 0, errWrongText
		}
		d.rows.write(rows)
		grown = max(grown, float64(d.rows.bytes-before))
	}
	return opens.us(len(order)), grown, nil
}

// rawChain is the floor: the cipher alone, with a key for each text.
func rawChain(n, padded int) (sealUS, openUS float64, err error) {
	keys, nonces, sealed, aad := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([]byte, aadSize)
	for i := range n {
		keys[i] = make([]byte, chacha20poly1305.KeySize)
		rand.Read(keys[i])
	}
	var seals, opens stopwatch
	runtime.GC()
	for i := range n {
		text := make([]byte, padded, padded+chacha20poly1305.Overhead)
		if err := seals.run(func() error {
			nonces[i] = make([]byte, chacha20poly1305.NonceSizeX)
			rand.Read(nonces[i])
			aead, err := chacha20poly1305.NewX(keys[i])
			if err == nil {
				sealed[i] = aead.Seal(text[:0], nonces[i], text, aad)
			}
			return err
		}); err != nil {
			return 0, 0, err
		}
	}
	for i := range n {
		if err := opens.run(func() error {
			aead, err := chacha20poly1305.NewX(keys[i])
			if err == nil {
				_, err = aead.Open(nil, nonces[i], sealed[i], aad)
			}
			return err
		}); err != nil {
			return 0, 0, err
		}
	}
	return seals.us(n), opens.us(n), nil
}
