package front

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// TestTicketVectors holds tickets against what is written down for other
// implementations.
func TestTicketVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/ticket.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Pass, Way, Nonce string
		Time, Count      uint32
		Path             string
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all) < 3 {
		t.Fatal(len(all), err)
	}
	for i, v := range all {
		p, err1 := hex.DecodeString(v.Pass)
		n, err2 := hex.DecodeString(v.Nonce)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		k := ticket{Nonce: [nonceSize]byte(n), Time: v.Time, Count: v.Count}
		if got := k.path(pass(p), v.Way); got != v.Path {
			t.Errorf("%d: path %s, want %s", i, got, v.Path)
		}
	}
}

// TestLooksVectors: what PROTOCOL.md §20.3 says, for another implementation.
func TestLooksVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/looks.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Seed, Record []byte
		File         json.RawMessage
		Refused      map[string][]byte
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(v.Seed)
	record, err := SignProfiles(v.File, time.Now(), key)
	if err != nil || !bytes.Equal(record, v.Record) {
		t.Errorf("signed it is %s, %v", base64.StdEncoding.EncodeToString(record), err)
	}
	public := key.Public().(ed25519.PublicKey)
	if p, err := ParseProfiles(v.Record, public); err != nil || p.Serial() != 1790000000000 || len(p.all) != 2 || p.all[1].Capture == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if len(v.Refused) < 3 {
		t.Error("nothing is refused")
	}
	for why, record := range v.Refused {
		if _, err := ParseProfiles(record, public); !errors.Is(err, ErrProfiles) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
