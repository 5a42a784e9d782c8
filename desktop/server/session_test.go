package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

func TestCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		code := s.newCode(codeBytes, codeLife)
		token, p := s.exchange(strings.ToLower(code[:4]) + " " + code[4:])
		if p != nil || !s.allows("Bearer "+token) {
			t.Fatalf("%v", p)
		}
		if _, p := s.exchange(code); p == nil || p.Code != api.CodeUnauthorized {
			t.Error("a code works twice")
		}
		late := s.newCode(pairingBytes, pairingLife)
		if len(late) != 8 {
			t.Errorf("pairing code %q", late)
		}
		time.Sleep(pairingLife + time.Second)
		if _, p := s.exchange(late); p == nil {
			t.Error("a code works for ever")
		}
		for range 2 * badBurst {
			_, p = s.exchange("guess")
		}
		if p.Code != api.CodeTooMany {
			t.Errorf("guessing goes on: %v", p)
		}
		if _, p := s.exchange(s.newCode(pairingBytes, pairingLife)); p == nil || p.Code != api.CodeTooMany {
			t.Errorf("a short code may have been guessed: %v", p)
		}
		if _, p := s.exchange(s.newCode(codeBytes, codeLife)); p != nil {
			t.Errorf("who guesses locks out the person: %v", p)
		}
		good := s.newCode(codeBytes, 10*time.Minute)
		time.Sleep(time.Minute)
		if _, p := s.exchange(good); p != nil {
			t.Errorf("a person is locked out for ever: %v", p)
		}
	})
}

func TestTyped(t *testing.T) {
	for in, want := range map[string]string{"abcd efgh": "ABCDEFGH", "ab-cd-ef": "ABCDEF", "o0i1b8": "OOIIBB"} {
		if got := typed(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// TestBounds: neither codes nor sessions pile up, and the newest are kept.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		old := s.newCode(codeBytes, codeLife)
		token, _ := s.exchange(s.newCode(codeBytes, codeLife))
		var last string
		for range maxCodes {
			time.Sleep(time.Millisecond)
			last = s.newCode(codeBytes, codeLife)
		}
		if _, p := s.exchange(old); p == nil || len(s.codes) != maxCodes {
			t.Errorf("%d codes", len(s.codes))
		}
		if _, p := s.exchange(last); p != nil {
			t.Errorf("the newest code is gone: %v", p)
		}
		for range maxSessions {
			time.Sleep(time.Millisecond)
			if last, _ = s.exchange(s.newCode(codeBytes, codeLife)); !s.allows("Bearer " + last) {
				t.Fatal("the newest session is gone")
			}
		}
		if s.allows("Bearer "+token) || len(s.live) != maxSessions {
			t.Errorf("%d sessions", len(s.live))
		}
	})
}
