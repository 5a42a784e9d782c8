package topic

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"testing"

	"github.com/linnet-im/linnet/node/record"
)

func checkpointRecord(t testing.TB, body []byte) *record.Record {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	r, err := record.Sign(record.Header{Topic: record.TopicID{1}, Seq: 1, Time: 1, Kind: record.KindCheckpoint}, body, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCheckpoint(t *testing.T) {
	in := Checkpoint{Number: 97, Posts: 4812, Chains: 3, Heads: []Head{{record.Writer{9}, 7, record.ID{1}}, {record.Writer{2}, 1 << 40, record.ID{2}}}}
	body, err := in.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := OpenCheckpoint(checkpointRecord(t, body))
	if err != nil || !reflect.DeepEqual(out, in) || out.Heads[0].Writer != (record.Writer{2}) {
		t.Errorf("%+v, %v", out, err)
	}
	many := Checkpoint{Number: 1, Chains: 2000}
	for i := range 2000 {
		many.Heads = append(many.Heads, Head{record.Writer{byte(i >> 8), byte(i)}, 1, record.ID{1}})
	}
	if body, err = many.Encode(); err != nil || len(body) > record.MaxBody {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	if out, err := OpenCheckpoint(checkpointRecord(t, body)); err != nil || len(out.Heads) != MaxHeads {
		t.Errorf("%d heads, %v", len(out.Heads), err)
	}
}

func TestBadCheckpoint(t *testing.T) {
	head := make([]byte, headSize)
	head[39] = 1
	for name, b := range map[string]checkpointBody{
		"number 0":     {Heads: head},
		"half a head":  {Number: 1, Heads: head[:71]},
		"seq 0":        {Number: 1, Heads: make([]byte, headSize)},
		"a head twice": {Number: 1, Heads: append(head, head...)},
		"too many":     {Number: 1, Heads: make([]byte, headSize*(MaxHeads+1))},
	} {
		body, err := record.EncodeBody(b)
		if err != nil {
			t.Fatal(name, err)
		}
		if len(body) > record.MaxBody {
			continue
		}
		if _, err := OpenCheckpoint(checkpointRecord(t, body)); !errors.Is(err, ErrOp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	body, err := Checkpoint{Number: 1, Heads: []Head{{record.Writer{9}, 7, record.ID{1}}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > record.MaxBody {
			return
		}
		c, err := OpenCheckpoint(checkpointRecord(t, b))
		if err == nil && len(c.Heads) > MaxHeads {
			t.Errorf("%d heads", len(c.Heads))
		}
	})
}
