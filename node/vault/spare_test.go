package vault

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestSpare(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	var out bytes.Buffer
	w, err := NewSpare(&out, key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Part("rows").Write([]byte("who I am"))
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("who I am")) {
		t.Error("it lies open")
	}
	r, err := OpenSpare(out.Bytes(), key)
	if err != nil {
		t.Fatal(err)
	}
	name, part, err := r.Next()
	if err != nil || name != "rows" {
		t.Fatalf("%q, %v", name, err)
	}
	if got, err := io.ReadAll(part); err != nil || string(got) != "who I am" {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	for at := range out.Bytes() {
		bad := bytes.Clone(out.Bytes())
		bad[at] ^= 1
		if _, err := OpenSpare(bad, key); !errors.Is(err, ErrBackupDamaged) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
	}
	key[0]++
	if _, err := OpenSpare(out.Bytes(), key); !errors.Is(err, ErrBackupDamaged) {
		t.Errorf("another key: %v", err)
	}
}

// FuzzSpare reads anything as a second copy.
func FuzzSpare(f *testing.F) {
	key := make([]byte, 32)
	var out bytes.Buffer
	w, err := NewSpare(&out, key)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte(spareMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := OpenSpare(raw, key); err != nil && !errors.Is(err, ErrBackupDamaged) {
			t.Errorf("%v", err)
		}
	})
}
