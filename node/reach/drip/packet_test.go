package drip

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"
)

// vector is one packet of testdata/packets.json, as PROTOCOL.md gives it.
type vector struct {
	Kind    string `json:"kind"` // "ask" or "answer"
	Flags   byte   `json:"flags"`
	Session string `json:"session"`
	Ack     uint64 `json:"ack"`
	Window  uint32 `json:"window"`
	Want    int    `json:"want,omitempty"`
	Wait    int    `json:"wait_ms,omitempty"`
	Offset  uint64 `json:"offset"`
	Data    string `json:"data"`
	Bytes   string `json:"bytes"`
}

func vectors(t testing.TB) (vs []vector) {
	t.Helper()
	b, err := os.ReadFile("testdata/packets.json")
	if err == nil {
		err = json.Unmarshal(b, &vs)
	}
	if err != nil || len(vs) == 0 {
		t.Fatalf("%d vectors, %v", len(vs), err)
	}
	return vs
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	for i, v := range vectors(t) {
		b, id, data := unhex(t, v.Bytes), sessionID(unhex(t, v.Session)), unhex(t, v.Data)
		switch v.Kind {
		case "ask":
			want := ask{v.Flags, id, v.Ack, v.Window, v.Want, time.Duration(v.Wait) * time.Millisecond, v.Offset, data}
			if got, err := decodeAsk(b); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%d: %+v, %v", i, got, err)
			}
			if got := want.encode(); !bytes.Equal(got, b) {
				t.Errorf("%d: encodes to %x", i, got)
			}
		case "answer":
			want := answer{v.Flags, id, v.Ack, v.Window, v.Offset, data}
			if got, err := decodeAnswer(b); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%d: %+v, %v", i, got, err)
			}
			if got := want.encode(); !bytes.Equal(got, b) {
				t.Errorf("%d: encodes to %x", i, got)
			}
		default:
			t.Errorf("%d: kind %q", i, v.Kind)
		}
	}
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, askHead))
	f.Add(bytes.Repeat([]byte{0xff}, askHead+1))
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.Bytes))
	}
}

func FuzzAsk(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAsk(b)
		if err != nil {
			return
		}
		if len(a.Data) > maxData || a.Offset > maxOffset || a.Ack > maxOffset {
			t.Errorf("out of bounds: %+v", a)
		}
		if again := a.encode(); !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x", b, again)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAnswer(b)
		if err != nil {
			return
		}
		if len(a.Data) > maxData || a.Offset > maxOffset || a.Ack > maxOffset {
			t.Errorf("out of bounds: %+v", a)
		}
		if again := a.encode(); !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x", b, again)
		}
	})
}
