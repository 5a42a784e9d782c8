package seal

import (
	"bytes"
	"errors"
	"testing"
)

func TestLetter(t *testing.T) {
	p, err := NewPrekey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewPrekey()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 63, 64, 1000, 70_000, MaxLetter} {
		content := bytes.Repeat([]byte{7}, n)
		letter, err := SealLetter(p.Public, content)
		if err != nil {
			t.Fatal(n, err)
		}
		got, err := OpenLetter([]Prekey{other, p}, letter)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes: %d, %v", n, len(got), err)
		}
		if len(letter) > 256<<10 {
			t.Errorf("%d bytes make a letter of %d", n, len(letter))
		}
	}
	if _, err := SealLetter(p.Public, make([]byte, MaxLetter+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("too long: %v", err)
	}
	if _, err := SealLetter(p.Public[:100], nil); !errors.Is(err, ErrForm) {
		t.Errorf("half a prekey: %v", err)
	}
	letter, err := SealLetter(p.Public, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLetter([]Prekey{other}, letter); !errors.Is(err, ErrLost) {
		t.Errorf("another's letter: %v", err)
	}
	for i := range letter {
		bad := bytes.Clone(letter)
		bad[i] ^= 1
		if got, err := OpenLetter([]Prekey{p}, bad); err == nil {
			t.Fatalf("byte %d changed: %q", i, got)
		}
	}
	if err := CheckPrekey(p.Public); err != nil {
		t.Error(err)
	}
	if err := CheckPrekey(make([]byte, publicSize)); err == nil {
		t.Error("a key of zeros can be sealed to")
	}
}

func FuzzOpenLetter(f *testing.F) {
	p, err := NewPrekey()
	if err != nil {
		f.Fatal(err)
	}
	letter, err := SealLetter(p.Public, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(letter)
	f.Add([]byte{letterVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		if content, err := OpenLetter([]Prekey{p}, b); err == nil && string(content) != "hello" {
			t.Errorf("%q out of nothing", content)
		}
	})
}
