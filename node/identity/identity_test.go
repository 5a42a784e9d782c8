package identity

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// The keys that follow from a seed must never change: people's topics hang on them.
func TestDerivation(t *testing.T) {
	a, err := AccountFrom(bytes.Repeat([]byte{1}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	d, err := DeviceFrom(bytes.Repeat([]byte{2}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	account, device := a.Public(), d.Public()
	root := public(a.TopicRoot([]byte("nonce nonce nonc")))
	for what, c := range map[string][2]string{
		"account": {hex.EncodeToString(account[:]), wantAccount},
		"device":  {hex.EncodeToString(device[:]), wantDevice},
		"root":    {hex.EncodeToString(root[:]), wantRoot},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %s, want %s", what, c[0], c[1])
		}
	}
	if bytes.Equal(a.TopicRoot([]byte("a")), a.TopicRoot([]byte("b"))) {
		t.Error("two topics have one root")
	}
}

func TestSeedSizes(t *testing.T) {
	if _, err := AccountFrom(nil); err == nil {
		t.Error("an account from nothing")
	}
	if _, err := DeviceFrom(make([]byte, 33)); err == nil {
		t.Error("a device from 33 bytes")
	}
	w1, err1 := NewWriter()
	w2, err2 := NewWriter()
	if err1 != nil || err2 != nil || bytes.Equal(w1, w2) {
		t.Error("NewWriter")
	}
}

// No label may begin another: what is signed for one purpose would do for two.
func TestLabels(t *testing.T) {
	labels := []string{certificateLabel, revocationLabel, introDeviceLabel, introWriterLabel, linkLabel, safetyLabel, codeLabel, "linnet/record/1"}
	for i, a := range labels {
		for j, b := range labels {
			if i != j && strings.HasPrefix(a, b) {
				t.Errorf("%q begins %q", b, a)
			}
		}
	}
}

const (
	wantAccount = "cd893e41e0dabe1d20243ab32225c027ad503429505038c1264ec7d773ad1cc4"
	wantDevice  = "e6c19ee7784dc2c3088b88db1e7464cd221ba40d575c7911465d176c6cdf99e0"
	wantRoot    = "4db810f47f566c753c766f433a3ea7948f7d1f207c673c66f36a0461b89bf85b"
)
