package main

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
)

const (
	prekeySize = 1216 // bytes of a prekey, and of an entry of an epoch (PROTOCOL.md §11.1)
	entrySize  = 1176
)

// turnSample is what a turn of a direct topic costs more than a text in a chain.
type turnSample struct {
	bytes, writer, reader float64
	raw                   rawKeys
}

// measureTurns has two devices write in turn, each two texts: the first begins an
// epoch and the second does not.
func measureTurns(r *mathrand.Rand, n, size int) (t turnSample, err error) {
	texts, err := posts(r, 2*n, size)
	if err != nil {
		return t, err
	}
	if t.raw, err = measureKeys(n); err != nil {
		return t, err
	}
	a, b, err := openPair(seal.Direct)
	if err != nil {
		return t, err
	}
	var writes, reads [2]stopwatch
	var sizes [2][]float64
	runtime.GC()
	for i, text := range texts {
		now, in := sealStart+int64(i+1)*1000, i%2
		if in == 0 {
			a, b = b, a
		}
		var bodies [][]byte
		if err := writes[in].run(func() error {
			bodies, err = a.s.Seal(seal.Draft{Seq: a.nextSeq(), Time: now, Text: text})
			a.save()
			return err
		}); err != nil {
			return t, err
		}
		rs, err := a.sign(now, record.KindPost, bodies...)
		if err != nil || len(rs) != 1 {
			return t, fmt.Errorf("%d records for a text in a direct topic: %w", len(rs), err)
		}
		sizes[in] = append(sizes[in], float64(len(rs[0].Bytes())))
		var news seal.News
		if err := reads[in].run(func() error {
			if news, err = b.receive(rs[0], now); err != nil {
				return err
			}
			err = b.s.Complete(a.w, rs[0].Seq, now)
			b.save()
			return err
		}); err != nil {
			return t, err
		}
		if !bytes.Equal(news.Plaintext, text) {
			return t, errWrongText
		}
		if turned := len(news.Epochs) == 1; turned != (in == 0) {
			return t, fmt.Errorf("text %d begins a turn: %v", i, turned)
		}
	}
	t.bytes = median(sizes[0]) - median(sizes[1])
	t.writer, t.reader = writes[0].us(n)-writes[1].us(n), reads[0].us(n)-reads[1].us(n)
	return t, nil
}

// rawKeys is the floor of an epoch: HPKE alone, microseconds.
type rawKeys struct{ make, seal, open float64 }

func measureKeys(n int) (k rawKeys, err error) {
	kem, kdf, aead := hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305()
	var makes, seals, opens stopwatch
	secret, info := make([]byte, 32), make([]byte, 128)
	runtime.GC()
	for range n {
		seed := make([]byte, 32)
		var public, sealed []byte
		if err := makes.run(func() error {
			rand.Read(seed)
			sk, err := kem.NewPrivateKey(seed)
			if err == nil {
				public = sk.PublicKey().Bytes()
			}
			return err
		}); err != nil {
			return k, err
		}
		if err := seals.run(func() error {
			pk, err := kem.NewPublicKey(public)
			if err == nil {
				sealed, err = hpke.Seal(pk, kdf, aead, info, secret)
			}
			return err
		}); err != nil {
			return k, err
		}
		if err := opens.run(func() error {
			sk, err := kem.NewPrivateKey(seed)
			if err == nil {
				_, err = hpke.Open(sk, kdf, aead, info, sealed)
			}
			return err
		}); err != nil {
			return k, err
		}
	}
	return rawKeys{makes.us(n), seals.us(n), opens.us(n)}, nil
}
