package front

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// RecordMost is the length in bytes that a record of profiles has at most.
const RecordMost = 32 << 10

// Bounds on what is in a record.
const (
	profilesMost = 32
	linesMost    = 16
	lineMost     = 512
)

// profilesDomain is put before what is signed.
const profilesDomain = "linnet/looks/1"

// Profiles are the browsers that a bridge wants its guests to look like, on the way to
// itself. They are never changed; nil is none.
type Profiles struct {
	serial int64
	all    []profile
}

// Serial returns the number by which a bridge's newer profiles are told from its older
// ones: 0 for nil, else above it.
func (p *Profiles) Serial() int64 {
	if p == nil {
		return 0
	}
	return p.serial
}

// SignProfiles makes the record of the bridge that has key of what its owner wrote: the
// JSON of a record (PROTOCOL.md §20.3), in which the serial number may be left out: then
// it is now in milliseconds. The error matches ErrProfiles and says what is wrong.
func SignProfiles(file []byte, now time.Time, key ed25519.PrivateKey) ([]byte, error) {
	if len(file) > RecordMost {
		return nil, fmt.Errorf("%w: they have %d bytes, at most %d", ErrProfiles, len(file), RecordMost)
	}
	r, err := decodeProfiles(file)
	if err != nil {
		return nil, err
	}
	if r.Serial == 0 {
		r.Serial = now.UnixMilli()
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfiles, err)
	}
	record := append(ed25519.Sign(key, append([]byte(profilesDomain), body...)), body...)
	if _, err := ParseProfiles(record, key.Public().(ed25519.PublicKey)); err != nil {
		return nil, err
	}
	return record, nil
}

// ParseProfiles reads a record from the bridge that has key. Handshakes in it that this
// program does not have are tried with a server in memory, which takes some
// milliseconds each. The error matches ErrProfiles.
func ParseProfiles(record []byte, key ed25519.PublicKey) (*Profiles, error) {
	if len(record) <= ed25519.SignatureSize || len(record) > RecordMost {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrProfiles, len(record), RecordMost)
	}
	signature, body := record[:ed25519.SignatureSize], record[ed25519.SignatureSize:]
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(profilesDomain), body...), signature) {
		return nil, fmt.Errorf("%w: they are not signed by the bridge", ErrProfiles)
	}
	r, err := decodeProfiles(body)
	if err != nil {
		return nil, err
	}
	if r.Serial == 0 {
		return nil, fmt.Errorf("%w: they have no serial number", ErrProfiles)
	}
	if err := tryCaptures(r.Profiles); err != nil {
		return nil, err
	}
	return &Profiles{r.Serial, r.Profiles}, nil
}

// profilesRecord is what is signed.
type profilesRecord struct {
	Serial   int64     `json:"serial"`
	Profiles []profile `json:"profiles"`
}

func decodeProfiles(body []byte) (r profilesRecord, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrProfiles, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, fmt.Errorf("%w: something stands behind them", ErrProfiles)
	}
	if r.Serial < 0 {
		return r, fmt.Errorf("%w: their serial number is below 0", ErrProfiles)
	}
	if len(r.Profiles) > profilesMost {
		return r, fmt.Errorf("%w: there are %d of them, at most %d", ErrProfiles, len(r.Profiles), profilesMost)
	}
	browsers := 0
	for i, p := range r.Profiles {
		if err := p.check(); err != nil {
			return r, fmt.Errorf("%w: number %d: %w", ErrProfiles, i+1, err)
		}
		if p.Hello != helloGo {
			browsers++
		}
	}
	if browsers == 0 {
		return r, fmt.Errorf("%w: no browser is among them", ErrProfiles)
	}
	return r, nil
}

// reserved are the lines that are not a profile's to set.
var reserved = map[string]bool{
	"host": true, "cookie": true, "origin": true, "user-agent": true, "upgrade": true, "connection": true,
	"content-length": true, "transfer-encoding": true, "expect": true, "trailer": true, "te": true,
}

func (p profile) check() error {
	if p.Look == "" || len(p.Look) > 40 || !isName(p.Look) {
		return fmt.Errorf("it is called %.50q", p.Look)
	}
	if err := p.checkHello(); err != nil {
		return fmt.Errorf("%s %w", p.Look, err)
	}
	if len(p.Header) > linesMost {
		return fmt.Errorf("%s has %d lines, at most %d", p.Look, len(p.Header), linesMost)
	}
	for _, line := range append([][2]string{{"X", p.Agent}}, p.Header...) {
		name := strings.ToLower(line[0])
		if len(name) > lineMost || len(line[1]) > lineMost || !isName(name) || !isText(line[1]) || reserved[name] || strings.HasPrefix(name, "sec-websocket-") {
			if line[0] == "X" && line[1] == p.Agent {
				return fmt.Errorf("%s has an agent %.50q that cannot stand", p.Look, p.Agent)
			}
			return fmt.Errorf("%s has a line %.50q that cannot stand", p.Look, line[0])
		}
	}
	return nil
}

func (p profile) checkHello() error {
	if p.Capture != nil {
		if p.Hello != "" {
			return fmt.Errorf("has both a capture and a TLS handshake %.50q", p.Hello)
		}
		if _, err := capturedHello(p.Capture, p.Shuffle); err != nil {
			return fmt.Errorf("has a capture that cannot be used: %w", err)
		}
		return nil
	}
	if _, ok := hellos[p.Hello]; !ok && p.Hello != helloGo {
		return fmt.Errorf("has a TLS handshake %.50q, which is not known", p.Hello)
	}
	if p.Shuffle {
		return fmt.Errorf("shuffles without a capture")
	}
	return nil
}

// isName reports whether s is letters, digits and hyphens, and not empty.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
	})
}

// isText reports whether s is printable ASCII, not empty, and does not begin or end
// with a space.
func isText(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
