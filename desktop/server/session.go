package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
)

const (
	tokenBytes   = 32
	codeBytes    = 16
	pairingBytes = 5
	codeLife     = time.Minute
	pairingLife  = 5 * time.Minute
	maxCodes     = 64
	maxSessions  = 256

	pairingLength = pairingBytes * 8 / 5 // characters of base32

	// Wrong codes: a burst of badBurst, then one each badEvery. 40 bits and five
	// minutes leave a guesser no chance.
	badBurst = 10
	badEvery = 2 * time.Second
)

// sessions knows who may come in. Only hashes of the page's tokens are kept.
type sessions struct {
	token string // of the discovery file

	mu    sync.Mutex
	live  map[[32]byte]time.Time // hash of token -> since
	codes map[[32]byte]time.Time // hash of code -> until
	bad   float64                // wrong codes, draining
	badAt time.Time
}

func newSessions() *sessions {
	return &sessions{token: random(tokenBytes), live: map[[32]byte]time.Time{}, codes: map[[32]byte]time.Time{}}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// allows reports whether an Authorization header lets its sender in.
func (s *sessions) allows(header string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || token == "" {
		return false
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok = s.live[sha256.Sum256([]byte(token))]
	return ok
}

// isProgram reports whether a request comes with the token of the discovery file:
// from a command or a bot, and not from the page.
func (s *sessions) isProgram(header string) bool {
	return subtle.ConstantTimeCompare([]byte(header), []byte("Bearer "+s.token)) == 1
}

// newCode makes a code that works once within life.
func (s *sessions) newCode(size int, life time.Duration) string {
	b := make([]byte, size)
	_, _ = rand.Read(b) // crypto/rand never fails
	code := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropOldLocked()
	s.codes[sha256.Sum256([]byte(code))] = time.Now().Add(life)
	return code
}

// typed is the code that a person meant: codes have no 0, 1 and 8.
func typed(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(code))
}

// dropOldLocked makes room for a code: of too many, the one goes that would end first.
func (s *sessions) dropOldLocked() {
	now := time.Now()
	maps.DeleteFunc(s.codes, func(_ [32]byte, until time.Time) bool { return now.After(until) })
	if len(s.codes) >= maxCodes {
		delete(s.codes, earliest(s.codes))
	}
}

// earliest returns the key of the earliest time.
func earliest(of map[[32]byte]time.Time) (first [32]byte) {
	var least time.Time
	for h, at := range of {
		if least.IsZero() || at.Before(least) {
			first, least = h, at
		}
	}
	return first
}

// exchange gives a token for a code.
func (s *sessions) exchange(code string) (token string, err *problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.bad = max(0, s.bad-float64(now.Sub(s.badAt))/float64(badEvery))
	s.badAt = now
	code = typed(code)
	h := sha256.Sum256([]byte(code))
	until, ok := s.codes[h]
	// A right long code was not guessed: whoever floods this with wrong ones does
	// not lock out the person.
	if s.bad >= badBurst && (!ok || len(code) <= pairingLength) {
		return "", newProblem(api.CodeTooMany, "Too many wrong codes", "Wait a minute, then ask for a new code with: linnet open")
	}
	delete(s.codes, h)
	if !ok || now.After(until) {
		s.bad++
		return "", newProblem(api.CodeUnauthorized, "This code does not work any more", "A code works once and for a short time. Get a new one with: linnet open")
	}
	if len(s.live) >= maxSessions {
		delete(s.live, earliest(s.live))
	}
	token = random(tokenBytes)
	s.live[sha256.Sum256([]byte(token))] = now
	return token, nil
}

func (s *sessions) end(header string) {
	token, _ := strings.CutPrefix(header, "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, sha256.Sum256([]byte(token)))
}

func (s *Server) sessionRoutes(a huma.API) {
	open := operation(http.MethodPost, api.PathSession, "begin-session", "Exchange a one-time code for a token", http.StatusOK)
	open.Security = nil
	huma.Register(a, open, func(_ context.Context, in *struct{ Body api.SessionCode }) (*body[api.Session], error) {
		token, err := s.sessions.exchange(in.Body.Code)
		if err != nil {
			return nil, err
		}
		return answer(api.Session{Token: token}), nil
	})
	huma.Register(a, operation(http.MethodDelete, api.PathSession, "end-session", "End the session of this token", http.StatusNoContent),
		func(_ context.Context, in *struct {
			Authorization string `header:"Authorization" hidden:"true"`
		}) (*struct{}, error) {
			s.sessions.end(in.Authorization)
			return nil, nil
		})
	huma.Register(a, operation(http.MethodPost, api.PathCodes, "new-code", "Make a one-time code that opens the page", http.StatusCreated),
		func(context.Context, *struct{}) (*body[api.NewCode], error) {
			code := s.NewCode()
			return answer(api.NewCode{Code: code, URL: s.URL() + "/#code=" + code, Seconds: int(codeLife.Seconds())}), nil
		})
	health := operation(http.MethodGet, api.PathHealth, "health", "Whether this is a running Linnet", http.StatusOK)
	health.Security = nil
	huma.Register(a, health, func(context.Context, *struct{}) (*body[api.Health], error) {
		return answer(api.Health{Program: "linnet"}), nil
	})
}
